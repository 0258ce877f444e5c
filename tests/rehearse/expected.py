"""What does the model say of a pair, and what is the real pair to do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rehearse.model.acts import file_value
from rehearse.model.cluster import FILE, SCRIPT, Cluster
from rehearse.model.faults import DEAF, HANG, START, Fault
from rehearse.model.measure import Phase
from rehearse.model.nodes import start as start_nodes
from rehearse.model.parts import parts
from rehearse.model.predict import predict
from rehearse.model.run import Run
from rehearse.model.two import predict_two
from tests.rehearse.pairs import Case
from tests.rehearse.pairs import cluster as cluster_of

if TYPE_CHECKING:
    from rehearse.model.measure import Outcome
    from vipwarden.node.keepalived.version import Version

GAP = 2000  # ms between the starts of the nodes: who is first counts where priorities are equal, and for nopreempt


def contradicts(cluster: Cluster) -> bool:
    """Return whether of the members of a sync group one is higher on this node, another on that.

    After a split heals, the first advert that arrives decides (vrrp_sync.c, vrrp_sync_backup()): nobody can say which.
    """
    for part in parts(cluster):
        run = Run(cluster, part)
        start_nodes(run, {0, 1})
        run.settle()
        higher = set()
        for it in run.routers:
            for peer, _ in run.peers[it]:
                if it.node == 0 and it.sync is not None:
                    higher.add(it.effective > peer.effective)
        if len(higher) > 1:
            return True
    return False


class Expected(NamedTuple):
    """What the model says of one virtual router: at the start, then of each phase the soonest and the latest."""

    vip: str
    before: tuple[int, ...]
    phases: list[tuple[Phase, Phase]]


class Proof(NamedTuple):
    """A case with what the model says: the cluster, the faults, what is to be, and what the real pair is to do.

    ``patience`` is how many seconds an advert may be late before a peer takes over.
    """

    cluster: Cluster
    faults: list[Fault]
    expected: list[Expected]
    order: dict[str, Any]
    heals_by_chance: bool
    patience: float


def proof(case: Case, version: Version) -> Proof:
    """Return what the model says of a case."""
    cluster, chosen = cluster_of(case.confs, version), [*case.faults]
    start = [Fault(START, (0, 1))]
    begun = max(row.outcome.latest.last for row in predict(cluster, start, gap=GAP))
    expected = _expected(cluster, chosen)
    slow = max(it.interval for node in cluster.nodes for it in node.instances)
    down = 6 * slow + 1000
    delay = max(it.preempt_delay for node in cluster.nodes for it in node.instances)
    lasts = [
        max(
            _learns(cluster, fault, mend=False) + delay,
            *(phase.last for it in expected for phase in it.phases[number]),
        )
        + down
        + 500
        for number, fault in enumerate(chosen)
    ]
    learn = max(_learns(cluster, fault, mend=True) for fault in chosen)
    last = max(phase.last for it in expected for phase in it.phases[-1])
    order = {
        "confs": list(case.confs),
        "scripts": ["chk", "two"],
        "files": ["prio"],
        "faults": [
            {
                "kind": fault.kind,
                "tracker": fault.tracker,
                "name": fault.name,
                "nodes": list(fault.nodes),
                "both": fault.both,
                "value": _value(cluster, fault),
                "lasts": seconds / 1000,
            }
            for fault, seconds in zip(chosen, lasts, strict=True)
        ],
        "vips": list(dict.fromkeys(f"198.51.100.{it.vrid}" for it in cluster.nodes[0].instances)),
        "gap": GAP / 1000,
        "begin": (max(begun - GAP, 4 * slow) + 2 * slow + delay + 1500) / 1000,
        "after": (max(learn + delay, last) + down + 500) / 1000,
    }
    heals = any(fault.kind == DEAF for fault in chosen) and contradicts(cluster)
    every = [it for node in cluster.nodes for it in node.instances]
    patience = min((it.down_adverts - 1) * it.interval for it in every) / 1000
    return Proof(cluster, chosen, expected, order, heals, patience)


def seconds(made: Proof) -> float:
    """Return how long its run takes."""
    lasts = sum(float(it["lasts"]) for it in made.order["faults"])
    return lasts + float(made.order["begin"]) + float(made.order["after"])


def _expected(cluster: Cluster, chosen: list[Fault]) -> list[Expected]:
    """Return what is to be of each VIP that one of the faults touches."""
    first = {row.instances: row.outcome for row in predict(cluster, chosen[:1], gap=GAP)}
    rows: dict[Any, Outcome] = first
    if len(chosen) > 1:
        rows = {row.instances: row.outcome for row in predict_two(cluster, [(chosen[0], chosen[1])], gap=GAP)}
    found = []
    for instances, outcome in rows.items():
        node, number = instances[0]
        phases = [(outcome.soonest, outcome.latest), (outcome.mended_soonest, outcome.mended_latest)]
        before = first.get(instances)
        if len(chosen) > 1:
            still = Phase(outcome.before, (), 0, 0, 0, 0, 0, settled=True)
            phases.insert(0, (before.soonest, before.latest) if before is not None else (still, still))
        vip = f"198.51.100.{cluster.nodes[node].instances[number].vrid}"
        found.append(Expected(vip, before.before if before is not None else outcome.before, phases))
    return found


def _learns(cluster: Cluster, fault: Fault, *, mend: bool) -> int:
    """Return the most ms after which keepalived knows of a fault, or of its end."""
    if fault.tracker != SCRIPT:
        return 0
    scripts = [cluster.nodes[place].scripts[fault.name] for place in fault.nodes]
    if mend:
        return max(it.rise * it.interval for it in scripts)
    return max(it.fall * it.interval + (it.timeout + 500) * (fault.kind == HANG) for it in scripts)


def _value(cluster: Cluster, fault: Fault) -> int:
    return file_value(cluster.nodes[fault.nodes[0]], fault.name) if fault.tracker == FILE else 0
