"""Which number does a verdict have in a track file? By its state, or scaled by a metric."""

from __future__ import annotations

from vipwarden.core.result import State, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from vipwarden.core.result import Metric

    T = TypeVar("T")

LOWEST, HIGHEST = -254, 253  # -254 is keepalived's FAULT
_WANTED = (
    "a weight is a number for each state, such as ok=50, warning=20, critical=0, or a metric's range and what it "
    "becomes, such as time 0.05:1 = 50:10, critical=0"
)


class Weight:
    """Numbers from -253 to 253, or -254 for a fault, by state; ``critical`` is required.

    A missing state has the number of the next worse state, UNKNOWN that of CRITICAL. A term such as
    ``time 0.05:1 = 50:10`` scales healthy states: the metric's values from 0.05 to 1 become 50 to 10, and values
    beyond these limits count as the limits.
    """

    __slots__ = ("metric", "numbers", "scale", "text")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        self.text = text
        self.metric = ""
        self.scale = (0.0, 1.0, 0, 0)
        given: dict[State, int] = {}
        for term in text.split(","):
            left, equals, right = (part.strip() for part in term.partition("="))
            if not equals:
                raise ValueError(_WANTED)
            if " " in left:
                if self.metric:
                    raise ValueError("only one metric can be scaled")
                self.metric, _, ends = left.partition(" ")
                self.scale = (*_pair(ends, number), *_pair(right, _number))
                if self.scale[0] >= self.scale[1]:
                    raise ValueError("the range of the metric must go from low to high")
            else:
                state = State(left)
                if state in given:
                    raise ValueError(f"{left} is given twice")
                given[state] = _number(right)
        if State.CRITICAL not in given:
            raise ValueError(f"critical is missing: {_WANTED}")
        falling = [given[state] for state in (State.OK, State.WARNING, State.CRITICAL) if state in given]
        if falling != sorted(falling, reverse=True) or (self.metric and min(self.scale[2:]) < falling[-1]):
            raise ValueError("a worse state has a higher number, and so would be preferred")
        worse = given[State.CRITICAL]
        self.numbers = [given.get(State.UNKNOWN, worse)]
        for state in (State.CRITICAL, State.WARNING, State.OK):
            worse = given.get(state, worse)
            self.numbers.insert(0, worse)

    @property
    def loss(self) -> int:
        """The number for no verdict at all."""
        return self.numbers[State.UNKNOWN]

    @property
    def best(self) -> int:
        """The highest number of a healthy state."""
        return max(self.scale[2:]) if self.metric else self.numbers[State.OK]

    def value(self, state: State, healthy: bool, metrics: Sequence[Metric]) -> int:
        """Return the number for a verdict; if the metric is missing or not a number, that of UNKNOWN."""
        if not healthy or not self.metric:
            return self.numbers[state]
        low, high, first, last = self.scale
        for metric in metrics:
            if metric.name == self.metric and metric.value - metric.value == 0:
                place = (min(max(float(metric.value), low), high) - low) / (high - low)
                return round(first + place * (last - first))
        return self.loss

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weight) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _pair(text: str, build: Callable[[str], T]) -> tuple[T, T]:
    first, colon, last = text.partition(":")
    if not colon:
        raise ValueError(_WANTED)
    return build(first.strip()), build(last.strip())


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 4 and LOWEST <= int(text) <= HIGHEST:
        return int(text)
    raise ValueError(f"{text!r} is no whole number from {LOWEST + 1} to {HIGHEST}, or {LOWEST} for a fault")
