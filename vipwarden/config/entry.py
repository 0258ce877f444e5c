"""Which keys does an entry of the configuration have besides the check's own options?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vipwarden.config.dampen import Dampen  # noqa: TC001 - options() looks them up
from vipwarden.config.pattern import Hosts, PortList  # noqa: TC001
from vipwarden.config.weight import Weight  # noqa: TC001
from vipwarden.core.options import options
from vipwarden.core.result import State
from vipwarden.core.values import Choice, Count, Seconds, Times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.core.registry import Check

LOSS_INTERVALS = 2.5  # without a run, after which a verdict no longer counts


class Healthy(Choice):
    """The worst state that is healthy, never CRITICAL or UNKNOWN."""

    __slots__ = ()
    choices = ("ok", "warning")


class InMaintenance(Choice):
    """What keepalived is told of a check in maintenance."""

    __slots__ = ()
    choices = ("drain", "down", "hold")


class Loss(Choice):
    """The consequence for the track file when the agent is lost."""

    __slots__ = ()
    choices = ("fail", "hold")


def judged(
    *,
    healthy: Healthy = Healthy("ok"),
    track: bool = True,
    weight: Weight | None = None,
    syslog: bool = True,
    on_agent_loss: Loss = Loss("fail"),
    agent_loss_after: Seconds | None = None,
    in_maintenance: InMaintenance = InMaintenance("drain"),
) -> None:
    """Add the keys that every verdict has.

    healthy: worst state that counts as healthy: ok or warning
    track: write a track file for keepalived
    weight: numbers for the track file; default 1 for healthy and 0 for failed, as weight 0 reverse needs
    syslog: log changes to syslog
    on_agent_loss: when the agent is lost: fail, or hold to keep the last verdict in the track file
    agent_loss_after: seconds without a run after which the agent counts as lost; default two and a half intervals
    in_maintenance: what keepalived is told: drain for the weight 0, down for a failure, or hold for the state before
    """


def asked(
    *,
    check: str,
    interval: Seconds = Seconds(5),
    fast_interval: Seconds | None = None,
    rise: Times = Times(1),
    fall: Times = Times(1),
    retry: Count = Count(0),
    only_if: tuple[str, ...] = (),
    dampen: Dampen | None = None,
    via_unknown: Loss = Loss("hold"),
    hosts: tuple[Hosts, ...] = (),
    ports: tuple[PortList, ...] = (),
    real_servers: str | None = None,
    virtual_server: str | None = None,
) -> None:
    """Add the keys that every check has.

    check: name of the check
    interval: seconds between the starts of two runs, at least 0.1
    fast_interval: seconds between runs while the verdict is about to change
    rise: healthy results in a row before a failed check is healthy
    fall: failed results in a row before a healthy check is failed
    retry: times a failed run is repeated at once before it counts
    only_if: entries that must be healthy; otherwise the check does not run and is UNKNOWN
    dampen: hold a check down that flaps, until it is steady: half_life=60, and the numbers of dampening.md
    via_unknown: when the path of via cannot be built: hold to keep the last verdict, or fail
    hosts: hosts, one check for each, named NAME@HOST; with ports NAME@HOST:PORT
    ports: ports, one check for each
    real_servers: keepalived.conf; one check for each real server of its virtual servers; may have via: lb_kind
    virtual_server: the only virtual server that real_servers means, as in keepalived.conf, such as 192.0.2.10 80
    """


def composed(
    *,
    all_of: tuple[str, ...] = (),
    any_of: tuple[str, ...] = (),
    at_least: Times | None = None,
    of: tuple[str, ...] = (),
) -> None:
    """Add the keys of a verdict composed of others.

    all_of: entries of which the worst state counts
    any_of: entries of which the best state counts
    at_least: number of entries that must be healthy
    of: entries that at_least counts
    """


class Entry:
    """A configured check: its ``name``, its function with ``values``, and its times in seconds.

    An entry composed of others has no function; ``needed`` is how many of its ``members`` must be healthy.
    """

    __slots__ = (
        "check", "dampen", "fall", "fast_interval", "function", "healthy", "hold", "in_maintenance", "interval",
        "loss_after", "members", "name", "needed", "only_if", "retry", "rise", "services", "syslog", "timeout", "track",
        "values", "via_hold", "weight",
    )  # fmt: skip
    function: Check

    def __init__(self, name: str, keys: Mapping[str, object]) -> None:
        """Take the keys of judged()."""
        given = _complete(judged, keys)
        self.name = name
        self.healthy = State(given["healthy"])
        self.track: bool = given["track"]
        self.weight: Weight | None = given["weight"]
        self.syslog: bool = given["syslog"]
        self.hold = given["on_agent_loss"] == "hold"
        self.loss_after: float = given["agent_loss_after"] or 0.0
        self.in_maintenance: str = given["in_maintenance"]
        self.check = ""
        self.values: dict[str, object] = {}
        self.interval = self.fast_interval = self.timeout = 0.0
        self.rise = self.fall = 1
        self.retry = self.needed = 0
        self.via_hold = True
        self.dampen: Dampen | None = None
        self.only_if: tuple[str, ...] = ()
        self.members: tuple[str, ...] = ()
        self.services: tuple[str, ...] = ()  # virtual services that a real server belongs to

    def ask(self, function: Check, keys: Mapping[str, object], values: dict[str, Any]) -> None:
        """Make it a check that calls ``function`` with ``values``, by the keys of asked()."""
        given = _complete(asked, keys)
        self.function = function
        self.values = values
        for name in ("check", "interval", "rise", "fall", "retry", "only_if", "dampen"):
            setattr(self, name, given[name])
        self.fast_interval = given["fast_interval"] or self.interval
        self.via_hold = given["via_unknown"] == "hold"
        default: Any = options(function)["timeout"].default
        self.timeout = values["timeout"] = values.get("timeout") or min(default, self.interval)
        self.loss_after = self.loss_after or LOSS_INTERVALS * self.interval

    def compose(self, keys: Mapping[str, object]) -> None:
        """Compose it of others, by the keys of composed(); raises ValueError where they contradict each other."""
        given = _complete(composed, keys)
        ways = [name for name in ("all_of", "any_of", "at_least") if given[name]]
        if len(ways) != 1 or bool(given["of"]) is not (ways == ["at_least"]):
            raise ValueError("wants one of all_of, any_of, or at_least with of")
        self.check = ways[0]
        self.members = given["of"] or given[ways[0]]
        self.needed = (given["at_least"] or 1) if ways != ["all_of"] else 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and all(
            getattr(self, name, None) == getattr(other, name, None) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]


def _complete(function: Callable[..., object], keys: Mapping[str, object]) -> dict[str, Any]:
    return {name: keys.get(name, option.default) for name, option in options(function).items()}
