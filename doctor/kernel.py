"""Do the kernel settings fit the role of this node?"""

from __future__ import annotations

import re
import socket
import sys
from collections import Counter
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.commands import services
from doctor.finding import ERROR, NOTE, WARNING, Finding, at
from doctor.host import slurp
from vipwarden.node.haproxy.cfg import binds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

_MOST_BYTES = 64 << 20
_STARTS = re.compile(r"\b(?:(?:re)?start\s+haproxy|haproxy\s+(?:(?:re)?start|.*-f\s))")
_SYSCTL = "sysctl -w {0}, and the same line in /etc/sysctl.d/vipwarden.conf to keep it"


def _method(service: Block, server: Block) -> str:
    """Return NAT (the default), DR or TUN."""
    words = [block.value(key) for block in (server, service) for key in ("lvs_method", "lb_kind")]
    return next((word for word in words if word), "NAT")


def _has_method(service: Block, method: str) -> bool:
    return any(_method(service, server) == method for server in service.named("real_server"))


@rule("ip-forward-off", ERROR)
def ip_forward_off(case: Case) -> Findings:
    """NAT services on a node that does not forward."""
    for service in services(case.conf):
        if _has_method(service, "NAT"):
            name = "net.ipv6.conf.all.forwarding" if ":" in service.name else "net.ipv4.ip_forward"
            if case.host.sysctl(name.replace(".", "/")) == 0:
                what = f"virtual_server {' '.join(service.words[1:3])} uses NAT, and {name} is 0"
                consequence = "The kernel drops the answers of the real servers: clients connect and get nothing."
                yield at(service, what, consequence, _SYSCTL.format(f"{name}=1"))


@rule("nonlocal-bind-off", ERROR)
def nonlocal_bind_off(case: Case) -> Findings:
    """VIPs that HAProxy cannot bind while a peer holds them."""
    vips = {vip.address for vip in case.vips}
    for section in case.haproxy:
        for bind in binds(section):
            if bind.address not in vips or "transparent" in bind.line.words:
                continue
            family = "ipv6" if ":" in bind.address else "ipv4"
            if case.host.sysctl(f"net/{family}/ip_nonlocal_bind") == 0:
                what = f"HAProxy binds the VIP {bind.address}, and net.{family}.ip_nonlocal_bind is 0"
                consequence = "HAProxy does not start while the peer holds the VIP, and is missing when it comes."
                severity = ""
                if any(map(_STARTS.search, case.notifying)):
                    consequence = "Until the notify script has started HAProxy, clients of the VIP are refused."
                    severity = NOTE
                fix = f"{_SYSCTL.format(f'net.{family}.ip_nonlocal_bind=1')}; or bind *"
                yield Finding(case.haproxy_conf, bind.line.number, what, consequence, fix, severity=severity)


@rule("rp-filter-strict", WARNING)
def rp_filter_strict(case: Case) -> Findings:
    """Strict rp_filter on a node with several routes."""
    blocks = {block.value("interface"): block for block in reversed(case.instances) if block.value("interface")}
    has_tunnels = any(_has_method(service, "TUN") for service in services(case.conf))
    for interface, block in sorted(blocks.items()):
        if (len(blocks) > 1 or has_tunnels) and case.host.effective("rp_filter", interface) == 1:
            name = f"net.ipv4.conf.{interface}.rp_filter"
            what = f"the effective {name} is 1 (strict), and this node has more than one route"
            consequence = "The kernel silently drops packets that come in by another interface than answers leave by."
            fix = _SYSCTL.format(f"{name}=2") + "; the higher value of it and all.rp_filter counts"
            yield at(block, what, consequence, fix)


@rule("arp-settings", ERROR)
def arp_settings(case: Case) -> Findings:
    """VIPs on lo (a real server of direct routing) that the node answers ARP for."""
    vips = {vip.address for vip in case.vips} | {service.name for service in services(case.conf)}
    for own in case.host.own or []:
        local = own.address.startswith("127.") or ":" in own.address
        if own.interface != "lo" or local or own.prefix != 32:
            continue
        for key, least in (("arp_ignore", 1), ("arp_announce", 2)):
            interfaces = sorted(case.host.interfaces - {"lo"})
            loose = [name for name in interfaces if (case.host.effective(key, name) or 0) < least]
            if loose and any(case.host.effective(key, name) is not None for name in interfaces):
                what = f"lo holds {own.address}/32, and {key} is below {least} on {', '.join(loose)}"
                consequence = "This node answers ARP for the VIP: clients bypass the director."
                fix = f"vipwarden realserver start {own.address}, or sysctl -w net.ipv4.conf.all.{key}={least}"
                severity = "" if own.address in vips else WARNING
                yield Finding(f"/proc/sys/net/ipv4/conf/all/{key}", 0, what, consequence, fix, severity=severity)


@rule("ephemeral-ports", WARNING)
def ephemeral_ports(case: Case) -> Findings:
    """Destinations for which the ephemeral ports run out."""
    limits = case.host.numbers("sys/net/ipv4/ip_local_port_range")
    if len(limits) != 2 or limits[0] > limits[1]:
        return
    room = limits[1] - limits[0] + 1
    used: Counter[tuple[str, str]] = Counter()
    waiting: Counter[tuple[str, str]] = Counter()
    for name in ("net/tcp", "net/tcp6"):
        for local, remote, state in _sockets(case.host.proc, name):
            source, _, port = local.rpartition(":")
            if limits[0] <= int(port, 16) <= limits[1]:
                used[source, remote] += 1
                waiting[source, remote] += state == "06"
    for (source, remote), count in used.most_common(5):
        if count >= room * 0.7:
            what = (
                f"{count} of {room} ports are in use from {_address(source)} to {_address(remote, ':')}, "
                f"{waiting[source, remote]} of them in TIME_WAIT"
            )
            consequence = "With none left connect() fails with EADDRNOTAVAIL, and HAProxy marks the server down."
            fix = "ip_local_port_range 1024 65000, tcp_tw_reuse 1, keep-alive to the servers, or more source addresses"
            yield Finding("/proc/net/tcp", 0, what, consequence, fix)


def _sockets(proc: str, name: str) -> Iterator[tuple[str, str, str]]:
    text = (slurp(f"{proc}/{name}", _MOST_BYTES) or b"").decode("ascii", "replace")
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and all(_is_hex(word.partition(":")) for word in words[1:3]):
            yield words[1], words[2], words[3]


def _is_hex(parts: tuple[str, str, str]) -> bool:
    host, colon, port = parts
    return len(host) in (8, 32) and bool(colon) and len(port) == 4 and not (host + port).strip("0123456789ABCDEF")


def _address(text: str, with_port: str = "") -> str:
    """Return the address that the kernel writes as 32-bit words of the machine's byte order."""
    host, _, port = text.partition(":")
    raw = b"".join(int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8))
    plain = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
    return f"{plain}{with_port}{int(port, 16)}" if with_port and port else plain
