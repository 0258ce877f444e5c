"""What becomes of each VIP when a second fault comes while the first lasts?"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.bench import Bench
from rehearse.model.faults import FREEZE, KILL, POWER, START, STOP, faults
from rehearse.model.parts import parts
from rehearse.model.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.measure import Noticed, Outcome

    Two = tuple[Fault, Fault]

_OF_NODE = (FREEZE, KILL, POWER, STOP)


class RowOfTwo(NamedTuple):
    """Two faults, and what the second does to the instances of a virtual router while the first lasts.

    ``outcome.before`` is what the first has left behind, once it has come to rest. Both end at the same moment.
    ``noticed`` is what a client saw in a real run, None where none asked.
    """

    faults: Two
    instances: tuple[tuple[int, int], ...]
    outcome: Outcome
    noticed: Noticed | None = None


def pairs_of_faults(cluster: Cluster) -> list[Two]:
    """Return all ordered pairs of single faults that can come together."""
    single = [it for it in faults(cluster) if it.kind != START]
    return [(one, other) for one, other in permutations(single, 2) if go_together(one, other)]


def go_together(one: Fault, other: Fault) -> bool:
    """Return whether the second of two faults is more than the first: a node is not stopped twice."""
    if one.kind in _OF_NODE and other.kind in _OF_NODE:
        return one.nodes != other.nodes
    if one.tracker and (one.tracker, one.name) == (other.tracker, other.name):
        return not set(one.nodes) & set(other.nodes)
    return not (one.kind == other.kind and one.name == other.name and set(one.nodes) == set(other.nodes))


def predict_two(cluster: Cluster, chosen: Iterable[Two] | None = None, *, gap: int = 0) -> list[RowOfTwo]:
    """Return a row for each pair of faults and each virtual router that one of them can touch.

    The second fault comes when the first has come to rest. Times are those from the second fault on. ``chosen`` are
    pairs that go together; START is none of them.
    """
    wanted = pairs_of_faults(cluster) if chosen is None else list(chosen)
    rows: list[RowOfTwo] = []
    known: dict[Hashable, dict[Hashable, list[Outcome]]] = {}
    for part in parts(cluster):
        shape = Shape(cluster, part)
        alike = known.setdefault(shape.of_part, {})
        keys = {it: shape.key(it) if shape.is_touched(it) else None for two in wanted for it in two}
        bench: Bench | None = None
        for two in wanted:
            key = tuple(keys[it] for it in two)
            if not any(key):
                continue
            outcomes = alike.get(key)
            if outcomes is None:
                bench = bench or Bench(cluster, part, gap)
                outcomes = alike[key] = bench.outcomes_of_two(*two)
            rows += [RowOfTwo(two, it, outcome) for it, outcome in zip(shape.virtual, outcomes, strict=True)]
    order = {two: number for number, two in enumerate(wanted)}
    rows.sort(key=lambda row: order[row.faults])
    return rows
