"""Which hosts and ports does a pattern of the configuration expand to?"""

from __future__ import annotations

from typing import NamedTuple

from vipwarden.core.values import Port, Via, is_address

_MOST = 100_000  # hosts of one range


class LbKind(str):
    """The path that each virtual server of keepalived.conf has by its lb_kind: lb_kind, or lb_kind:VIP."""

    __slots__ = ()

    def __new__(cls, text: str) -> LbKind:
        """Build it from its text; raises ValueError with what is wanted."""
        word, _, vip = text.partition(":")
        if word == "lb_kind" and (word == text or ("%" not in vip and is_address(vip))):
            return str.__new__(cls, text)
        raise ValueError("lb_kind is wanted, lb_kind:VIP for services of a fwmark, dr:VIP or tun:VIP")

    @property
    def vip(self) -> str:
        """The VIP of services that have none of their own, as those of a firewall mark."""
        return self.partition(":")[2]


def via_of_services(text: str) -> LbKind | Via:
    """Build the via of an entry with real_servers; raises ValueError with what is wanted."""
    return LbKind(text) if not text.startswith(("dr:", "tun:")) else Via(text)


class Place(NamedTuple):
    """Where one check of a pattern asks; ``suffix`` is the end of its name, ``services`` are virtual services."""

    suffix: str
    host: str
    port: int
    via: Via | None = None
    services: tuple[str, ...] = ()


class Hosts(tuple[str, ...]):
    """A host, or several by ranges in brackets: 192.0.2.[11-30], web[01-12].example.

    If the first number starts with a zero, all numbers have its width. Such an address is refused by Host.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Hosts:
        """Build it from its text; raises ValueError with what is wanted."""
        head, bracket, rest = text.partition("[")
        if not bracket or ":" in rest.partition("]")[0]:  # an IPv6 address may stand in brackets
            return tuple.__new__(cls, (text.removeprefix("[").removesuffix("]") if bracket and not head else text,))
        span, closed, tail = rest.partition("]")
        low, dash, high = span.partition("-")
        if not closed or not (low.isascii() and low.isdigit()) or (dash and not (high.isascii() and high.isdigit())):
            raise ValueError("a range of hosts is written 192.0.2.[11-30] or web[01-12].example")
        first, last = int(low), int(high or low)
        if first > last or last - first >= _MOST:
            raise ValueError(f"the range {span} runs backwards or is too long")
        width = len(low) if low.startswith("0") else 1
        numbers = range(first, last + 1)
        return tuple.__new__(cls, [f"{head}{number:0{width}d}{end}" for number in numbers for end in Hosts(tail)])


class PortList(tuple[Port, ...]):
    """Ports and ranges of ports, one check for each: 80,443,8000-8010."""

    __slots__ = ()

    def __new__(cls, text: str) -> PortList:
        """Build it from its text; raises ValueError with what is wanted."""
        ports: dict[Port, None] = {}
        for part in text.split(","):
            low, dash, high = part.strip().partition("-")
            first, last = Port(low), Port(high if dash else low)
            if first > last:
                raise ValueError(f"the range {part.strip()} runs backwards")
            ports |= {Port(number): None for number in range(first, last + 1)}
        return tuple.__new__(cls, ports)


def suffix(host: str, port: object) -> str:
    """Return the end of the name of a pattern's check, such as @192.0.2.1:80 or @[2001:db8::1]:80."""
    host = f"[{host}]" if ":" in host and port else host
    return f"@{host}:{port}" if port else f"@{host}" if host else ""
