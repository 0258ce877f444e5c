"""What are the last verdicts of a node, and which of them count? The worst stands first."""

from __future__ import annotations

from vipwarden.core.result import UNKNOWN
from vipwarden.state import files, paths
from vipwarden.state.maintained import read_copies
from vipwarden.state.maintenance import chosen
from vipwarden.state.standing import LEFT, PAST, STALE, standing
from vipwarden.state.verdict import read_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vipwarden.core.result import Metric, State
    from vipwarden.state.verdict import Verdict

_MOST_BYTES = 64 << 20


class Row:
    """A verdict of the table; ``counts`` is whether its state is current.

    ``since`` is the time of its last change in seconds of the epoch, ``age`` and ``ttl`` are in seconds. ``metrics``
    are those of a valid verdict, ``maintenance`` says until when it is in maintenance, by whom and why.
    """

    __slots__ = ("age", "check", "counts", "maintenance", "metrics", "name", "since", "state", "text", "ttl")

    def __init__(
        self,
        name: str,
        check: str,
        state: State,
        since: float | None,
        age: float | None,
        text: str,
        *,
        counts: bool,
        ttl: float = 0,
        metrics: Sequence[Metric] = (),
        maintenance: str = "",
    ) -> None:
        self.name = name
        self.check = check
        self.state = state
        self.since = since
        self.age = age
        self.text = text
        self.counts = counts
        self.ttl = ttl
        self.metrics = metrics
        self.maintenance = maintenance


def rows(folder: str) -> list[Row]:
    """Return the verdicts of a runtime folder, and the entries of the agent that have none, the worst first."""
    table = {}
    verdicts = read_all(paths.verdicts(folder))
    mark(verdicts)
    for verdict in verdicts:
        now = standing(verdict)
        if now.word != LEFT:
            reason = "the agent is gone" if verdict.name == paths.AGENT else "no agent looks at it any more"
            text = f"stale, {reason}: {now.text}" if now.word == STALE else now.text
            times = verdict.since, verdict.age
            metrics = verdict.result.metrics if now.is_valid else ()
            row = Row(
                verdict.name, verdict.check, now.state, *times, text,
                counts=now.word != PAST, ttl=verdict.ttl, metrics=metrics, maintenance=verdict.maintenance,
            )  # fmt: skip
            table[paths.file_name(verdict.name)] = row
    gone = standing(None)
    for file in _configured(folder):
        if file not in table:
            table[file] = Row(paths.name_of(file), "", gone.state, None, None, gone.text, counts=True)
    return sorted(table.values(), key=lambda row: (not row.counts, -row.state, row.name))


def worst(table: Sequence[Row]) -> int:
    """Return the worst state of the rows that count; UNKNOWN without any."""
    return int(max((row.state for row in table if row.counts), default=UNKNOWN))


def _configured(folder: str) -> list[str]:
    """Return the files of the agent's checks: the last word of each line behind the first, see agent/manifest.py."""
    by = files.owners(folder)
    try:
        lines = files.read(paths.agent("guard", folder), _MOST_BYTES, by).decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return []
    return [words[2] for line in lines[1:] if len(words := line.split(" ", 2)) == 3]


def mark(verdicts: Iterable[Verdict]) -> None:
    """Note the maintenance of verdicts without a TTL, those of chk_ and check_ commands; the agent notes it itself."""
    records = read_copies()  # a disk that hangs holds up nobody who looks
    for verdict in verdicts:
        if not verdict.ttl and (record := chosen(records, verdict.name)) is not None:
            verdict.maintenance = record.text
