"""Which services does /proc/net/ip_vs list? It needs no privilege, and has no counters but the totals.

Written by ip_vs_info_seq_show and ip_vs_stats_show of the kernel's net/netfilter/ipvs/ip_vs_ctl.c. The kernel walks
the table anew for each page, so that a change in between can show an entry twice.
"""

from __future__ import annotations

import _socket
import posix

from vipwarden.node.ipvs.table import FORWARDS, Columns, IpvsError, IpvsMissingError, Service, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    _Known = dict[bytes, tuple[list[bytes], list[tuple[str, str]]]]  # endpoints as they are written, and as text

_MOST_BYTES = 64 << 20
_MOST_DIGITS = 20  # of a 64-bit number
_HEAD = b"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
_FORWARDS = {name.encode(): name for name in FORWARDS}
_NOT_UNDERSTOOD = "/proc/net/ip_vs has what is not understood: "


class Totals:
    """Connections, packets and bytes since the module was loaded."""

    __slots__ = ("connections", "incoming_bytes", "incoming_packets", "outgoing_bytes", "outgoing_packets")

    def __init__(self, numbers: list[int]) -> None:
        self.connections, self.incoming_packets, self.outgoing_packets = numbers[:3]
        self.incoming_bytes, self.outgoing_bytes = numbers[3:5]


class Reader:
    """Reads the text of the table again and again, and keeps the endpoints of servers that stay."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: _Known = {}

    def services(self, text: bytes) -> list[Service]:
        """Return the services in the order of the text; raises IpvsError, among it IpvsTornError."""
        known: _Known = {}
        services = whole(self._parse(text, known))
        self._known = known
        return services

    def _parse(self, text: bytes, known: _Known) -> Iterator[Service]:
        _, head, body = text.partition(_HEAD)
        if not head:
            raise IpvsError(f"{_NOT_UNDERSTOOD}it has no head")
        # the lines of real servers begin with a blank: they join that of their service, behind a vertical tab
        for block in body.rstrip(b"\n").replace(b"\n ", b"\v ").split(b"\n") if body else ():
            line, _, rest = block.partition(b"\v")
            yield self._service(line, rest.split(), known)

    def _service(self, line: bytes, words: list[bytes], known: _Known) -> Service:
        remote, numbers = words[1::6], (words[3::6], words[4::6], words[5::6])
        are_servers = not len(words) % 6 and words[::6].count(b"->") == len(remote)
        if line.startswith(b" ") or not are_servers or not all(map(_are_numbers, numbers)):
            raise IpvsError(f"{_NOT_UNDERSTOOD}the real servers of {_shown(line)}")
        try:
            before = self._known.get(line)
            endpoints = before[1] if before is not None and before[0] == remote else list(map(_endpoint, remote))
            proto, local, scheduler, *flags = line.split()
            mark = f"{int(local, 16):08X}" if proto == b"FWM" else ""
            address, port = ("", "0") if mark else _endpoint(local)
            names = [word.decode("ascii") for word in (proto, scheduler)]
            forward = list(map(_FORWARDS.__getitem__, words[2::6]))
        except (KeyError, ValueError, OSError):
            raise IpvsError(f"{_NOT_UNDERSTOOD}{_shown(line)} or its real servers") from None
        known[line] = remote, endpoints
        columns = Columns(endpoints, forward, *numbers)
        return Service(names[0], address, int(port), mark, names[1], b"persistent" in flags, columns)


def parse_totals(text: bytes) -> Totals:
    """Return the totals in the text of /proc/net/ip_vs_stats; raises IpvsError."""
    try:
        return Totals([int(word, 16) for word in text.split(b"\n")[2].split()])
    except (IndexError, ValueError):
        raise IpvsError("/proc/net/ip_vs_stats is not understood") from None


def _are_numbers(column: list[bytes]) -> bool:
    return not column or (b"".join(column).isdigit() and max(map(len, column)) <= _MOST_DIGITS)


def _shown(line: bytes) -> str:
    return repr(line[:80].decode("ascii", "replace"))


def _endpoint(word: bytes) -> tuple[str, str]:
    """Return address and port of ``0A00000A:0050`` or ``[2001:0db8:...]:0050``; raises ValueError or OSError."""
    text = word.decode("ascii")
    host, _, port = text.rpartition(":")
    number = int(port, 16)
    if len(port) != 4:
        raise ValueError(text)
    if host.startswith("[") and host.endswith("]"):
        raw = _socket.inet_pton(_socket.AF_INET6, host[1:-1])
        return _socket.inet_ntop(_socket.AF_INET6, raw), str(number)
    if len(host) != 8:
        raise ValueError(text)
    return _socket.inet_ntop(_socket.AF_INET, bytes.fromhex(host)), str(number)


def must_exist(path: str) -> None:
    """Raise IpvsMissingError where the kernel has no such file."""
    try:
        posix.stat(path)
    except FileNotFoundError:
        raise IpvsMissingError(f"no {path}: the kernel of this node does no IPVS") from None
    except OSError:
        pass  # reading it tells why


def read(path: str) -> bytes:
    """Return what a file of the kernel holds; raises IpvsError, and IpvsMissingError where there is none."""
    must_exist(path)
    data = []
    size = 0
    try:
        source = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            while (more := posix.read(source, 1 << 16)) and size <= _MOST_BYTES:
                data.append(more)
                size += len(more)
        finally:
            posix.close(source)
    except OSError as error:
        raise IpvsError(f"cannot read {path}: {error.args[-1]}") from None
    if size > _MOST_BYTES:
        raise IpvsError(f"{path} has more than {_MOST_BYTES >> 20} MiB")
    return b"".join(data)
