"""Is a TCP port open?

Nagios port_time!PORTS!WARNING!CRITICAL: -p PORTS -w WARNING -c CRITICAL
NRPE http: -H 127.0.0.1 -p 80 -w 0.5 -c 2
NRPE https: -H 127.0.0.1 -p 443 -w 0.5 -c 2
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, Metric, Range, Result, State, one_line
from vipwarden.core.values import Escaped, Host, Seconds, Source, Via, family
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.address import Address
    from vipwarden.net.net import Attempt, Net

_MOST_PORTS = 1024
_MOST_ANSWER = 65536


class Ports(tuple[int, ...]):
    """Ports and ranges of ports in the order given, such as 80 or 80,443,8000-8010."""

    __slots__ = ()

    def __new__(cls, text: str) -> Ports:
        """Build it from its text; raises ValueError with what is wanted."""
        ports: dict[int, None] = {}
        for part in str(text).split(","):
            low, dash, high = part.strip().partition("-")
            first, last = _port(low), _port(high if dash else low)
            if first > last:
                raise ValueError(f"the range {part} runs backwards")
            ports.update(dict.fromkeys(range(first, last + 1)))
        if len(ports) > _MOST_PORTS:
            raise ValueError(f"at most {_MOST_PORTS} ports in one check")
        return tuple.__new__(cls, ports)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise ValueError("ports are numbers from 1 to 65535, such as 80 or 80,443,8000-8010")


async def port(
    net: Net,
    *,
    host: Host,
    port: Ports | None = None,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    via: Via | None = None,
    send: Escaped | None = None,
    expect: Escaped | None = None,
    refused: State = CRITICAL,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    r"""Is a TCP port open?

    Every port must be open on at least one address of the host. Other ports are reported in nmap's terms: closed
    (refused), filtered (no answer) or unreachable.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: port, or ports and ranges such as 80,443,8000-8010; none for a unix socket
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to connect from
    via: connect to a VIP, by the director's own path to this real server: dr:VIP or tun:VIP
    send: text to send to each open port; escapes: \r \n \t \0 \\ \xHH
    expect: text that the server must send; same escapes
    refused: state for a closed port: ok, warning or critical
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    if host.startswith("/") is (port is not None):
        return Result(State.UNKNOWN, f"{host} has no ports" if port else f"{host}: no port given")
    try:
        targets = await net.resolve(host, family(ipv4, ipv6))
    except NetError as error:
        return error.result(host)
    attempt = None
    if via is not None:
        from vipwarden.net.via import ByPath

        attempt = ByPath(net, via).attempt
    ports = port or (0,)
    lines: list[str] = []
    errors: list[NetError] = []
    for index, number in enumerate(ports):
        if len(ports) > 1:
            net.share(len(ports) - index)
        try:
            lines.append(await _try(net, targets, number, source, attempt, send, expect))
        except NetError as error:
            errors.append(error)
    time = net.time(warning, critical)
    state = time.state
    if errors:
        state = max(state, *(refused if error.kind == "closed" else error.state for error in errors))
    if len(ports) > 1:
        lines.insert(0, f"{len(ports) - len(errors)} of {len(ports)} ports of {host} are open")
    text = "; ".join([error.text for error in errors]) if errors else lines[0]
    metrics = [time]
    if len(ports) > 1:
        metrics.append(Metric("open", len(ports) - len(errors), minimum=0, maximum=len(ports)))
    expired = bool(errors) and all(error.kind in ("filtered", "expired") for error in errors)
    return Result(state, f"{text} ({time.value * 1000:.3g} ms)", metrics, notes=lines, expired=expired)


async def _try(
    net: Net,
    targets: list[Address],
    port: int,
    source: str | None,
    attempt: Attempt | None,
    send: bytes | None,
    expect: bytes | None,
) -> str:
    """Return the text for an open port; raises NetError for others."""
    with await net.connect(targets, port, source, mute=not (send or expect), attempt=attempt) as stream:
        if send:
            await stream.send(send)
        if not expect:
            return f"{stream.name} is open"
        answer = b""
        try:
            while expect not in answer and len(answer) < _MOST_ANSWER:
                more = await stream.receive()
                if not more:
                    break
                answer += more
        except NetError as error:
            if not answer:
                raise
            raise NetError(error.kind, _unexpected(stream.name, answer, expect)) from None
        if expect not in answer:
            raise NetError("reset", _unexpected(stream.name, answer, expect))
        return f"{stream.name} is open and sent what was expected"


def _unexpected(name: str, answer: bytes, expect: bytes) -> str:
    reply = one_line(repr(answer)[1:], 120) if answer else "nothing"
    return f"{name} is open but sent {reply}, not {one_line(repr(expect)[1:], 60)}"
