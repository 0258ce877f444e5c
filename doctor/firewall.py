"""Does the firewall of this node accept the adverts of its peers?

The kernel is asked: root copies its rules into an empty network namespace, where adverts come in. Elsewhere only the
zones of firewalld are read.
"""

from __future__ import annotations

import os
import re
import shutil
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, NOTE, at
from doctor.host import SEARCHED, Host, slurp
from doctor.tracking import family
from doctor.trial import GROUPS, TrialError, output, trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from vipwarden.node.keepalived.conf import Block

    Verdicts: TypeAlias = Iterator[tuple[Block, bool, str]]
    Rules: TypeAlias = list[tuple[list[str], str]]  # a command that loads them, and its input

_MOST_SOURCES = 100
_ACCEPT = (
    "firewall-cmd --permanent --add-protocol=vrrp; firewall-cmd --reload; or nft insert rule inet filter input "
    "meta l4proto vrrp accept; or iptables -I INPUT -p vrrp -j ACCEPT"
)
_ENABLED = "/etc/systemd/system/multi-user.target.wants/firewalld.service"
_SAVED = ("sysconfig/iptables", "sysconfig/ip6tables", "iptables/rules.v4", "iptables/rules.v6")
_SAVED_NFT = ("nftables.conf", "sysconfig/nftables.conf")
_ACCEPTING = r"<protocol\s+value=\"(?:vrrp|112)\"|<service\s+name=\"vrrp\"|<zone[^>]*target=\"ACCEPT\""
_TABLE = re.compile(r"^table (?:inet|ip6?) .*?^}", re.MULTILINE | re.DOTALL)
_OF_IPTABLES = re.compile(r"table ip6? (filter|nat|mangle|raw|security) ")
_OWNER = re.compile(r"^\tflags [\w,]*\bowner\b.*\n", re.MULTILINE)
_ADDRESS = re.compile(r"(?<![\w:.])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w:])")


@rule("firewall-blocks-vrrp", ERROR)
def firewall_blocks_vrrp(case: Case) -> Findings:
    """Instances whose adverts this node's firewall drops."""
    for instance, is_dropped, name in _verdicts(case):
        if is_dropped:
            what = f"{name} drops VRRP (protocol 112) for {instance.name} on {instance.value('interface')}"
            yield at(instance, what, "This node does not hear its peers: two nodes hold the VIP.", _ACCEPT)


@rule("firewall-untold", NOTE)
def firewall_untold(case: Case) -> Findings:
    """Instances for which the firewall's verdict is not known."""
    for instance, is_dropped, reason in _verdicts(case):
        if not is_dropped:
            what = f"whether {instance.name} receives VRRP on {instance.value('interface')} is not known: {reason}"
            fix = "Watch for adverts of the peers: tcpdump -ni INTERFACE proto 112"
            yield at(instance, what, "Where it is dropped, two nodes hold the VIP.", fix)


@lru_cache(maxsize=1)  # for both rules
def _verdicts(case: Case) -> list[tuple[Block, bool, str]]:
    """Return instances with dropped adverts (True) and the firewall's name, or unknown ones (False) and the reason."""
    host = case.host
    instances = [instance for instance in case.instances if instance.value("interface")]
    try:
        if host.is_live and os.geteuid() == 0:
            name, rules = _rules(host)
            return list(_tried(host, instances, name, rules)) if instances and rules else []
        if host.lstat(_ENABLED) is not None:
            return list(_by_zone(host, instances))
        saved = [path for path in _SAVED if host.lstat(f"/etc/{path}") is not None]
        saved += [path for path in _SAVED_NFT if "hook input" in host.text(f"/etc/{path}")]
        if not saved and not host.is_live:
            return []
        place = f" in /etc/{saved[0]}" if saved else ""
        raise TrialError(f"the rules{place} can be tried only by root, there")
    except TrialError as error:
        return [(instance, False, str(error)) for instance in instances]


