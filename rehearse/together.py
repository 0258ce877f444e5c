"""What becomes of the VIPs when a second fault comes while the first lasts?

Pairs in which one fault makes the other void are left out: nothing more can fail on a node that is off. Of two pairs
that differ in their order alone, and end alike, one stands for both.
"""

from __future__ import annotations

from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING

from rehearse.model.cluster import INTERFACE
from rehearse.model.faults import DEAF, FREEZE, KILL, POWER, START, STOP, UNKNOWN
from rehearse.model.two import go_together, predict_two
from rehearse.progress import Progress
from rehearse.report import Both
from rehearse.rows import Entry, merged
from rehearse.verdict import BAD, BEYOND, judged, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.predict import Row
    from rehearse.model.two import RowOfTwo
    from rehearse.verdict import Verdict

    Two = tuple[Fault, Fault]
    Place = tuple[str, int]
    Router = tuple[tuple[int, int], ...]

NO_PAIRS = Both([], 0, 0)
SECONDS = 60.0  # after which what is left of the pairs is not computed
_MOST_PLAYED = 100
_MOST_ROWS = 600_000
MOST_FAULTS = 300


def two_at_a_time(
    cluster: Cluster,
    faults: Sequence[Fault],
    single: Sequence[Row],
    rules: Mapping[Place, Sequence[str]],
    play: Callable[[Sequence[Two]], list[RowOfTwo]] | None = None,
) -> Both:
    """Return what the model says of all pairs of some faults, whose rows are given.

    Where they are to be played those come to it of which neither fault is bad alone, the worst in the model first.
    """
    chosen, void = pairs(faults)
    progress = Progress(len(chosen), "pairs")
    rows, late = compute(cluster, chosen, tell=progress.show)
    progress.end()
    if play is None:
        return Both(merged(cluster, entries(cluster, single, rows), rules), void, late)
    worth, old = _ranked(cluster, single, rows)
    played = play(worth[:_MOST_PLAYED])
    found = merged(cluster, entries(cluster, single, played), rules)
    return Both(found, void, late + max(0, len(worth) - _MOST_PLAYED), old)


def _ranked(cluster: Cluster, single: Sequence[Row], rows: Sequence[RowOfTwo]) -> tuple[list[Two], int]:
    """Return one order of the pairs of which neither fault is bad alone, those first that the model calls bad.

    With them comes how many there are of the others.
    """
    names = [node.name for node in cluster.nodes]
    alone = {(row.fault, row.instances): verdict(row, names).word for row in single}
    ranks: dict[Two, int] = {}
    touched = set()
    for row in rows:
        words = [alone.get((it, row.instances), "") for it in row.faults]
        if all(words):
            touched.add(frozenset(row.faults))
            if BAD not in words:
                rank = int(judged(row.outcome, names).word != BAD)
                ranks[row.faults] = min(rank, ranks.get(row.faults, 1))
    best: dict[frozenset[Fault], Two] = {}
    for two in sorted(ranks, key=ranks.__getitem__):
        best.setdefault(frozenset(two), two)
    return [*best.values()], len(touched - best.keys())


def pairs(faults: Sequence[Fault]) -> tuple[list[Two], int]:
    """Return the pairs that are worth it, in both orders, and how many are void.

    What breaks of a script is in no pair: that the script fails stands for it.
    """
    single = [it for it in faults if it.kind not in (START, *UNKNOWN) and not it.part]
    chosen = [(one, other) for one in single for other in single if one != other and _is_worth(one, other)]
    return chosen, (len(single) * (len(single) - 1) - len(chosen)) // 2


def _is_worth(one: Fault, other: Fault) -> bool:
    return go_together(one, other) and not _is_void(one, other) and not _is_void(other, one)


def _is_void(one: Fault, other: Fault) -> bool:
    """Return whether a fault takes all meaning from another: what it hits is gone already."""
    if one.kind in (POWER, STOP):
        return bool(other.tracker and set(other.nodes) <= set(one.nodes)) or _hears_not(one, other)
    if one.kind in (FREEZE, KILL):
        return _hears_not(one, other)
    return one.tracker == INTERFACE and one.name == other.name and _hears_not(one, other)


def _hears_not(one: Fault, other: Fault) -> bool:
    return other.kind == DEAF and one.nodes[0] in other.nodes


def compute(
    cluster: Cluster, chosen: Sequence[Two], seconds: float = SECONDS, tell: Callable[[int], None] | None = None
) -> tuple[list[RowOfTwo], int]:
    """Return a row for each pair and virtual router, and how many pairs there was no time for."""
    end = monotonic() + seconds
    found: list[RowOfTwo] = []
    done = 0
    for _, same in groupby(chosen, key=lambda two: two[0]):
        if monotonic() > end or len(found) > _MOST_ROWS:
            break
        some = list(same)
        found += predict_two(cluster, some)
        done += len(some)
        if tell is not None:
            tell(done)
    late = {frozenset(it) for it in chosen[done:]} - {frozenset(it) for it in chosen[:done]}
    return found, len(late)


def entries(cluster: Cluster, single: Iterable[Row], rows: Iterable[RowOfTwo]) -> Iterator[Entry]:
    """Yield an entry for each pair and virtual router that both faults touch."""
    names = [node.name for node in cluster.nodes]
    alone = {(row.fault, row.instances): verdict(row, names).word for row in single}
    known: dict[Two, dict[Router, tuple[RowOfTwo, Verdict]]] = {}
    said: dict[int, Verdict] = {}  # routers that are alike share their outcomes
    for row in rows:
        if all((it, row.instances) in alone for it in row.faults):
            verdict_of = said.get(id(row.outcome)) or said.setdefault(id(row.outcome), judged(row.outcome, names))
            known.setdefault(row.faults, {})[row.instances] = (row, verdict_of)
    seen = set()
    for two, found in known.items():
        other = known.get((two[1], two[0]), {})
        is_alike = all(key in other and _end(*it) == _end(*other[key]) for key, it in found.items())
        if is_alike and (two[1], two[0]) in seen:
            continue
        seen.add(two)
        one, second = (it.text(names) for it in two)
        for row, verdict_of in found.values():
            yield Entry(
                f"{one}{' and ' if is_alike else ', then '}{second}",
                row.instances,
                row.outcome,
                verdict_of,
                is_beyond=any(it.kind in BEYOND for it in two),
                broken=tuple(it.name for it in two if it.name),
                alone=tuple(alone[it, row.instances] for it in two),
                noticed=row.noticed,
            )


def _end(row: RowOfTwo, said: Verdict) -> tuple[object, ...]:
    return row.outcome.latest.owners, row.outcome.mended_latest.owners, said
