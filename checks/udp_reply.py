"""Does a UDP service reply?

Nagios udp_says!PORT!SEND!EXPECT: -p PORT -s SEND -e EXPECT
"""

from __future__ import annotations

from time import monotonic

from vipwarden.core.result import CRITICAL, UNKNOWN, Metric, Range, Result, State, one_line
from vipwarden.core.values import Escaped, Host, Port, Seconds, Source, Via, family
from vipwarden.net.datagram import TRIES, Datagrams
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.address import Address
    from vipwarden.net.net import Net

_REFUSAL = 1.0  # seconds for an ICMP error, where no reply is expected
_SPARE = 0.05  # of the time of an attempt by a path: to find out why nobody answered


async def udp_reply(
    net: Net,
    *,
    host: Host,
    port: Port,
    send: Escaped | None = None,
    expect: Escaped | None = None,
    silence: State = CRITICAL,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    via: Via | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    r"""Does a UDP service reply?

    Sends a datagram, three times before silence counts. A port for which the host answers with ICMP unreachable is
    closed. Silence is no proof: a service that ignores what was sent is as silent as a firewall or a host that is down.
    Where silence is accepted, one datagram is sent, and a refusal is waited for during a second at most.

    host: name, IPv4 or IPv6 address
    port: UDP port
    send: what to send; default an empty datagram; escapes: \r \n \t \0 \\ \xHH
    expect: text that the reply must contain; same escapes
    silence: state where neither a reply nor a refusal comes: critical, or ok for a service that never replies
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to send from
    via: send to a VIP, by the director's own path to this real server: dr:VIP or tun:VIP
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    wrong = ""
    if host.startswith("/"):
        wrong = "a unix socket has no UDP ports: a name or an address is wanted"
    elif expect and silence < CRITICAL:
        wrong = "expect means nothing where silence is accepted"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")
    asked = _Asked(net, port, send or b"", source, via, silence < CRITICAL)
    try:
        targets = await net.resolve(host, family(ipv4, ipv6))
        reply = await asked.first(targets)
    except NetError as error:
        return error.result(host, [net.time(warning, critical)])
    time = net.time(warning, critical)
    state, text = time.state, ""
    if reply is None:
        state = max(state, silence)
        text = "is silent, which is no proof: a firewall, or a host that is down, is as well"
    elif expect and bytes(expect) not in reply:
        state, text = CRITICAL, f"replied {_shown(reply)}, not {one_line(repr(bytes(expect))[1:], 60)}"
    else:
        text = f"replied {_shown(reply)}"
    metrics = [time]
    if reply is not None:
        metrics.append(Metric("size", len(reply), "B", minimum=0, maximum=65535))
    text = f"{asked.name} {text} ({time.value * 1000:.3g} ms)"
    return Result(state, text, metrics, expired=reply is None and not asked.accepts_silence)


class _Asked:
    """What is sent, and by which way; ``name`` is that of the address that the result is about."""

    def __init__(
        self, net: Net, port: int, send: bytes, source: str | None, via: Via | None, accepts_silence: bool
    ) -> None:
        self.net = net
        self.port = port
        self.send = send
        self.source = source
        self.via = via
        self.accepts_silence = accepts_silence
        self.name = ""

    async def first(self, targets: list[Address]) -> bytes | None:
        """Return the reply of the first address that replies, None where one is silent; raises NetError."""
        errors: list[NetError] = []
        quiet = ""
        for index, address in enumerate(targets):
            self.net.share(len(targets) - index)
            try:
                reply = await (self._by_path(address, self.via) if self.via else self._ask(address))
            except NetError as error:
                errors.append(error)
                continue
            if reply is not None:
                return reply
            quiet = quiet or self.name
        self.name = quiet
        if quiet:
            return None
        raise NetError(errors[0].kind, "; ".join(error.text for error in errors))

    async def _ask(self, address: Address) -> bytes | None:
        net = self.net
        if self.accepts_silence:
            net.deadline = min(net.deadline, monotonic() + _REFUSAL)
        if self.source is not None:
            net.watch_addresses((self.source,))
        with Datagrams(net, address, self.port, self.source) as peer:
            self.name = peer.name
            return await peer.ask(self.send, lambda _: True, 1 if self.accepts_silence else TRIES)

    async def _by_path(self, real: Address, via: Via) -> bytes | None:
        """Ask the VIP by the path to one real server, again where somebody removed the path meanwhile."""
        from vipwarden.net.via import ByPath

        net, way = self.net, ByPath(self.net, via)
        until = net.deadline = net.deadline - _SPARE * net.remaining()
        while True:
            address, error, reply = way.address(real), None, None
            try:
                reply = await self._ask(address)
            except NetError as caught:
                error = caught
            if not way.is_gone(address, self.port, until, failed=reply is None):
                if error is not None:
                    raise error
                return reply


def _shown(reply: bytes) -> str:
    return one_line(repr(reply)[1:], 120) if reply else "an empty datagram"
