"""What is the result of a check? States, thresholds, metrics and text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class State(int):
    """A verdict in Nagios' order: the number is the exit code of a plugin, ``max()`` the worst of several.

    An operator may write it by name (any case) or by number; anything else raises ValueError.
    """

    __slots__ = ()
    OK: State
    WARNING: State
    CRITICAL: State
    UNKNOWN: State

    def __new__(cls, value: int | str) -> State:
        """Build it from its text; raises ValueError with what is wanted."""
        text = str(int(value) if isinstance(value, int) else value).upper()
        if text in _NAMES:
            return int.__new__(cls, _NAMES.index(text))
        if text in ("0", "1", "2", "3"):
            return int.__new__(cls, text)
        raise ValueError("a state is ok, warning, critical or unknown")

    def __str__(self) -> str:
        return _NAMES[self]

    __repr__ = __str__


_NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN = map(State, _NAMES)
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN


_INFINITY = float("inf")


class Range:
    """A threshold in the full syntax of the Monitoring Plugins guidelines: ``[@]start:end``.

    Both ends are inclusive; ``~`` as start is minus infinity, a missing end infinity, a bare number N is
    ``0:N``. A value outside alerts; with ``@`` a value inside does. Raises ValueError on anything else, also on an
    empty text: a variable that was never set must not switch a threshold off.
    """

    __slots__ = ("end", "inside", "start")

    def __init__(self, text: str) -> None:
        self.inside = text.startswith("@")
        start, _, end = text[self.inside :].strip().rpartition(":")
        if not start and not end:
            raise ValueError("a range is [@]start:end, such as 10, 10:, ~:10, 10:20 or @10:20")
        self.start = -_INFINITY if start == "~" else number(start) if start else 0.0
        self.end = number(end) if end else _INFINITY
        if self.start > self.end:
            raise ValueError(f"the range starts at {start or 0}, after its end {end}")

    def alerts(self, value: float) -> bool:
        """Return whether the value alerts; one that is not a finite number always does."""
        if value - value != 0:
            return True
        return (self.start <= value <= self.end) is self.inside

    def times(self, factor: float) -> Range:
        """Return the range of a value in a unit of which ``factor`` are one of this range's."""
        made = Range("0")
        made.inside, made.start, made.end = self.inside, self.start * factor, self.end * factor
        return made

    def __str__(self) -> str:
        at = "@" if self.inside else ""
        end = "" if self.end == _INFINITY else _exact(self.end)
        if self.start == 0 and end:
            return at + end
        return f"{at}{'~' if self.start == -_INFINITY else _exact(self.start)}:{end}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def judge(value: float, warning: Range | None, critical: Range | None) -> State:
    """Return the state of a value by its two thresholds."""
    if critical is not None and critical.alerts(value):
        return CRITICAL
    return WARNING if warning is not None and warning.alerts(value) else OK


def plain(value: float) -> str:
    """Write a finite number without exponent and trailing zeros, as perfdata requires."""
    if value == int(value):
        return str(int(value))
    text = f"{value:.9f}" if abs(value) < 1e6 else f"{value:.3f}"
    return text.rstrip("0").rstrip(".") if text.strip("-0.") else "0"


def _exact(value: float) -> str:
    """Write an end so that it reads back as the same number, without exponent where possible."""
    text = plain(value)
    return text if float(text) == value else repr(value)


def number(text: str) -> float:
    """Return a finite number; raises ValueError. float() alone would take nan, inf and 1_000 as well."""
    try:
        value = _INFINITY if text.strip("0123456789+-.eE") else float(text)
    except ValueError:
        value = _INFINITY
    if abs(value) == _INFINITY:
        raise ValueError(f"{text!r} is not a number")
    return value


class Metric:
    """One measured number: ``uom`` is the guidelines' unit ("" a number, s, B, % or c for a counter)."""

    __slots__ = ("crit", "maximum", "minimum", "name", "uom", "value", "warn")

    def __init__(
        self,
        name: str,
        value: float,
        uom: str = "",
        *,
        warn: Range | None = None,
        crit: Range | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> None:
        self.name = name
        self.value = value
        self.uom = uom
        self.warn = warn
        self.crit = crit
        self.minimum = minimum
        self.maximum = maximum

    @property
    def state(self) -> State:
        """The state of the value by its ranges."""
        return judge(self.value, self.warn, self.crit)


class Result:
    """A state, one line about what was tried and what came back, and what was measured.

    ``notes`` are further lines for verbose output; they never change the state. ``expired`` tells that the run met its
    deadline, which a front end may map to a state of its own.
    """

    __slots__ = ("expired", "metrics", "notes", "state", "text")

    def __init__(
        self,
        state: State,
        text: str,
        metrics: Sequence[Metric] = (),
        *,
        notes: Sequence[str] = (),
        expired: bool = False,
    ) -> None:
        self.state = state
        self.text = text
        self.metrics = metrics
        self.notes = notes
        self.expired = expired

    def __repr__(self) -> str:
        return f"Result({self.state}, {self.text!r})"


def one_line(text: str, limit: int = 1000) -> str:
    """Return a peer's text as a bounded line without control characters, for a log or a terminal."""
    if len(text) <= limit and text.isprintable() and "  " not in text and text.strip(" ") == text:
        return text  # the usual case
    clean = "".join(char if char.isprintable() else " " for char in text[: 4 * limit])
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def bug(check: str, error: BaseException) -> Result:
    """Return the Result of a check with a bug: UNKNOWN, with file and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "an unknown place"
    return Result(UNKNOWN, f"internal error in {check}: {type(error).__name__}: {error} at {place}")
