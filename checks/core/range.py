"""Is a number inside the range that an operator wrote?"""

from __future__ import annotations

from checks.core.result import CRITICAL, OK, WARNING, State

_INFINITY = float("inf")


class Range:
    """A threshold in the full syntax of the Monitoring Plugins guidelines: ``[@]start:end``.

    Both ends are inclusive; ``~`` as start is minus infinity, a missing end infinity, a bare number N is
    ``0:N``. A value outside alerts; with ``@`` a value inside does. Raises ValueError on anything else,
    an empty text among it: a variable that was never set must not switch a threshold off.
    """

    __slots__ = ("end", "inside", "start")

    def __init__(self, text: str) -> None:
        self.inside = text.startswith("@")
        start, _, end = text[self.inside :].strip().rpartition(":")
        if not start and not end:
            raise ValueError("a range is [@]start:end, such as 10, 10:, ~:10, 10:20 or @10:20")
        self.start = -_INFINITY if start == "~" else _number(start) if start else 0.0
        self.end = _number(end) if end else _INFINITY
        if self.start > self.end:
            raise ValueError(f"the range starts at {start or 0}, after its end {end}")

    def alerts(self, value: float) -> bool:
        """Return whether the value is one to alert on; one that is no finite number always is."""
        if value - value != 0:
            return True
        return (self.start <= value <= self.end) is self.inside

    def __str__(self) -> str:
        at = "@" if self.inside else ""
        end = "" if self.end == _INFINITY else _exact(self.end)
        if self.start == 0 and end:
            return at + end
        return f"{at}{'~' if self.start == -_INFINITY else _exact(self.start)}:{end}"

    def __repr__(self) -> str:
        return f"Range({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def judge(value: float, warning: Range | None, critical: Range | None) -> State:
    """Return the state that the two thresholds give to a value."""
    if critical is not None and critical.alerts(value):
        return CRITICAL
    return WARNING if warning is not None and warning.alerts(value) else OK


def plain(value: float) -> str:
    """Write a finite number without exponent and without a needless fraction, as perfdata wants it."""
    if value == int(value):
        return str(int(value))
    text = f"{value:.9f}" if abs(value) < 1e6 else f"{value:.3f}"
    return text.rstrip("0").rstrip(".") if text.strip("-0.") else "0"


def _exact(value: float) -> str:
    """Write an end so that it reads back as the same number, plainly where that can be."""
    text = plain(value)
    return text if float(text) == value else repr(value)


def _number(text: str) -> float:
    # float() alone would take nan, inf and 1_000 as well
    if not text.strip("0123456789+-.eE") and (value := _float(text)) is not None:
        return value
    raise ValueError(f"{text!r} is not a number")


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) != _INFINITY else None
