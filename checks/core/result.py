"""What does a check answer?"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from checks.core.range import Range


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

    def __repr__(self) -> str:
        return f"Metric({self.name}={self.value!r}{self.uom})"


class Result:
    """A state, one line that says what was tried and what came back, and what was measured.

    ``notes`` are further lines for who asks for more; they never change the state.
    ``expired`` tells that the run met its deadline, which a front end may map to a state of its own.
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
    """Return what a peer said as one bounded line without control characters, fit for a log or a terminal."""
    if len(text) <= limit and text.isprintable() and "  " not in text and text.strip(" ") == text:
        return text  # as nearly always
    clean = "".join(char if char.isprintable() else " " for char in text[: 4 * limit])
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def bug(check: str, error: BaseException) -> Result:
    """Return the Result of a check that broke: UNKNOWN, and the place to look at."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "an unknown place"
    return Result(UNKNOWN, f"internal error in {check}: {type(error).__name__}: {error} at {place}")
