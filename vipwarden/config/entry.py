"""What may stand in one entry of the configuration beside the check's own options?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.config.weight import Weight
from vipwarden.core.options import options
from vipwarden.core.result import State
from vipwarden.core.values import Count, Port, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.core.registry import Check

_MOST = 100_000  # checks that one pattern may stand for
LOSS_INTERVALS = 2.5  # in a row without a look, after which a verdict no longer counts


class Healthy(State):
    """The worst state that is healthy: what is critical, or not known, must never be."""

    __slots__ = ()

    def __new__(cls, text: str) -> Healthy:
        """Build it from its text; raises ValueError with what is wanted."""
        if str(text).lower() not in ("ok", "warning"):
            raise ValueError("it is ok or warning")
        return super().__new__(cls, text)  # type: ignore[return-value]


class Times(Count):
    """A whole number from 1 up."""

    __slots__ = ()

    def __new__(cls, text: str | int) -> Times:
        """Build it from its text; raises ValueError with what is wanted."""
        if str(text) == "0":
            raise ValueError("a whole number from 1 up is wanted")
        return super().__new__(cls, text)  # type: ignore[return-value]


class Loss(str):
    """What happens to the track file when the agent is lost: fail or hold."""

    __slots__ = ()

    def __new__(cls, text: str) -> Loss:
        """Build it from its text; raises ValueError with what is wanted."""
        if text not in ("fail", "hold"):
            raise ValueError("it is fail, which is safe, or hold, which keeps the last verdict")
        return str.__new__(cls, text)


class Hosts(tuple[str, ...]):
    """A host, or several by ranges in brackets: 192.0.2.[11-30], web[01-12].example.

    Numbers are written as wide as a first one that begins with a zero, which makes no address: Host refuses it.
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
        found = [f"{head}{number:0{width}d}{end}" for number in range(first, last + 1) for end in Hosts(tail)]
        return tuple.__new__(cls, found)


class PortList(tuple[Port, ...]):
    """Ports and ranges of ports, each of them for a check of its own: 80,443,8000-8010."""

    __slots__ = ()

    def __new__(cls, text: str) -> PortList:
        """Build it from its text; raises ValueError with what is wanted."""
        found: dict[Port, None] = {}
        for part in text.split(","):
            low, dash, high = part.strip().partition("-")
            first, last = Port(low), Port(high if dash else low)
            if first > last:
                raise ValueError(f"the range {part.strip()} runs backwards")
            found |= {Port(number): None for number in range(first, last + 1)}
        return tuple.__new__(cls, found)


def judged(
    *,
    healthy: Healthy = Healthy("ok"),  # noqa: B008 - a state
    track: bool = True,
    weight: Weight | None = None,
    syslog: bool = True,
    on_agent_loss: Loss = Loss("fail"),  # noqa: B008 - a text
    agent_loss_after: Seconds | None = None,
) -> None:
    """Add the keys that every verdict has.

    healthy: worst state that counts as healthy: ok or warning
    track: write a track file for keepalived
    weight: numbers for the track file; default 1 for healthy and 0 for failed, as weight 0 reverse needs
    syslog: log changes to syslog
    on_agent_loss: when the agent is lost: fail, or hold to keep the last verdict in the track file
    agent_loss_after: seconds without a run after which the agent counts as lost; default two and a half intervals
    """


def asked(
    *,
    check: str,
    interval: Seconds = Seconds(5),
    fast_interval: Seconds | None = None,
    rise: Times = Times(1),  # noqa: B008 - a number
    fall: Times = Times(1),  # noqa: B008
    retry: Count = Count(0),
    only_if: tuple[str, ...] = (),
    hosts: tuple[Hosts, ...] = (),
    ports: tuple[PortList, ...] = (),
    real_servers: str | None = None,
) -> None:
    """Add the keys that every check has.

    check: name of the check
    interval: seconds between the starts of two runs, at least 0.1
    fast_interval: seconds between runs while the verdict is about to change
    rise: healthy results in a row before a failed check is healthy
    fall: failed results in a row before a healthy check is failed
    retry: times a failed run is repeated at once before it counts
    only_if: entries that must be healthy; otherwise the check does not run and is UNKNOWN
    hosts: hosts, one check for each, named NAME@HOST; with ports NAME@HOST:PORT
    ports: ports, one check for each
    real_servers: keepalived.conf; one check for each real server of all its virtual servers
    """


