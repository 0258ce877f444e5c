"""Does the doctor know what real rules do with a real advert?"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.iptables import Rules
from doctor.nft import Ruleset
from doctor.packet import ACCEPT, DROP, OPEN, Packet
from tests.commands import program

ADVERT = Packet("ip", "v0")
DROPPING = "chain inet f i { type filter hook input priority 0; policy drop; }"

OPEN_CHAIN = "chain inet f i { type filter hook input priority 0; policy accept; }"

# what follows "nft add", and what the doctor says; where that is not OPEN the kernel has to agree
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
    "a limit": ([DROPPING, "rule inet f i limit rate 10/second accept"], OPEN),
    "a map": ([DROPPING, "rule inet f i ip protocol vmap { vrrp : accept, tcp : drop }"], OPEN),
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
    "interfaces": (["-P INPUT DROP", "-A INPUT -i v+ -m mark --mark 0x0 -j ACCEPT"], OPEN),
    "a source": (["-P INPUT DROP", "-A INPUT -s 203.0.113.5/32 -p vrrp -j ACCEPT"], OPEN),
}


def test_the_kernel_agrees_about_every_set_of_rules(tmp_path: Path) -> None:
    """Each is loaded by the real tool, listed by it, read by the doctor, and met by an advert."""
    if os.geteuid() != 0:
        pytest.skip("namespaces and raw sockets want root")
    for name in ("nft", "iptables-nft", "ip"):
        program(name)
    sets = [
        [["nft", "add", "table", "inet", "f"], *([["nft", "add", rule] for rule in rules])] for rules, _ in NFT.values()
    ]
    sets += [[["iptables-nft", *shlex.split(rule)] for rule in rules] for rules, _ in IPTABLES.values()]
    done = subprocess.run(
        [program("unshare"), "-n", sys.executable, str(Path(__file__).with_name("knock.py"))],
        input=json.dumps(sets),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    said, came, wanted = {}, {}, {}
    for (name, (_, verdict)), answer in zip(NFT.items(), answers, strict=False):
        said[name], wanted[name], came[name] = Ruleset(answer["nft"]).verdict(ADVERT), verdict, answer["came"]
    for (name, (_, verdict)), answer in zip(IPTABLES.items(), answers[len(NFT) :], strict=True):
        key = f"iptables: {name}"
        said[key], wanted[key], came[key] = Rules(answer["iptables"]).verdict(ADVERT), verdict, answer["came"]
        assert Ruleset(answer["nft"], but_iptables=True).verdict(ADVERT) == ACCEPT
    assert said == wanted
    told = {name: verdict == ACCEPT for name, verdict in said.items() if verdict != OPEN}
    assert told == {name: came[name] for name in told}


def test_a_unicast_peer_is_known_by_its_source() -> None:
    """Then a rule for its address can be told."""
    rules = Rules("-P INPUT DROP\n-A INPUT -s 203.0.113.5/32 -p vrrp -j ACCEPT\n")
    assert rules.verdict(Packet("ip", "v0", "203.0.113.5", "203.0.113.1")) == ACCEPT
    assert rules.verdict(Packet("ip", "v0", "203.0.113.6", "203.0.113.1")) == DROP


def test_chains_that_lead_round_in_circles_end() -> None:
    """The kernel refuses them, a saved file may hold them."""
    assert Rules("-A INPUT -j a\n-A a -j b\n-A b -j a\n").verdict(ADVERT) == OPEN
    rule = {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"jump": {"target": "c"}}]}}
    base = {"chain": {"family": "ip", "table": "t", "name": "c", "hook": "input", "policy": "drop"}}
    assert Ruleset(json.dumps({"nftables": [base, rule, rule]})).verdict(ADVERT) == OPEN


@given(
    st.text()
    | st.lists(st.sampled_from(["-A INPUT", "-j", "ACCEPT", "!", "-p", "vrrp", "-i", "\n", "'", "-P"])).map(" ".join)
)
def test_any_rules_of_iptables_have_a_verdict(text: str) -> None:
    """Nothing is raised."""
    assert Rules(text).verdict(ADVERT) in (ACCEPT, DROP, OPEN)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["match", "accept", "meta", "ip"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["match", "left", "right", "op", "meta", "key", "jump", "payload", "set"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(_JSON)
def test_any_rules_of_nftables_have_a_verdict(expression: object) -> None:
    """Or are refused."""
    base = {"chain": {"family": "ip", "table": "t", "name": "c", "hook": "input"}}
    rule = {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [expression]}}
    assert Ruleset(json.dumps({"nftables": [base, rule, expression]})).verdict(ADVERT) in (ACCEPT, DROP, OPEN)
    text = json.dumps(expression)
    try:
        Ruleset(text)
    except ValueError as error:
        assert str(error) == "not the rules of nftables"  # noqa: PT017
