"""Are the ports and connections of a proxy on this node in good order?"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, WARNING, Finding
from doctor.host import slurp
from vipwarden.node.haproxy.cfg import binds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.host import Host
    from vipwarden.node.haproxy.cfg import Bind

_MOST_BYTES = 16 << 20
_LEAST_PORTS = 10000
_LISTENS = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
# HAProxy under its names, and those that listen for others
_RIGHT = ("hap", "systemd", "docker", "podman", "conmon", "rootless", "slirp4netns", "pasta", "crun", "runc")
_FIX = "Stop {0}, let it listen on another address, or give HAProxy another port."


@rule("tcp-tw-recycle", ERROR)
def tcp_tw_recycle(case: Case) -> Findings:
    """Kernels with tcp_tw_recycle, which refuses clients behind NAT."""
    if (case.host.sysctl("net/ipv4/tcp_tw_recycle") or 0) > 0:
        consequence = "Of the clients behind one address most cannot connect: the kernel drops their SYN."
        fix = "sysctl -w net.ipv4.tcp_tw_recycle=0, and remove it from /etc/sysctl.conf and /etc/sysctl.d"
        place = "/proc/sys/net/ipv4/tcp_tw_recycle"
        yield Finding(place, 0, "net.ipv4.tcp_tw_recycle is on", consequence, fix)


@rule("port-range-narrow", WARNING)
def port_range_narrow(case: Case) -> Findings:
    """Narrow ranges of local ports before a proxy."""
    limits = case.host.numbers("sys/net/ipv4/ip_local_port_range")
    servers = [line for section in case.haproxy for line in section.starting("server")]
    if servers and len(limits) == 2 and 0 < (room := limits[1] - limits[0] + 1) < _LEAST_PORTS:
        what = f"ip_local_port_range {limits[0]} {limits[1]} has {room} ports, and HAProxy connects to servers"
        consequence = "It is all that one source address has to one server, TIME_WAIT included; then connect() fails."
        place = "/proc/sys/net/ipv4/ip_local_port_range"
        yield Finding(place, 0, what, consequence, "sysctl -w net.ipv4.ip_local_port_range='1024 65000'")


@rule("port-taken", ERROR)
def port_taken(case: Case) -> Findings:
    """Ports that HAProxy is to bind, and another program listens on."""
    wanted = [bind for section in case.haproxy for bind in binds(section) if bind.port.isdigit()]
    listening = list(_listeners(case.host)) if wanted else []
    owners = _owners(case.host, {inode for _, _, inode in listening}) if listening else {}
    for bind in wanted:
        for address, port, inode in listening:
            names = owners.get(inode, set())
            is_other = bool(names) and not any(name.startswith(_RIGHT) for name in names)
            if is_other and port == int(bind.port) and _overlaps(bind, address):
                name = min(names)
                what = f"HAProxy binds {bind.address or '*'}:{bind.port}, and {name} listens on {address or '*'}:{port}"
                consequence = "HAProxy does not start, or clients reach the other program."
                yield Finding(case.haproxy_conf, bind.line.number, what, consequence, _FIX.format(name))


def _overlaps(bind: Bind, address: str) -> bool:
    is_here = ":" not in bind.address and "namespace" not in bind.line.words
    return is_here and (not bind.address or not address or bind.address == address)


def _listeners(host: Host) -> Iterator[tuple[str, int, str]]:
    """Yield address (nothing for all of IPv4), port and inode of what listens on TCP over IPv4."""
    text = (slurp(f"{host.proc}/net/tcp", _MOST_BYTES) or b"").decode("ascii", "replace")
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTENS and re.fullmatch(r"[0-9A-F]{8}:[0-9A-F]{4}", words[1]):
            raw = int(words[1][:8], 16).to_bytes(4, sys.byteorder)
            yield ".".join(map(str, raw)) if any(raw) else "", int(words[1][9:], 16), words[9]


def _owners(host: Host, inodes: set[str]) -> dict[str, set[str]]:
    """Return the names of the programs that have each socket; only root sees those of others."""
    names: dict[str, set[str]] = {}
    for process in Path(host.proc).glob("[0-9]*"):
        try:
            links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue
        held = {match[1] for link in links if (match := _SOCKET.fullmatch(link))} & inodes
        comm = (slurp(f"{process}/comm", 64) or b"").decode("utf-8", "replace").strip() if held else ""
        for inode in held if comm else ():
            names.setdefault(inode, set()).add(comm)
    return names
