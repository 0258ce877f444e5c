"""Is the clock of this node right, by NTP servers and by the kernel's own word?

Nagios clock!SECONDS!SECONDS: -w SECONDS -c SECONDS
NRPE clock: --kernel
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds, Source, Times, family
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.result import State
    from vipwarden.net.net import Net
    from vipwarden.protocol.ntp import Sample

LATER = ("vipwarden.net.datagram", "vipwarden.net.stamp", "vipwarden.protocol.ntp")
_FORBIDDEN = (1, 38)  # EPERM, ENOSYS


class Offset(Range):
    """A range of seconds to both sides; a bare number N is -N:N."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        most = text.removeprefix("@")
        super().__init__(text if not most or ":" in most else f"{text[: -len(most)]}-{most}:{most}")


NTP = Port(123)
A_SECOND = Offset("1")


async def clock_offset(
    net: Net,
    *,
    host: Host | None = None,
    also: tuple[Host, ...] = (),
    needed: Times | None = None,
    port: Port = NTP,
    stratum: Range | None = None,
    kernel: bool = False,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    warning: Offset | None = None,
    critical: Offset = A_SECOND,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Is the clock of this node right, by NTP servers and by the kernel's own word?

    Asks each server once by NTP, and sets nothing. Of several offsets the one in the middle counts, so that of three
    servers one may be wrong. A server that is not synchronised itself does not count. The kernel says whether anything
    keeps its clock, as chrony with rtcsync, systemd-timesyncd and ntpd do.

    host: name, IPv4 or IPv6 address of an NTP server; without it the kernel alone is asked
    also: another server
    needed: number of servers that have to answer; default all of them
    port: UDP port
    stratum: range for the stratum of a server, such as 1:4; one outside of it does not count
    kernel: the kernel, too, has to say that its clock is kept in step
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to ask from
    warning: range for the offset in seconds; 0.1 is -0.1:0.1
    critical: range for the offset in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    hosts = list(dict.fromkeys((host, *also))) if host is not None else []
    wrong = next((f"{name} is a unix socket: NTP has none" for name in hosts if name.startswith("/")), "")
    if also and host is None:
        wrong = "also names another server beside host, which is missing"
    elif needed is not None and needed > len(hosts):
        wrong = f"{needed} servers are needed, of only {len(hosts)}"
    if wrong:
        return Result(UNKNOWN, wrong)
    states: list[State] = []
    texts: list[str] = []
    metrics: list[Metric] = []
    servers = _Servers(net, port, source, stratum)
    if hosts:
        for index, name in enumerate(hosts):
            await servers.ask(name, family(ipv4, ipv6), len(hosts) - index)
        state, text, metrics = servers.judged(needed or len(hosts), warning, critical)
        states.append(state)
        texts.append(text)
    if kernel or not hosts:
        state, text, more = _kernel(net)
        states.append(state)
        texts.append(text)
        metrics += more
    expired = bool(servers.errors) and all(error.expired for error in servers.errors) and not servers.samples
    return Result(max(states), one_line("; ".join(texts)), metrics, notes=servers.notes, expired=expired)


class _Servers:
    """What the servers said, and why some of them did not."""

    def __init__(self, net: Net, port: int, source: str | None, stratum: Range | None) -> None:
        self.samples: list[Sample] = []
        self.errors: list[NetError] = []
        self.notes: list[str] = []
        self._net = net
        self._port = port
        self._source = source
        self._stratum = stratum

    async def ask(self, host: str, family: int, left: int) -> None:
        """Ask the first address of a host that answers, while so many hosts are left."""
        from vipwarden.protocol.ntp import ask

        net = self._net
        net.share(left)
        errors: list[NetError] = []
        try:
            targets = await net.resolve(host, family)
        except NetError as error:
            self.errors.append(error)
            return
        for index, address in enumerate(targets):
            net.share(left - 1 + len(targets) - index)
            try:
                sample = await ask(net, address, self._port, self._source)
                if self._stratum is not None and self._stratum.alerts(sample.stratum):
                    raise NetError("reset", f"{sample.name} has stratum {sample.stratum}, outside of {self._stratum}")
            except NetError as error:
                errors.append(error)
            else:
                self.samples.append(sample)
                said = f"{_shown(sample.offset)} {sample.name}, give or take {_time(sample.delay / 2)}"
                self.notes.append(f"{said}, stratum {sample.stratum}")
                return
        self.errors.append(NetError(errors[0].kind, "; ".join(error.text for error in errors)))

    def judged(self, needed: int, warning: Range | None, critical: Range) -> tuple[State, str, list[Metric]]:
        """Return state, text and metrics."""
        faults = [error.text for error in self.errors]
        many = len(self.samples)
        if not many:
            return min(error.state for error in self.errors), "; ".join(faults), []
        ordered = sorted(self.samples, key=lambda it: it.offset)
        middle = max(ordered[(many - 1) // 2], ordered[many // 2], key=lambda it: abs(it.offset))
        offset = Metric("offset", middle.offset, "s", warn=warning, crit=critical)
        text = f"this clock is {_shown(middle.offset)} {middle.name} (stratum {middle.stratum})"
        if many + len(faults) > 1:
            text += f", the middle of {many} of {many + len(faults)} servers"
        if many < needed:
            text += f", but {needed} are needed"
        metrics = [
            offset,
            Metric("delay", middle.delay, "s", minimum=0),
            Metric("stratum", middle.stratum, minimum=1, maximum=15),
            Metric("servers", many, minimum=0, maximum=many + len(faults)),
        ]
        return CRITICAL if many < needed else offset.state, "; ".join([text, *faults]), metrics


def _kernel(net: Net) -> tuple[State, str, list[Metric]]:
    """Return what the kernel says of its clock, in the same way."""
    from vipwarden.node.clock import kernel_clock

    try:
        known = net.once("the kernel's clock", kernel_clock)
    except OSError as error:
        advice = "; ProtectClock= and SystemCallFilter= of a unit forbid it" if error.errno in _FORBIDDEN else ""
        return UNKNOWN, f"adjtimex: {error.strerror}{advice}", []
    metric = Metric("kernel_error", known.error, "s", minimum=0)
    if known.synchronised:
        return OK, f"the kernel's clock is kept in step, to within {_time(known.error)}", [metric]
    return CRITICAL, "the kernel's clock is not synchronised", [metric]


def _shown(offset: float) -> str:
    return f"{_time(abs(offset))} {'behind' if offset > 0 else 'ahead of'}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3f} s"