def composed(
    *,
    all_of: tuple[str, ...] = (),
    any_of: tuple[str, ...] = (),
    at_least: Times | None = None,
    of: tuple[str, ...] = (),
) -> None:
    """Add the keys of a verdict that is composed of others.

    all_of: entries of which the worst state counts
    any_of: entries of which the best state counts
    at_least: number of entries that must be healthy
    of: entries that at_least counts
    """


class Entry:
    """One configured check: its ``name``, the function to call with ``values``, and when. Times are in seconds.

    Where it is composed of others it has no function, and ``needed`` is how many of its ``members`` must be healthy.
    """

    __slots__ = (
        "check", "fall", "fast_interval", "function", "healthy", "hold", "interval", "loss_after", "members", "name",
        "needed", "only_if", "retry", "rise", "syslog", "timeout", "track", "values", "weight",
    )  # fmt: skip
    function: Check

    def __init__(self, name: str, keys: Mapping[str, object]) -> None:
        """Take what the keys of judged() say."""
        found = _complete(judged, keys)
        self.name = name
        self.healthy = State(str(found["healthy"]))
        self.track = bool(found["track"])
        self.weight = found["weight"] if isinstance(found["weight"], Weight) else None
        self.syslog = bool(found["syslog"])
        self.hold = found["on_agent_loss"] == "hold"
        self.loss_after = _seconds(found["agent_loss_after"])
        self.check = ""
        self.values: dict[str, object] = {}
        self.interval = self.fast_interval = self.timeout = 0.0
        self.rise = self.fall = 1
        self.retry = self.needed = 0
        self.only_if: tuple[str, ...] = ()
        self.members: tuple[str, ...] = ()

    def ask(self, function: Check, keys: Mapping[str, object], values: dict[str, object]) -> None:
        """Make it a check that calls a function with values, by the keys of asked()."""
        found = _complete(asked, keys)
        self.check = str(found["check"])
        self.function = function
        self.values = values
        self.interval = _seconds(found["interval"])
        self.fast_interval = _seconds(found["fast_interval"]) or self.interval
        self.rise, self.fall, self.retry = (int(str(found[name])) for name in ("rise", "fall", "retry"))
        self.only_if = _texts(found["only_if"])
        default = _seconds(options(function)["timeout"].default)
        self.timeout = _seconds(values.get("timeout")) or min(default, self.interval)
        values["timeout"] = self.timeout
        self.loss_after = self.loss_after or LOSS_INTERVALS * self.interval

    def compose(self, keys: Mapping[str, object]) -> None:
        """Compose it of others, by the keys of composed(); raises ValueError where they make no sense."""
        found = _complete(composed, keys)
        ways = [name for name in ("all_of", "any_of", "at_least") if found[name]]
        if len(ways) != 1 or bool(found["of"]) is not (ways == ["at_least"]):
            raise ValueError("wants one of all_of, any_of, or at_least with of")
        self.check = ways[0]
        self.members = _texts(found["of"] or found[ways[0]])
        self.needed = int(str(found["at_least"] or 1)) if ways != ["all_of"] else 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and all(
            getattr(self, name, None) == getattr(other, name, None) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]


def _complete(function: Callable[..., object], keys: Mapping[str, object]) -> dict[str, object]:
    return {name: keys.get(name, option.default) for name, option in options(function).items()}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _seconds(value: object) -> float:
    return float(str(value)) if value else 0.0
