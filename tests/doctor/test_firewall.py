"""Does the doctor tell what real rules do with a real advert?"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from doctor import firewall
from doctor.case import Case
from doctor.host import Host
from doctor.tracking import Peers
from doctor.trial import TrialError, trial
from tests.commands import CODE, program
from vipwarden.node.keepalived.conf import parse

ACCEPT, DROP, OPEN = "accept", "firewall-blocks-vrrp", "firewall-untold"
CONF = "vrrp_instance V {{\n interface v0\n virtual_router_id 7\n {}\n virtual_ipaddress {{\n 192.0.2.10\n }}\n}}\n"
DROPPING = "chain inet f i { type filter hook input priority 0; policy drop; }"

OPEN_CHAIN = "chain inet f i { type filter hook input priority 0; policy accept; }"

# what follows "nft add", and the verdict; where that is not OPEN an advert of 198.51.100.1 has to agree
NFT: dict[str, tuple[list[str], str]] = {
    "nothing": ([], ACCEPT),
    "policy": ([DROPPING], DROP),
    "protocol": ([DROPPING, "rule inet f i ip protocol vrrp accept"], ACCEPT),
    "l4proto": ([DROPPING, "rule inet f i meta l4proto 112 accept"], ACCEPT),
    "usual": (
        [
            DROPPING,
            "rule inet f i ct state established,related accept",
            "rule inet f i ct state invalid drop",
            "rule inet f i iifname lo accept",
            "rule inet f i ip protocol icmp accept",
            "rule inet f i tcp dport { 22, 80 } accept",
            "rule inet f i udp dport 53 counter log accept",
        ],
        DROP,
    ),
    "group": ([OPEN_CHAIN, "rule inet f i ip daddr 224.0.0.0/8 accept", "rule inet f i drop"], ACCEPT),
    "other group": ([DROPPING, "rule inet f i ip daddr { 224.0.0.1, 224.0.0.22 } accept"], DROP),
    "jump": (
        [
            DROPPING,
            "chain inet f services",
            "rule inet f services ip protocol { tcp, vrrp } accept",
            "rule inet f i jump services",
        ],
        ACCEPT,
    ),
    "jump and back": ([DROPPING, "chain inet f s", "rule inet f s return", "rule inet f i jump s"], DROP),
    "zones": (
        [
            OPEN_CHAIN,
            "chain inet f public",
            "rule inet f public meta l4proto vrrp accept",
            "rule inet f public reject with icmpx admin-prohibited",
            "rule inet f i iifname v0 goto public",
            "rule inet f i drop",
        ],
        ACCEPT,
    ),
    "zone without": (
        [
            OPEN_CHAIN,
            "chain inet f public",
            "rule inet f public reject with icmpx admin-prohibited",
            'rule inet f i iifname "v*" goto public',
        ],
        DROP,
    ),
    "two chains": ([OPEN_CHAIN, "rule inet f i ip protocol vrrp accept", DROPPING.replace(" i ", " later ")], DROP),
    "another interface": (
        [OPEN_CHAIN, "rule inet f i iifname != v0 drop"],
        ACCEPT,
    ),
    "new": ([OPEN_CHAIN, "rule inet f i ct state new drop"], DROP),
    "multicast": ([DROPPING, "rule inet f i meta pkttype multicast accept"], ACCEPT),
    "not vrrp": ([DROPPING, "rule inet f i meta l4proto != vrrp accept"], DROP),
    "IPv6 alone": ([DROPPING, "rule inet f i ip6 nexthdr vrrp accept", "rule inet f i meta nfproto ipv6 accept"], DROP),
    "keepalived's own set of VIPs": (
        [
            OPEN_CHAIN,
            "set inet f vips { type ipv4_addr; elements = { 192.0.2.10 }; }",
            "rule inet f i ip daddr @vips drop",
        ],
        ACCEPT,
    ),
    "a set with the group": (
        [
            OPEN_CHAIN,
            'set inet f groups { type ipv4_addr; elements = { 224.0.0.1, 224.0.0.18 comment "vrrp" }; }',
            "rule inet f i ip daddr @groups drop",
        ],
        DROP,
    ),
    "a set of ranges": (
        [
            DROPPING,
            "set inet f groups { type ipv4_addr; flags interval; elements = { 224.0.0.0/24 }; }",
            "rule inet f i ip daddr @groups accept",
        ],
        ACCEPT,
    ),
    "an empty set": (
        [DROPPING, "set inet f protocols { type inet_proto; }", "rule inet f i ip protocol @protocols accept"],
        DROP,
    ),
    "a source": ([DROPPING, "rule inet f i ip saddr 203.0.113.0/24 ip protocol vrrp accept"], OPEN),
    "a limit": ([DROPPING, "rule inet f i limit rate 10/second accept"], ACCEPT),
    "a map": ([DROPPING, "rule inet f i ip protocol vmap { vrrp : accept, tcp : drop }"], ACCEPT),
    "a blocked address": ([OPEN_CHAIN, "rule inet f i ip saddr 203.0.113.66 drop"], OPEN),
    "an interface by number": ([DROPPING, "rule inet f i iif v0 accept", "rule inet f i iif v1 drop"], ACCEPT),
    "another hook": (["chain inet f p { type filter hook prerouting priority -300; policy drop; }"], DROP),
    "a limit that does not matter": ([DROPPING, "rule inet f i limit rate 1/second drop"], DROP),
}  # fmt: skip

IPTABLES: dict[str, tuple[list[str], str]] = {
    "policy": (["-P INPUT DROP"], DROP),
    "protocol": (["-P INPUT DROP", "-A INPUT -p vrrp -j ACCEPT"], ACCEPT),
    "number and group": (["-P INPUT DROP", "-A INPUT -i v0 -p 112 -d 224.0.0.18/32 -j ACCEPT"], ACCEPT),
    "usual": (
        [
            "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A INPUT -p icmp -j ACCEPT",
            "-A INPUT -i lo -j ACCEPT",
            "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT",
            "-A INPUT -m comment --comment 'all else' -j REJECT --reject-with icmp-host-prohibited",
        ],
        DROP,
    ),
    "not lo": (["-A INPUT ! -i lo -j DROP"], DROP),
    "multicast": (["-P INPUT DROP", "-A INPUT -m addrtype --dst-type MULTICAST -j ACCEPT"], ACCEPT),
    "packet type": (["-P INPUT DROP", "-A INPUT -m pkttype --pkt-type multicast -j ACCEPT"], ACCEPT),
    "chains": (["-P INPUT DROP", "-N a", "-N b", "-A INPUT -j a", "-A a -g b", "-A b -p vrrp -j ACCEPT"], ACCEPT),
    "back": (["-P INPUT DROP", "-N a", "-A INPUT -j a", "-A a -p vrrp -j RETURN", "-A a -j ACCEPT"], DROP),
    "an empty chain": (["-P INPUT DROP", "-N a", "-A INPUT -j a"], DROP),
    "interfaces": (["-P INPUT DROP", "-A INPUT -i v+ -m mark --mark 0x0 -j ACCEPT"], ACCEPT),
    "a source": (["-P INPUT DROP", "-A INPUT -s 203.0.113.5/32 -p vrrp -j ACCEPT"], OPEN),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and raw sockets want root")
def test_the_doctor_agrees_with_the_kernel_about_every_set_of_rules(tmp_path: Path) -> None:
    """Each is loaded by the real tool and met by an advert, and the doctor is asked beside it."""
    for name in ("nft", "iptables-nft", "ip"):
        program(name)
    conf = tmp_path / "k.conf"
    conf.write_text(CONF.format(""), encoding="utf-8")
    sets = {name: ([["nft", "add", rule] for rule in rules], wanted) for name, (rules, wanted) in NFT.items()}
    for commands, _ in sets.values():
        commands.insert(0, ["nft", "add", "table", "inet", "f"])
    for name, (rules, wanted) in IPTABLES.items():
        sets[f"iptables: {name}"] = [["iptables-nft", *shlex.split(rule)] for rule in rules], wanted
    for peer, wanted in (("203.0.113.5", ACCEPT), ("203.0.113.6", DROP)):
        unicast = tmp_path / f"{peer}.conf"
        unicast.write_text(CONF.format(f"unicast_src_ip 192.0.2.1\n unicast_peer {{\n {peer}\n }}"), encoding="utf-8")
        sets[str(unicast)] = sets["iptables: a source"][0], wanted
    asked = [(name if name.endswith(".conf") else str(conf), commands) for name, (commands, _) in sets.items()]
    done = subprocess.run(
        [program("unshare"), "-n", sys.executable, str(Path(__file__).with_name("knock.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(CODE)},
    )
    assert done.returncode == 0, done.stderr
    answers = dict(zip(sets, json.loads(done.stdout), strict=True))
    said = {name: verdict.partition(":")[0] for name, (_, verdict) in answers.items()}
    wrong = {name: answers[name] for name, (_, wanted) in sets.items() if said[name] != wanted}
    assert wrong == {}
    multicast = {name: came for name, (came, _) in answers.items() if said[name] != OPEN and not name.endswith(".conf")}
    assert {name: said[name] == ACCEPT for name in multicast} == multicast


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has the rules listed")
@pytest.mark.parametrize(
    ("programs", "wanted"),
    [
        ({}, "the program nft is missing"),
        ({"nft": "table inet f { chain i { queue num 5; }; }\n}"}, "a rule hands packets to a program"),
    ],
)
def test_what_no_trial_can_decide_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], wanted: str
) -> None:
    """A program that is missing is named."""
    monkeypatch.setattr(firewall, "_place", lambda name: name if name in programs else "")
    monkeypatch.setattr(firewall, "output", lambda command: programs[command[0]])
    (tmp_path / "k.conf").write_text(CONF.format(""), encoding="utf-8")
    case = Case(parse(f"{tmp_path}/k.conf"), Host(), None, Peers())
    (finding,) = firewall.firewall_untold.findings(case)
    assert wanted in finding.what


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and raw sockets want root")
def test_a_table_of_firewalld_stays_for_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with the flag owner would go with the program that loads it."""
    chain = "\tchain i {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n"
    listing = f"table inet firewalld {{ # progname firewalld\n\tflags owner,persist\n\n{chain}}}\n"
    nft = program("nft")
    monkeypatch.setattr(firewall, "_place", lambda name: nft if name == "nft" else "")
    monkeypatch.setattr(firewall, "output", lambda _: listing)
    (tmp_path / "k.conf").write_text(CONF.format(""), encoding="utf-8")
    case = Case(parse(f"{tmp_path}/k.conf"), Host(), None, Peers())
    assert [finding.rule for finding in firewall.firewall_blocks_vrrp.findings(case)] == [DROP]


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and raw sockets want root")
def test_ipv6_is_tried_as_well() -> None:
    """By multicast and by unicast, with an address that nothing leads to as the third."""
    for name in ("nft", "ip"):
        program(name)
    adverts = [("v0", "fe80::fe", "ff02::12"), ("v0", "2001:db8::2", "2001:db8::1"), ("v0", "::1", "2001:db8::9")]
    rules = "table ip6 f { chain i { type filter hook input priority 0; policy accept; ip6 daddr ff02::12 drop; }; }"
    interfaces = {"v0": ["fe80::1/64", "2001:db8::1/64"]}
    assert trial(interfaces, [], adverts) == [True, True, None]
    assert trial(interfaces, [([program("nft"), "-f", "-"], rules)], adverts) == [False, True, None]


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces want root")
@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (["/none/nft"], "the program /none/nft is missing"),
        (["/bin/sh", "-c", "echo no >&2; exit 1"], "/bin/sh fails.*no"),
    ],
)
def test_rules_that_cannot_be_loaded_have_no_verdict(command: list[str], wanted: str) -> None:
    """The reason is told."""
    program("ip")
    with pytest.raises(TrialError, match=wanted):
        trial({"v0": []}, [(command, "")], [])