def _rules(host: Host) -> tuple[str, Rules]:
    """Return the firewall's name and the kernel's rules; raises TrialError."""
    rules: Rules = []
    is_nft = False
    for version in ("", "6"):
        legacy = bool(slurp(f"{host.proc}/net/ip{version}_tables_names", 4096))
        for kind in ("-nft", *(["-legacy"] if legacy else [])):  # asking the legacy program would make its tables
            program = _place(f"ip{version}tables{kind}-save") or (_place(f"ip{version}tables-save") if legacy else "")
            if program and "*" in (text := output([program])):
                is_nft = is_nft or kind == "-nft"
                rules.append(([program.removesuffix("-save") + "-restore"], text))
    names = ["iptables"] if rules else []
    nft, ipset = _place("nft"), _place("ipset")
    if rules and ipset:
        rules.insert(0, ([ipset, "restore"], output([ipset, "save"])))
    if not nft and not rules:
        raise TrialError("the program nft is missing, which lists the rules: install nftables")
    listing = output([nft, "-s", "list", "ruleset"]) if nft else ""
    listing = _OWNER.sub("", listing)  # such a table would go with the nft that loads it
    if tables := [table for table in _TABLE.findall(listing) if not (is_nft and _OF_IPTABLES.match(table))]:
        rules.append(([nft, "-f", "-"], "\n".join(tables)))
        names.append("nftables")
    if re.search(r"\bqueue\b|NFQUEUE", "".join(text for _, text in rules)):
        raise TrialError("a rule hands packets to a program (queue)")
    return " and ".join(names), rules


def _tried(host: Host, instances: list[Block], name: str, rules: Rules) -> Verdicts:
    text = "\n".join(text for _, text in rules)
    known = {word for word in re.findall(r"[^\s\"{},;]+", text) if word in host.interfaces - {"lo"}}
    interfaces: dict[str, list[str]] = {it: [] for it in (known | {block.value("interface") for block in instances})}
    for own in host.own or []:
        interfaces.get(own.interface, []).append(f"{own.address}/{own.prefix}")
    groups = [_adverts(instance, interfaces[instance.value("interface")], text) for instance in instances]
    adverts = list(dict.fromkeys(advert for group in groups for advert in group))
    answers = dict(zip(adverts, trial(interfaces, rules, adverts), strict=True))
    for instance, group in zip(instances, groups, strict=True):
        accepted = {answers[advert] for advert in group} - {None}
        if accepted == {False} or (False in accepted and any(instance.named("unicast_peer"))):
            yield instance, True, name
        elif accepted != {True}:
            reason = f"{name} decides by the sender's address" if accepted else "no advert comes in even without rules"
            yield instance, False, reason


def _adverts(instance: Block, own: list[str], text: str) -> list[tuple[str, str, str]]:
    """Return the adverts to try: those of the peers, else from some address and all that the rules name."""
    interface = instance.value("interface")
    version = 6 if family(instance) == "IPv6" else 4
    peers = [line.words[0] for block in instance.named("unicast_peer") for line in block.blocks]
    if peers:
        target = instance.value("unicast_src_ip") or next((it.partition("/")[0] for it in own), "192.0.2.253")
        own.append(f"{target}/{128 if ':' in target else 32}")
        return [(interface, peer, target) for peer in peers if _version(peer) == _version(target) != 0]
    group = GROUPS[version]
    sources = ["192.0.2.254", "fe80::fe", *dict.fromkeys(_ADDRESS.findall(text))]
    return [(interface, source, group) for source in sources[:_MOST_SOURCES] if _version(source) == version]


def _version(text: str) -> int:
    """Return 4 or 6, and 0 for what is no address."""
    try:
        return ip_address(text).version
    except ValueError:
        return 0


def _place(name: str) -> str:
    return shutil.which(name, path=":".join(SEARCHED)) or ""


def _by_zone(host: Host, instances: list[Block]) -> Verdicts:
    """Judge by the files of firewalld's zones; rules made at run time are not in them."""
    files = {}
    for folder in ("/usr/lib/firewalld/zones", "/etc/firewalld/zones"):
        real = host.real(folder)
        for path in sorted(Path(host.root + real).glob("*.xml")) if real is not None else []:
            files[path.stem] = host.text(f"{folder}/{path.name}")
    default = re.search(r"^DefaultZone=(\S+)", host.text("/etc/firewalld/firewalld.conf"), re.MULTILINE)
    for instance in instances:
        interface = f'<interface name="{instance.value("interface")}"'
        own = (text for text in files.values() if interface in text)
        zone = next(own, files.get(default[1] if default else "public"))
        if zone is None or not re.search(_ACCEPTING, zone):
            yield instance, zone is not None, "firewalld" if zone is not None else "firewalld has no file of its zone"
