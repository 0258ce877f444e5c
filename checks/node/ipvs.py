"""Which services does the kernel balance (IPVS), and to which real servers?

Read in /proc/net/ip_vs and /proc/net/ip_vs_stats (ip_vs_info_seq_show and ip_vs_stats_show in the kernel's
net/netfilter/ipvs/ip_vs_ctl.c), which need no privilege and, unlike netlink, never load the module.
"""

from __future__ import annotations

import _socket
import posix

_MOST_BYTES = 64 << 20


class IpvsError(Exception):
    """The table cannot be read."""


class IpvsMissingError(IpvsError):
    """The kernel of this node does no IPVS."""


class Server:
    """A real server: ``forward`` is Masq, Route, Tunnel or Local; connections are those open now."""

    __slots__ = ("active", "address", "forward", "inactive", "port", "weight")

    def __init__(self, address: str, port: int, forward: str, weight: int, active: int, inactive: int) -> None:
        self.address = address
        self.port = port
        self.forward = forward
        self.weight = weight
        self.active = active
        self.inactive = inactive


class Service:
    """A virtual service, by address and port or, where ``proto`` is FWM, by firewall mark (8 hexadecimal digits).

    The kernel writes the services of one mark for IPv4 and IPv6 alike: here they are one, with the servers of both.
    """

    __slots__ = ("address", "mark", "persistent", "port", "proto", "scheduler", "servers")

    def __init__(self, proto: str, address: str, port: int, mark: str, scheduler: str, persistent: bool) -> None:
        self.proto = proto
        self.address = address
        self.port = port
        self.mark = mark
        self.scheduler = scheduler
        self.persistent = persistent
        self.servers: list[Server] = []


class Totals:
    """What went through IPVS since the module was loaded, in connections, packets and bytes."""

    __slots__ = ("connections", "incoming_bytes", "incoming_packets", "outgoing_bytes", "outgoing_packets")

    def __init__(self, numbers: list[int]) -> None:
        self.connections, self.incoming_packets, self.outgoing_packets = numbers[:3]
        self.incoming_bytes, self.outgoing_bytes = numbers[3:5]


def services(proc: str = "/proc") -> list[Service]:
    """Return the services in the order of the kernel's table; raises IpvsError, or IpvsMissingError without IPVS."""
    return parse_services(_read(f"{proc}/net/ip_vs"))


def totals(proc: str = "/proc") -> Totals:
    """Return the totals; raises IpvsError, or IpvsMissingError without IPVS."""
    return parse_totals(_read(f"{proc}/net/ip_vs_stats"))


def parse_services(text: str) -> list[Service]:
    """Return the services in the text of /proc/net/ip_vs; raises IpvsError."""
    found: dict[tuple[str, ...], Service] = {}
    servers: dict[tuple[str, ...], dict[str, Server]] = {}
    key: tuple[str, ...] = ()
    for line in text.split("\n"):
        words = line.split()
        if not words or words[0] in ("IP", "Prot") or words[:2] == ["->", "RemoteAddress:Port"]:
            continue
        try:
            if words[0] == "->":
                servers[key][words[1]] = _server(words)
            else:
                key = (words[0], words[1])
                found.setdefault(key, _service(words))
                servers.setdefault(key, {})
        except (KeyError, IndexError, ValueError, OSError):
            raise IpvsError(f"/proc/net/ip_vs has a line that is not understood: {line[:80]!r}") from None
    for key, service in found.items():
        service.servers = list(servers[key].values())
    return list(found.values())


def parse_totals(text: str) -> Totals:
    """Return the totals in the text of /proc/net/ip_vs_stats; raises IpvsError."""
    try:
        return Totals([int(word, 16) for word in text.split("\n")[2].split()])
    except (IndexError, ValueError):
        raise IpvsError("/proc/net/ip_vs_stats is not understood") from None


def _service(words: list[str]) -> Service:
    scheduler, persistent = words[2], "persistent" in words[3:]
    if words[0] == "FWM":
        return Service("FWM", "", 0, f"{int(words[1], 16):08X}", scheduler, persistent)
    address, port = _endpoint(words[1])
    return Service(words[0], address, port, "", scheduler, persistent)


def _server(words: list[str]) -> Server:
    address, port = _endpoint(words[1])
    weight, active, inactive = map(int, words[3:6])
    return Server(address, port, words[2], weight, active, inactive)


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        raw = _socket.inet_pton(_socket.AF_INET6, host[1:-1])
        return _socket.inet_ntop(_socket.AF_INET6, raw), int(port, 16)
    if len(host) != 8:
        raise ValueError(text)
    return _socket.inet_ntop(_socket.AF_INET, bytes.fromhex(host)), int(port, 16)


def _read(path: str) -> str:
    try:
        source = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except FileNotFoundError:
        raise IpvsMissingError(f"no {path}: the kernel of this node does no IPVS") from None
    except OSError as error:
        raise IpvsError(f"cannot read {path}: {error.args[-1]}") from None
    data = []
    size = 0
    try:
        while (more := posix.read(source, 1 << 20)) and size <= _MOST_BYTES:
            data.append(more)
            size += len(more)
    except OSError as error:
        raise IpvsError(f"cannot read {path}: {error.args[-1]}") from None
    finally:
        posix.close(source)
    if size > _MOST_BYTES:
        raise IpvsError(f"{path} has more than {_MOST_BYTES >> 20} MiB")
    return b"".join(data).decode("ascii", "replace")
