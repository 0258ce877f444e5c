"""Does the firewall of this node let the adverts of the peers in?"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.host import SEARCHED, Host, exists, slurp
from doctor.iptables import Rules
from doctor.nft import Ruleset
from doctor.packet import ACCEPT, DROP, OPEN, Packet
from doctor.rule import ERROR, NOTE, Finding, at, rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block

_SECONDS = 5
_FIX = (
    "firewall-cmd --permanent --add-protocol=vrrp; firewall-cmd --reload; or nft insert rule inet filter input "
    "meta l4proto vrrp accept; or iptables -I INPUT -p vrrp -j ACCEPT"
)


@rule("firewall-blocks-vrrp", ERROR)
def firewall_blocks_vrrp(case: Case) -> Iterator[Finding]:
    """Find instances whose adverts the firewall of this node drops."""
    for instance, found in _judged(case):
        for name, verdict in found:
            if verdict == DROP:
                what = f"{name} drops VRRP (protocol 112) on {instance.value('interface')}, where {instance.name} is"
                consequence = "This node does not hear its peers: two nodes hold the VIP."
                yield at(instance, what, consequence, _FIX)


@rule("firewall-untold", NOTE)
def firewall_untold(case: Case) -> Iterator[Finding]:
    """Find instances for which it cannot be told whether the firewall lets the adverts in."""
    for instance, found in _judged(case):
        if any(verdict == DROP for _, verdict in found):
            continue
        names = [name for name, verdict in found if verdict == OPEN]
        if names:
            what = (
                f"whether {instance.name} hears VRRP on {instance.value('interface')} is not known: {'; '.join(names)}"
            )
            fix = "Run it as root on the node, or listen for the adverts of the peers: tcpdump -ni INTERFACE proto 112"
            yield at(instance, what, "Where it is dropped, two nodes hold the VIP.", fix)


def _judged(case: Case) -> Iterator[tuple[Block, list[tuple[str, str]]]]:
    """Yield each instance with what each firewall, by name, does with its adverts."""
    filters = list(_filters(case.host))
    for instance in case.instances:
        if instance.value("interface"):
            packets = list(_packets(instance))
            yield instance, [(name, judge(packet)) for name, judge in filters for packet in packets]


def _packets(instance: Block) -> Iterator[Packet]:
    first = next((line.words[0] for vips in instance.named("virtual_ipaddress") for line in vips.blocks), "")
    family = "ip6" if ":" in first else "ip"
    peers = [line.words[0] for block in instance.named("unicast_peer") for line in block.blocks]
    if not peers:
        yield Packet(family, instance.value("interface"))
    for peer in peers:
        yield Packet(family, instance.value("interface"), peer, instance.value("unicast_src_ip") or "0.0.0.0")  # noqa: S104


def _filters(host: Host) -> Iterator[tuple[str, Callable[[Packet], str]]]:
    """Yield the firewalls: what the kernel has where it can be asked, else what is saved on the disk."""
    if host.is_live and os.geteuid() == 0 and _place("nft", "iptables"):
        yield from _kernel(host)
        return
    found = False
    if host.lstat("/etc/systemd/system/multi-user.target.wants/firewalld.service") is not None:
        found = True
        yield "firewalld", lambda packet: _zone(host, packet)
    for path, family in _SAVED:
        text = host.read(path)
        if text is not None:
            found = True
            rules = Rules(text.decode("utf-8", "replace"))
            yield (
                path,
                lambda packet, rules=rules, family=family: (  # type: ignore[misc]
                    rules.verdict(packet) if packet.family == family else ACCEPT
                ),
            )
    for path in ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf"):
        if b"hook input" in (host.read(path) or b""):
            found = True
            yield f"{path} is not read here", lambda _: OPEN
    if not found and host.is_live:
        yield "the kernel tells its rules to root alone, and to nft or iptables", lambda _: OPEN


_SAVED = (
    ("/etc/sysconfig/iptables", "ip"),
    ("/etc/iptables/rules.v4", "ip"),
    ("/etc/sysconfig/ip6tables", "ip6"),
    ("/etc/iptables/rules.v6", "ip6"),
)


def _kernel(host: Host) -> Iterator[tuple[str, Callable[[Packet], str]]]:
    """Yield what nft and iptables list. The old iptables is asked only where its table exists: asking makes it."""
    nft = _place("nft")
    read = False
    for tables, name in (("", "iptables"), ("6", "ip6tables")):
        family = "ip6" if tables else "ip"
        legacy = b"filter" in (slurp(f"{host.proc}/net/ip{tables}_tables_names", 4096) or b"")
        programs = [_place(f"{name}-nft") or ("" if nft else _place(name))]
        programs += [_place(f"{name}-legacy", name)] if legacy else []
        for program in filter(None, programs):
            text = _run(program, "-S")
            read = read or (text is not None and program.endswith("-nft"))
            yield name, _of_family(family, Rules(text).verdict if text is not None else lambda _: OPEN)
    if nft:
        text = _run(nft, "-j", "list", "ruleset")
        try:
            yield "nftables", Ruleset(text or "", but_iptables=read).verdict
        except ValueError:
            yield f"{nft} -j list ruleset did not answer", lambda _: OPEN


def _of_family(family: str, judge: Callable[[Packet], str]) -> Callable[[Packet], str]:
    return lambda packet: judge(packet) if packet.family == family else ACCEPT


def _place(*names: str) -> str:
    return next((path for name in names for path in (f"{folder}/{name}" for folder in SEARCHED) if exists(path)), "")


def _run(*words: str) -> str | None:
    """Return what a program lists, or None where it does not within 5 s."""
    try:
        done = subprocess.run(  # noqa: S603 - found at a fixed place
            words, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=True, env={"LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def _zone(host: Host, packet: Packet) -> str:
    """Return what the zone of an interface does, as its file says; rules made at run time are not in it."""
    files: dict[str, str] = {}
    for folder in ("/usr/lib/firewalld/zones", "/etc/firewalld/zones"):
        real = host.real(folder)
        for path in sorted(Path(host.root + real).glob("*.xml")) if real is not None else []:
            files[path.stem] = (host.read(f"{folder}/{path.name}") or b"").decode("utf-8", "replace")
    conf = (host.read("/etc/firewalld/firewalld.conf") or b"").decode("utf-8", "replace")
    default = re.search(r"^DefaultZone=(\S+)", conf, re.MULTILINE)
    interface = f'<interface name="{packet.interface}"'
    zone = next((text for text in files.values() if interface in text), files.get(default[1] if default else "public"))
    if zone is None:
        return OPEN
    accepted = re.search(
        r"<protocol\s+value=\"(?:vrrp|112)\"|<service\s+name=\"vrrp\"|<zone[^>]*target=\"ACCEPT\"", zone
    )
    return ACCEPT if accepted else DROP
