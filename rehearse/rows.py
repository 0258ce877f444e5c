"""What does a rehearsal say of each fault, in names and seconds?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.faults import START
from rehearse.verdict import BAD, BEYOND, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.measure import Behind, Noticed, Outcome, Phase
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
    since the fault and since its end, in the slowest case. Of two faults ``alone`` are the verdicts on each by itself.
    ``asked`` is what a client noticed in a real run: for each phase requests sent and lost, and seconds in which
    several nodes said to have the VIP (``two``), and in which it sent to a node that did not hold it (``wrong``).
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
    alone: list[str]
    asked: dict[str, dict[str, float]] = field(default_factory=dict)
    behind: dict[str, object] = field(default_factory=dict)

    @property
    def moved(self) -> str:
        """Whether the VIP stayed, moved, or is nowhere."""
        before, during = " and ".join(self.before) or "nobody", " and ".join(self.during) or "nobody"
        return during if before == during or not self.before else f"{before} -> {during}"


class Entry(NamedTuple):
    """A fault in words, or two; what becomes of a virtual router; and the verdicts on each of the two alone."""

    fault: str
    instances: Sequence[tuple[int, int]]
    outcome: Outcome
    said: Verdict
    is_start: bool = False
    is_beyond: bool = False
    broken: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    noticed: Noticed | None = None
    behind: Behind | None = None


def lines(cluster: Cluster, rows: Iterable[Row], rules: Mapping[Place, Sequence[str]] | None = None) -> list[Line]:
    """Return a line for each fault and outcome; VIPs with the same outcome, to a tenth of a second, share it."""
    names = [node.name for node in cluster.nodes]
    return merged(
        cluster,
        (
            Entry(
                row.fault.text(names),
                row.instances,
                row.outcome,
                verdict(row, names),
                row.fault.kind == START,
                row.fault.kind in BEYOND,
                (row.fault.name,),
                noticed=row.noticed,
                behind=row.behind,
            )
            for row in rows
        ),
        rules,
    )


def merged(
    cluster: Cluster, entries: Iterable[Entry], rules: Mapping[Place, Sequence[str]] | None = None
) -> list[Line]:
    """Return a line for all virtual routers for which an entry says the same."""
    names = [node.name for node in cluster.nodes]
    found: dict[tuple[object, ...], Line] = {}
    for it in entries:
        outcome, said = it.outcome, it.said
        owners = (() if it.is_start else outcome.before, outcome.latest.owners, outcome.mended_latest.owners)
        times = (
            *(_pair(outcome.soonest, outcome.latest, name) for name in ("without", "two", "lost")),
            *(_pair(outcome.mended_soonest, outcome.mended_latest, name) for name in ("without", "two")),
        )
        key = (
            it.fault,
            owners,
            tuple(round(it, 1) for pair in times for it in pair),
            said,
            it.alone,
            it.behind and it.behind.service,
        )
        known = found.get(key)
        if known is None:
            before, during, after = ([names[node] for node in nodes] for nodes in owners)
            without, two, lost, back_without, back_two = times
            known = found[key] = Line(
                it.fault,
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
                it.is_beyond,
                _moments(outcome.latest, names),
                [] if it.is_start else _moments(outcome.mended_latest, names),
                [*it.alone],
            )
        _add(known, cluster, it, rules or {})
    return list(found.values())


def _add(line: Line, cluster: Cluster, it: Entry, rules: Mapping[Place, Sequence[str]]) -> None:
    instances = [cluster.nodes[node].instances[number] for node, number in it.instances]
    vips = dict.fromkeys(address for own in instances for address, _ in own.vips)
    line.vips += vips if it.behind is None else [it.behind.service]
    line.instances += [it for it in dict.fromkeys(it.name for it in instances) if it not in line.instances]
    if it.noticed is not None:
        line.asked = _joined(line.asked, it.noticed)
    if it.behind is not None:
        gone, back = (None if ms is None else ms / 1000 for ms in (it.behind.gone, it.behind.back))
        line.behind = {"real": it.behind.name, "gone": gone, "back": back, "others": it.behind.others}
    if rules and it.said.word == BAD:
        places = [it.place for it in instances]
        places += [link.place for own in instances for link in own.links if link.name in it.broken]
        line.rules = sorted({*line.rules, *(rule for place in places for rule in rules.get(place, ()))})


def _joined(known: dict[str, dict[str, float]], noticed: Noticed) -> dict[str, dict[str, float]]:
    found = {}
    for name, phase in noticed._asdict().items():
        one = known.get(name, {"sent": 0, "lost": 0, "two": 0.0, "wrong": 0.0})
        found[name] = {
            "sent": one["sent"] + phase.sent,
            "lost": one["lost"] + phase.lost,
            "two": max(one["two"], phase.two / 1000),
            "wrong": max(one["wrong"], phase.wrong / 1000),
        }
    return found


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
