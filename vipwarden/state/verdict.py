"""What was the last result of a check, and when? The format of verdict files.

A verdict is a small text file NAME in the runtime folder. Its first line is made for ``read`` of a shell:
``vipwarden-1 STATE STAMP SINCE DURATION CHECK [TTL [TOLD]]``. STATE is a number, STAMP the end of the run in seconds
since boot (to a hundredth, as in /proc/uptime), SINCE when the state began in seconds of the epoch, DURATION that of
the run in seconds, and TTL for how many seconds the verdict is valid, where its writer follows it by another. TOLD is
what keepalived is told in place of the state. In maintenance: ``drain``, ``down``, or ``hold`` and the number of the
state that is held. Else: ``dampened`` and the penalty, for a check that is held down; or ``panic``, the number of the
state that is held, ``@`` and the end of that in seconds since boot. The second line is the check's text, with TOLD
followed by a tab and why; each further line is a metric: name, value, unit, warning, critical, minimum and maximum
between tabs.
"""

from __future__ import annotations

from vipwarden.core.result import Metric, Range, Result, State, one_line
from vipwarden.state import files
from vipwarden.state.clock import boot
from vipwarden.state.paths import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = "vipwarden-1"
_STAMP_AT = len(_MAGIC) + 3  # behind the state, which is one digit
MOST_BYTES = 65536
DRAIN, DOWN, HOLD = "drain", "down", "hold"
DAMPENED, PANIC = "dampened", "panic"
_AGAINST = " results against "
_MAINTENANCE = (DRAIN, DOWN, *(f"{HOLD}{state}" for state in range(4)))


class Verdict:
    """The last result of one check; standing.py says whether it still counts.

    ``stamp`` and ``read`` are the end of its run and its reading on the boot clock, ``since`` the time of its last
    change on the wall clock, ``ttl`` the seconds for which it is valid, 0 for a run of its own. ``told`` is what
    keepalived is told in place of its state; ``maintenance`` says until when, by whom and why, or ``held`` says why.
    """

    __slots__ = ("check", "duration", "held", "maintenance", "name", "read", "result", "since", "stamp", "told", "ttl")

    def __init__(
        self, name: str, check: str, result: Result, since: float, stamp: float, duration: float, ttl: float = 0
    ) -> None:
        self.name = name
        self.check = check
        self.result = result
        self.since = since
        self.stamp = stamp
        self.duration = duration
        self.ttl = ttl
        self.told = self.maintenance = self.held = ""
        self.read = boot()

    @property
    def age(self) -> float:
        """Seconds from the end of the run to the reading; negative where the stamp lies in the future."""
        return self.read - self.stamp

    @property
    def is_changing(self) -> bool:
        """Whether the last result was against the state, but not yet often enough."""
        count, _, needed = self.result.text.partition(_AGAINST)[0].partition(" of ")
        return _AGAINST in self.result.text and count.isdigit() and needed.isdigit()


def encode(
    check: str, result: Result, since: float, duration: float, ttl: float = 0, told: str = "", why: str = ""
) -> bytes:
    """Return the content of a verdict file with the stamp of this moment; ``told`` and ``why`` want a TTL."""
    head = f"{_MAGIC} {int(result.state)} {_stamp()} {since:.3f} {duration:.6f} {check}"
    lines = [f"{head} {ttl:.2f} {told}".rstrip() if ttl else head, one_line(result.text)]
    if told:
        lines[1] += f"\t{one_line(why)}"
    lines += ["\t".join(_cells(metric)) for metric in result.metrics]
    data = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    return data[: data.rfind(b"\n", 0, MOST_BYTES) + 1]  # the metrics that a reader takes


def against(count: int, needed: int, state: object, text: str) -> str:
    """Return the text of a verdict whose last results were against it."""
    return f"{count} of {needed}{_AGAINST}{state}: {text}"


def decode(name: str, data: bytes) -> Verdict:
    """Return the verdict in the content of a file; raises ValueError where it is broken."""
    text = data.decode("utf-8", "replace")
    if not text.endswith("\n"):
        raise ValueError("torn")
    head, said, *rest = text[:-1].split("\n")
    magic, state, stamp, since, duration, check, *ends = head.split(" ")
    ttl, told = ends[:1], ends[1:]
    if magic != _MAGIC or len(told) > 1:
        raise ValueError("not a verdict")
    said, _, why = said.partition("\t")
    metrics = [_metric(line.split("\t")) for line in rest]
    numbers = [float(number) for number in (stamp, since, duration, *(ttl or "0"))]
    if any(number - number != 0 for number in numbers):
        raise ValueError("not a time")
    result = Result(State(int(state)), one_line(said), metrics)
    verdict = Verdict(name, one_line(check), result, *numbers[1::-1], *numbers[2:])
    if told:
        verdict.told = told[0]
        if verdict.told in _MAINTENANCE:
            verdict.maintenance = one_line(why)
        else:
            held(verdict.told)
            verdict.held = one_line(why)
    return verdict


def held(told: str) -> tuple[State | None, float]:
    """Return the state that is held in a panic and its end in seconds since boot, or None and a penalty.

    Raises ValueError for any other text.
    """
    state: State | None = None
    if told.startswith(PANIC):
        number, _, text = told.removeprefix(PANIC).partition("@")
        state = State(int(number))
    else:
        text = told.removeprefix(DAMPENED)
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not told.startswith((PANIC, DAMPENED)):
        raise ValueError("not a verdict")
    return state, float(text)


def restamp(path: str, width: int) -> None:
    """Give a verdict that still holds the stamp of this moment, in place; ``width`` is that of the stamp in the file.

    Raises OSError, and ValueError where the stamp is wider by now and the verdict has to be written anew.
    """
    stamp = _stamp().encode()
    if len(stamp) != width:
        raise ValueError("the stamp is of another width")
    files.overwrite(path, stamp, _STAMP_AT)


def stamp_width(data: bytes) -> int:
    """Return the width of the stamp in what encode() made."""
    return data.index(b" ", _STAMP_AT) - _STAMP_AT


def read(path: str, by: tuple[int, ...] | None = None) -> Verdict | None:
    """Return the verdict in a file of one of the users ``by``, by default root and this user; None if broken."""
    try:
        return decode(name_of(path.rpartition("/")[2]), files.read(path, MOST_BYTES, by))
    except (OSError, ValueError):
        return None


def read_all(folder: str) -> list[Verdict]:
    """Return every whole verdict in a folder, by name; see files.whole()."""
    return files.whole(folder, read)


def _stamp() -> str:
    return f"{int(boot() * 100) / 100:.2f}"  # cut, not rounded, to what /proc/uptime can tell: never in the future


def _cells(metric: Metric) -> Iterator[str]:
    yield one_line(metric.name, 200)
    yield str(float(metric.value))
    yield one_line(metric.uom, 200)
    for limit in (metric.warn, metric.crit, metric.minimum, metric.maximum):
        yield "" if limit is None else str(limit)


def _metric(cells: list[str]) -> Metric:
    name, value, uom, warn, crit, minimum, maximum = cells
    return Metric(
        one_line(name, 200),
        float(value),
        one_line(uom, 200),
        warn=Range(warn) if warn else None,
        crit=Range(crit) if crit else None,
        minimum=float(minimum) if minimum else None,
        maximum=float(maximum) if maximum else None,
    )
