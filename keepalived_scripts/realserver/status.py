"""What is really in effect? Read from the kernel, whatever was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.realserver import arp
from keepalived_scripts.realserver.loopback import SCOPE_HOST
from vipwarden.node.netlink.addresses import own_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepalived_scripts.realserver.loopback import Loopback
    from keepalived_scripts.realserver.record import Record
    from keepalived_scripts.realserver.vip import Vip

_OFF_KEY = "net.ipv6.conf.lo.disable_ipv6"
_IPV6_OFF = Path("/proc/sys", *_OFF_KEY.split("."))
RUNNING, PARTLY, STOPPED = 0, 1, 3  # as LSB has them for "status"; 1 is "dead, but its pid file is there"


def status(loopback: Loopback, record: Record, vips: Sequence[Vip]) -> tuple[int, list[str]]:
    """Return the code, and what there is to say; raises OSError."""
    held = loopback.held()
    lines = []
    problems = wrong(loopback, vips)
    for vip in vips:
        missing = ", but was put there" if vip in record.vips and record.vips[vip].ours else ""
        lines.append(f"{vip} is on lo" if str(vip) in held else f"{vip} is not on lo{missing}")
        elsewhere = [one.interface for one in own_addresses() if one.address == str(vip) and one.interface != "lo"]
        if elsewhere:
            lines.append(f"{vip} is on {', '.join(elsewhere)} too, where ARP and neighbour discovery tell it")
    there = [str(vip) in held for vip in vips]
    if not any(there) and not record.vips.keys() & set(vips):
        return STOPPED, lines
    if any(vip.version == 4 for vip in vips):
        lines += problems or [f"{key} is {arp.read(key)} for all interfaces" for key in arp.WANTED]
    else:
        lines += problems
    return PARTLY if problems or not all(there) else RUNNING, lines


def wrong(loopback: Loopback, vips: Sequence[Vip]) -> list[str]:
    """Return why these VIPs on lo do not do, or would not; raises OSError."""
    held = loopback.held()
    said = [] if loopback.is_up() else ["lo is down: ip link set lo up"]
    if any(vip.version == 6 for vip in vips):
        said += _ipv6()
    for vip in vips:
        one = held.get(str(vip))
        if one is not None and one.prefix != vip.max_prefixlen:
            said.append(f"lo holds {vip}/{one.prefix}, which makes that whole network local: remove it")
    scopes = [held[str(vip)].scope if str(vip) in held else SCOPE_HOST for vip in vips if vip.version == 4]
    if scopes:
        said += _told(loopback, max(scopes, key=lambda scope: scope != SCOPE_HOST))
    return said


def _ipv6() -> list[str]:
    """Return why lo takes no IPv6 address; the kernel says no more than that access is denied."""
    try:
        off = int(_IPV6_OFF.read_text(encoding="ascii"))
    except FileNotFoundError:
        return ["this kernel has no IPv6: it was started with ipv6.disable=1, or is built without"]
    return [f"IPv6 is off on lo: sysctl {_OFF_KEY}=0, and the same in /etc/sysctl.d"] if off else []


def _told(loopback: Loopback, scope: int) -> list[str]:
    """Return which interfaces tell of an IPv4 address of lo."""
    said = []
    for interface in arp.interfaces():
        for key, wanted in arp.WANTED.items():
            value = arp.effective(key, interface)
            if value is None or arp.is_enough(key, value, scope) or not loopback.does_arp(interface):
                continue
            does = "answers ARP requests for it" if key == "arp_ignore" else "may announce it as the sender"
            own = f"{arp.read(key)} in all, {arp.read(key, interface)} in {interface}"
            said.append(f"{interface} {does}: {key} is {value} ({own}), and {wanted} is wanted")
    return said
