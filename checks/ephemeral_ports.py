"""Are there local ports left for connections to a server?

Nagios ports_left!HOST!PORT!WARNING!CRITICAL: -H HOST -p PORT -w WARNING -c CRITICAL
NRPE ephemeral_ports: -w 70 -c 90
"""

from __future__ import annotations

from vipwarden.core.result import UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds, Source, family
from vipwarden.net.stream import NetError
from vipwarden.node.netlink.sockets import Destination, destinations
from vipwarden.node.process.procfs import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_ENOENT = 2
_MOST_SHOWN = 20
_DELAY = 1000  # milliseconds in TIME_WAIT until a port may be reused, before Linux had tcp_tw_reuse_delay
_NO_REUSE, _REUSE, _REUSE_ON_LOOPBACK = range(3)  # tcp_tw_reuse


async def ephemeral_ports(
    net: Net,
    *,
    host: Host | None = None,
    port: Port | None = None,
    source: Source | None = None,
    ipv4: bool = False,
    ipv6: bool = False,
    warning: Range = Range("80"),
    critical: Range = Range("90"),
    conntrack_warning: Range = Range("80"),
    conntrack_critical: Range = Range("90"),
    time_wait: Range | None = None,
    proc: str = "/proc",
    timeout: Seconds = Seconds(10),
) -> Result:
    """Are there local ports left for connections to a server?

    The kernel can use each port of ip_local_port_range once for each pair of a local address and a port of a server.
    So the fullest such pair is judged, of all or of those to one server; totals hide it. Ports of
    ip_local_reserved_ports are not there; a port in TIME_WAIT counts unless tcp_tw_reuse gives it out again.
    Also judged is how full the connection tracking table is, where there is destination.

    host: name or address of the server; default every server
    port: port of the server; default every port
    source: local address of the connections; default every address
    ipv4: only IPv4 addresses of the name
    ipv6: only IPv6 addresses of the name
    warning: range for the used share of the ports in percent
    critical: range for the used share of the ports in percent
    conntrack_warning: range for the used share of the connection tracking table in percent
    conntrack_critical: range for the used share of the connection tracking table in percent
    time_wait: range for the number of all connections in TIME_WAIT; outside of it the state is WARNING
    proc: where procfs is mounted
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    if host is not None and host.startswith("/"):
        return Result(UNKNOWN, f"{host}: a unix socket needs no port")
    try:
        limits = net.once(f"limits in {proc}", lambda: _Limits(proc))
        hosts: list[str | None] = [None]
        if host is not None:
            hosts = [address.host for address in await net.resolve(host, family(ipv4, ipv6))]
        fullest: list[Destination] = []
        for address in hosts:
            fullest += await net.beside("the table of sockets", lambda: limits.used(address, port, source, net))  # noqa: B023
        tracked = limits.conntrack(conntrack_warning, conntrack_critical)
    except NetError as error:
        return error.result("cannot count the ports")
    except OSError as error:
        helps = ": modprobe tcp_diag" if error.errno == _ENOENT and not error.filename else ""
        what = error.filename or "sock_diag"
        late = net.remaining() <= 0
        return Result(UNKNOWN, f"cannot count the ports: {what}: {error.strerror}{helps}", expired=late)
    except ValueError as error:
        return Result(UNKNOWN, f"cannot count the ports: {error}")
    fullest.sort(key=limits.held, reverse=True)
    held = limits.held(fullest[0]) if fullest else 0
    used = Metric("used", 100 * held / limits.ports, "%", warn=warning, crit=critical, minimum=0, maximum=100)
    waits = Metric("time_wait", limits.time_wait, warn=time_wait, minimum=0)
    shares = [used, *tracked]
    texts = [
        limits.in_words(fullest[0]) if fullest else f"no connection{_to(host, port)}, {limits.ports} ports are free"
    ]
    texts += [f"{share.name} {share.value:.3g} % full" for share in shares[1:]]
    if used.state:
        texts[0] += f", range {critical if critical.alerts(used.value) else warning}"
    if waits.state:
        texts.append(f"{limits.time_wait} connections in TIME_WAIT, range {time_wait}")
    ports = Metric("ports", held, minimum=0, maximum=limits.ports)
    return Result(
        max(metric.state for metric in (*shares, waits)),
        "; ".join(texts),
        [*shares, ports, waits],
        notes=[limits.in_words(destination) for destination in fullest[:_MOST_SHOWN]],
    )


def _to(host: str | None, port: int | None) -> str:
    return f" to {host or 'port'}{':' if host and port else ' ' if port else ''}{port or ''}" if host or port else ""


class _Limits:
    """What the kernel has for connections: local ports, and entries of its tables."""

    __slots__ = ("_delay", "_proc", "_reuse", "high", "low", "ports", "time_wait")

    def __init__(self, proc: str) -> None:
        """Read them; raises OSError with the file, and ValueError."""
        self._proc = proc
        self.low, self.high = self._numbers("ipv4/ip_local_port_range", 2)
        self.ports = self.high - self.low + 1
        for part in filter(None, self._text("sys/net/ipv4/ip_local_reserved_ports").split(",")):
            first, _, last = part.partition("-")
            if not (first + last).isdecimal():
                raise ValueError(f"ip_local_reserved_ports has {one_line(part, 60)!r}")
            self.ports -= max(0, min(int(last or first), self.high) - max(int(first), self.low) + 1)
        if self.ports < 1:
            raise ValueError(f"ip_local_port_range {self.low}-{self.high} has no port that is not reserved")
        (self._reuse,) = self._numbers("ipv4/tcp_tw_reuse")
        if self._numbers("ipv4/tcp_timestamps") == [0]:
            self._reuse = _NO_REUSE
        (self._delay,) = self._numbers("ipv4/tcp_tw_reuse_delay", default=_DELAY)
        words = self._text("net/sockstat").partition("TCP: ")[2].split()
        waits = dict(zip(words[::2], words[1::2], strict=False)).get("tw", "")
        if not waits.isdecimal():
            raise ValueError(f"{proc}/net/sockstat does not tell how many connections are in TIME_WAIT")
        self.time_wait = int(waits)

    def used(self, host: str | None, port: int | None, source: str | None, net: Net) -> list[Destination]:
        """Return the fullest destinations; raises OSError."""
        every = destinations(self.low, self.high, host, port, source, self._delay, net.remaining())
        return sorted(every, key=self.held, reverse=True)[:_MOST_SHOWN]

    def held(self, destination: Destination) -> int:
        """Return how many ports are not free for connections to a destination."""
        on_loopback = destination.host.startswith("127.") or destination.host == "::1"
        is_reused = self._reuse == _REUSE or (self._reuse == _REUSE_ON_LOOPBACK and on_loopback)
        return destination.held - (destination.waiting if is_reused else 0)

    def in_words(self, destination: Destination) -> str:
        """Return a destination in words."""
        held = self.held(destination)
        share = f"{100 * held / self.ports:.3g}"
        more = f", {destination.held - held} more in TIME_WAIT" if held < destination.held else ""
        return f"{held} of {self.ports} ports used from {destination.source} to {destination.name} ({share} %){more}"

    def conntrack(self, warning: Range, critical: Range) -> list[Metric]:
        """Return how full the table of connections is; nothing without destination."""
        try:
            (count,), (most,) = (self._numbers(f"netfilter/nf_conntrack_{name}") for name in ("count", "max"))
        except OSError:
            return []
        share = 100 * count / most if most else 0  # 0 is no limit
        return [Metric("conntrack", share, "%", warn=warning, crit=critical, minimum=0, maximum=100)]

    def _numbers(self, name: str, count: int = 1, default: int | None = None) -> list[int]:
        try:
            text = self._text(f"sys/net/{name}")
        except FileNotFoundError:
            if default is None:
                raise
            return [default]
        words = text.split()
        if len(words) != count or not all(map(str.isdecimal, words)):
            raise ValueError(f"{self._proc}/sys/net/{name} has {one_line(text, 60)!r}")
        return list(map(int, words))

    def _text(self, name: str) -> str:
        return read(f"{self._proc}/{name}").decode("ascii", "replace").strip()
