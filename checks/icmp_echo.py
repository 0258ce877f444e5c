"""Does a host answer pings, such as a gateway, or do enough of several hosts?

Nagios gateway: --loss-critical 40
NRPE gateway: -H 192.0.2.1
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, judge, one_line
from vipwarden.core.values import Count, Host, Seconds, Source, Times, family
from vipwarden.net.echo import Echo, Echoes
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_MOST = 8  # addresses of a host


class Requests(Count):
    """How many requests go to each host."""

    __slots__ = ()
    LEAST, MOST, WANTED = 1, 100, "a number of requests from 1 to 100 is wanted"


REQUESTS = Requests(3)


async def icmp_echo(
    net: Net,
    *,
    host: Host,
    also: tuple[Host, ...] = (),
    needed: Times | None = None,
    count: Requests = REQUESTS,
    pause: Seconds = Seconds(0.1),
    lost_after: Seconds = Seconds(1),
    loss_warning: Range | None = None,
    loss_critical: Range | None = None,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Does a host answer pings, such as a gateway, or do enough of several hosts?

    Sends ICMP echo requests to all addresses at the same time. A host is as good as the best of its addresses; without
    any reply it is CRITICAL. Of several hosts those that are needed have to be good: the state, the loss and the round
    trip are those of the worst among the best so many. It needs no rights, but net.ipv4.ping_group_range has to include
    a group of the user, also for IPv6.

    host: name, IPv4 or IPv6 address
    also: another host
    needed: number of hosts that have to answer; default all of them
    count: number of requests to each address, 1 to 100
    pause: seconds between two requests to the same address
    lost_after: seconds after which a request without a reply is lost
    loss_warning: range for the share of lost requests in per cent, such as 20
    loss_critical: range for the share of lost requests in per cent
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to ask from
    warning: range for the mean round trip in seconds
    critical: range for the mean round trip in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    hosts = list(dict.fromkeys((host, *also)))
    wrong = next((f"{name} is a unix socket: hosts are pinged" for name in hosts if name.startswith("/")), "")
    if needed is not None and needed > len(hosts):
        wrong = f"{needed} hosts are needed, of only {len(hosts)}"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")
    if source is not None:
        net.watch_addresses((source,))
    pinged = [_Host(name) for name in hosts]
    for index, target in enumerate(pinged):
        net.share(len(hosts) - index + 1)  # a name that cannot be resolved leaves time for the rest
        await target.resolve(net, family(ipv4, ipv6))
    net.share(1)
    try:
        with Echoes(net, [echo for target in pinged for echo in target.echoes], source, lost_after) as echoes:
            await echoes.ask(count, pause)
    except NetError as error:
        return error.result(host)
    for target in pinged:
        target.judge(loss_warning, loss_critical, warning, critical)
    pinged.sort(key=lambda target: (target.state, target.loss, target.mean))
    last = pinged[(needed or len(pinged)) - 1]
    text = "; ".join(target.text for target in pinged)
    metrics = [Metric("loss", last.loss, "%", warn=loss_warning, crit=loss_critical, minimum=0, maximum=100)]
    if last.loss < 100:
        metrics.append(Metric("rtt", last.mean, "s", warn=warning, crit=critical, minimum=0))
    if also:
        many = sum(target.loss < 100 for target in pinged)
        metrics.append(Metric("answering", many, minimum=0, maximum=len(pinged)))
        text = f"{many} of {len(pinged)} hosts answer{'s' * (many == 1)}, {needed or len(pinged)} needed: {text}"
    notes = [_note(echo) for target in pinged for echo in target.echoes]
    return Result(last.state, one_line(text), metrics, notes=notes, expired=last.is_silent)


class _Host:
    """A host: its addresses, and what they come to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.echoes: list[Echo] = []
        self.error: NetError | None = None
        self.state = OK
        self.loss, self.mean = 100.0, float("inf")
        self.text = ""
        self.is_silent = False

    async def resolve(self, net: Net, family: int) -> None:
        """Find its addresses, or what keeps from that."""
        try:
            self.echoes = [Echo(address) for address in (await net.resolve(self.name, family))[:_MOST]]
        except NetError as error:
            self.error = error

    def judge(
        self, loss_warning: Range | None, loss_critical: Range | None, warning: Range | None, critical: Range | None
    ) -> None:
        """Judge the best of its addresses."""
        if not self.echoes:
            if self.error is not None:
                self.state, self.text = self.error.state, self.error.text
            return
        best = min(self.echoes, key=lambda echo: (echo.loss, echo.mean, echo.error.state if echo.error else CRITICAL))
        self.loss, self.mean = best.loss, best.mean
        shown = best.address.host if best.address.host == self.name else f"{self.name} ({best.address.host})"
        if best.times:
            self.state = max(judge(self.loss, loss_warning, loss_critical), judge(self.mean, warning, critical))
            self.text = f"{shown} answered {len(best.times)} of {best.asked} in {self.mean * 1000:.3g} ms"
        elif best.error is not None:
            self.state, self.text = best.error.state, best.error.text
        else:
            self.is_silent = True
            self.state, self.text = CRITICAL, f"{shown} is silent: none of {best.asked} requests was answered"


def _note(echo: Echo) -> str:
    """Return a line about one address."""
    text = f"{echo.address.host}: {len(echo.times)} of {echo.asked}"
    if echo.times:
        text += f" in {min(echo.times) * 1000:.3g} ms to {max(echo.times) * 1000:.3g} ms"
    return f"{text}; {echo.error.text}" if echo.error else text
