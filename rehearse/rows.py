"""What does a rehearsal say of each fault, in names and seconds?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.faults import START
from rehearse.verdict import BAD, BEYOND, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.measure import Phase
    from rehearse.model.predict import Row

    Place = tuple[str, int]


_MOST_MOMENTS = 200  # of a VIP that moves without end


class Moment(NamedTuple):
    """From a second on: the nodes that hold the VIP and can be reached, and those of them whose service is well."""

    seconds: float
    owners: list[str]
    serving: list[str]


@dataclass(slots=True)
class Line:
    """A fault and what becomes of some VIPs; times are pairs of least and most seconds.

    ``before``, ``during`` and ``after`` are the nodes that hold the VIPs. ``beyond`` is a fault that no keepalived.conf
    helps. ``rules`` are those of the doctor that report what is tracked there. ``broken`` and ``mended`` are moments
    since the fault and since its end, in the slowest case.
    """

    fault: str
    vips: list[str]
    instances: list[str]
    before: list[str]
    during: list[str]
    after: list[str]
    without: tuple[float, float]
    two: tuple[float, float]
    lost: tuple[float, float]
    back_without: tuple[float, float]
    back_two: tuple[float, float]
    verdict: str
    reason: str
    rules: list[str]
    beyond: bool
    broken: list[Moment]
    mended: list[Moment]

    @property
    def moved(self) -> str:
        """Whether the VIP stayed, moved, or is nowhere."""
        before, during = " and ".join(self.before) or "nobody", " and ".join(self.during) or "nobody"
        return during if before == during or not self.before else f"{before} -> {during}"


def lines(cluster: Cluster, rows: Iterable[Row], rules: Mapping[Place, Sequence[str]] | None = None) -> list[Line]:
    """Return a line for each fault and outcome; VIPs with the same outcome, to a tenth of a second, share it."""
    names = [node.name for node in cluster.nodes]
    found: dict[tuple[object, ...], Line] = {}
    for row in rows:
        outcome, said = row.outcome, verdict(row, names)
        owners = (
            () if row.fault.kind == START else outcome.before,
            outcome.latest.owners,
            outcome.mended_latest.owners,
        )
        times = (
            *(_pair(outcome.soonest, outcome.latest, name) for name in ("without", "two", "lost")),
            *(_pair(outcome.mended_soonest, outcome.mended_latest, name) for name in ("without", "two")),
        )
        key = (row.fault, owners, tuple(round(it, 1) for pair in times for it in pair), said)
        instances = [cluster.nodes[node].instances[number] for node, number in row.instances]
        vips = list(dict.fromkeys(address for it in instances for address, _ in it.vips))
        known = found.get(key)
        if known is None:
            before, during, after = ([names[it] for it in nodes] for nodes in owners)
            without, two, lost, back_without, back_two = times
            known = found[key] = Line(
                row.fault.text(names),
                [],
                [],
                before,
                during,
                after,
                without,
                two,
                lost,
                back_without,
                back_two,
                said.word,
                said.reason,
                [],
                row.fault.kind in BEYOND,
                _moments(outcome.latest, names),
                [] if row.fault.kind == START else _moments(outcome.mended_latest, names),
            )
        known.vips += vips
        known.instances += [it for it in dict.fromkeys(it.name for it in instances) if it not in known.instances]
        if rules and said.word == BAD:
            places = [it.place for it in instances]
            places += [link.place for it in instances for link in it.links if link.name == row.fault.name]
            known.rules = sorted({*known.rules, *(rule for place in places for rule in rules.get(place, ()))})
    return list(found.values())


def _pair(soonest: Phase, latest: Phase, name: str) -> tuple[float, float]:
    one, other = sorted((getattr(soonest, name), getattr(latest, name)))
    return one / 1000, other / 1000


def _moments(phase: Phase, names: Sequence[str]) -> list[Moment]:
    return [
        Moment(it.time / 1000, [names[node] for node in it.owners], [names[node] for node in it.serving])
        for it in phase.log[:_MOST_MOMENTS]
    ]


def as_dict(line: Line) -> dict[str, object]:
    """Return a line for JSON."""
    return asdict(line)
