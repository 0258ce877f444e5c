"""Which VIPs does lo hold, and which interfaces announce them?

For ARP the kernel takes the larger of conf/all and conf/INTERFACE, of the interface on which a request arrives or
leaves (Documentation/networking/ip-sysctl.rst). So conf/lo has no effect, and conf/all also covers future interfaces.
But larger is not stricter: arp_ignore() in net/ipv4/arp.c knows 1, 2 and 8, and 3 for an address with scope host;
arp_solicit() takes an arp_announce above 2 for 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.realserver.loopback import SCOPE_HOST
from vipwarden.node.netlink.addresses import own_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepalived_scripts.realserver.loopback import Loopback
    from keepalived_scripts.realserver.record import Record
    from keepalived_scripts.realserver.vip import Vip

WANTED = {"arp_ignore": 1, "arp_announce": 2}
RUNNING, PARTLY, STOPPED = 0, 1, 3  # LSB's codes for "status"; 1 is "dead, but its pid file is there"
_ENOUGH = {"arp_ignore": (1, 2, 8), "arp_announce": (2,)}
_CONF = Path("/proc/sys/net/ipv4/conf")
_OFF_KEY = "net.ipv6.conf.lo.disable_ipv6"
_IPV6_OFF = Path("/proc/sys", *_OFF_KEY.split("."))


def arp(key: str, interface: str = "all") -> int:
    """Return an ARP setting; raises OSError."""
    return int((_CONF / interface / key).read_text(encoding="ascii"))


def set_arp(key: str, value: int) -> None:
    """Change an ARP setting of conf/all; raises OSError."""
    (_CONF / "all" / key).write_text(f"{value}\n", encoding="ascii")


def is_enough(key: str, value: int, scope: int = SCOPE_HOST) -> bool:
    """Return whether an effective value hides an address of lo that has this scope."""
    return value in _ENOUGH[key] or (key == "arp_ignore" and value == 3 and scope == SCOPE_HOST)


def status(loopback: Loopback, record: Record, vips: Sequence[Vip]) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print; raises OSError."""
    held = loopback.held()
    lines = []
    faults = problems(loopback, vips)
    for vip in vips:
        missing = ", but was put there" if vip in record.vips and record.vips[vip].ours else ""
        lines.append(f"{vip} is on lo" if str(vip) in held else f"{vip} is not on lo{missing}")
        elsewhere = [own.interface for own in own_addresses() if own.address == str(vip) and own.interface != "lo"]
        if elsewhere:
            lines.append(f"{vip} is on {', '.join(elsewhere)} too, and is announced there")
    there = [str(vip) in held for vip in vips]
    if not any(there) and not record.vips.keys() & set(vips):
        return STOPPED, lines
    lines += faults
    if not faults and any(vip.version == 4 for vip in vips):
        lines += [f"{key} is {arp(key)} for all interfaces" for key in WANTED]
    return PARTLY if faults or not all(there) else RUNNING, lines


def problems(loopback: Loopback, vips: Sequence[Vip]) -> list[str]:
    """Return the faults of the node that keep these VIPs on lo from working; raises OSError."""
    held = loopback.held()
    faults = [] if loopback.is_up() else ["lo is down: ip link set lo up"]
    if any(vip.version == 6 for vip in vips):
        faults += _ipv6()
    for vip in vips:
        address = held.get(str(vip))
        if address is not None and address.prefix != vip.max_prefixlen:
            faults.append(f"lo holds {vip}/{address.prefix}, which makes that whole network local: remove it")
    scopes = [held[str(vip)].scope if str(vip) in held else SCOPE_HOST for vip in vips if vip.version == 4]
    if scopes:
        faults += _announced(loopback, max(scopes, key=lambda scope: scope != SCOPE_HOST))
    return faults


def _ipv6() -> list[str]:
    """Return why lo takes no IPv6 address; the kernel only says that access is denied."""
    try:
        off = int(_IPV6_OFF.read_text(encoding="ascii"))
    except FileNotFoundError:
        return ["this kernel has no IPv6: it was started with ipv6.disable=1, or is built without"]
    return [f"IPv6 is off on lo: sysctl {_OFF_KEY}=0, and the same in /etc/sysctl.d"] if off else []


def _announced(loopback: Loopback, scope: int) -> list[str]:
    """Return which interfaces announce an IPv4 address of lo; raises OSError."""
    faults = []
    for interface in sorted(path.name for path in _CONF.iterdir() if path.name not in ("all", "default", "lo")):
        for key, wanted in WANTED.items():
            try:
                everywhere, own = arp(key), arp(key, interface)
            except FileNotFoundError:  # the interface has just gone
                continue
            value = max(everywhere, own)
            if is_enough(key, value, scope) or not loopback.does_arp(interface):
                continue
            does = "answers ARP requests for it" if key == "arp_ignore" else "may announce it as the sender"
            sources = f"{everywhere} in all, {own} in {interface}"
            faults.append(f"{interface} {does}: {key} is {value} ({sources}), and {wanted} is wanted")
    return faults
