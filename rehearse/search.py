"""Which smallest change makes every fault good that a keepalived.conf can help?"""

from __future__ import annotations

from itertools import combinations
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from rehearse.change import Change, ChangeError, apply
from rehearse.model.cluster import SCRIPT
from rehearse.model.faults import faults, is_unseen
from rehearse.model.predict import predict
from rehearse.verdict import BAD, BEYOND, verdict
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearse.model.cluster import Cluster

_SECONDS = 5.0
_MOST_CHANGES = 3
_NARROW = 12  # changes that are tried in pairs and threes: the best by themselves


class Proposal(NamedTuple):
    """The changes, and how many outcomes are bad before and after them."""

    changes: tuple[Change, ...]
    before: int
    after: int


def proposed(cluster: Cluster) -> str:
    """Return in words what helps, and what does not."""
    found = search(cluster)
    words = " ".join(f"--what-if {it}" for it in found.changes)
    if not found.before:
        said = "No fault is bad that a keepalived.conf can help: nothing to change.\n"
    elif not words:
        said = f"{found.before} outcomes are bad, and no change of weights, priorities or timers was found to help.\n"
    else:
        left = found.after or "none"
        said = f"{found.before} outcomes are bad that a keepalived.conf can help; {left} with {words}\n"
    unseen = dict.fromkeys(it.name for it in faults(cluster) if is_unseen(it))
    if not unseen:
        return said
    names = one_line(", ".join(unseen), 300)
    return f"{said}keepalived sees only that these run, and it takes a script that asks them to see a hang: {names}\n"


def search(cluster: Cluster, seconds: float = _SECONDS) -> Proposal:
    """Return the fewest and smallest changes after which the fewest faults are bad."""
    end = monotonic() + seconds
    before = bad(cluster)
    best = Proposal((), before, before)
    if not before:
        return best
    ranked: list[tuple[int, int, Change]] = []
    for place, wanted in enumerate(_candidates(cluster)):
        if monotonic() > end:
            break
        try:
            left = bad(apply(cluster, wanted))
        except ChangeError:
            continue
        if left < before:
            ranked.append((left, place, wanted))
        if left < best.after:
            best = Proposal((wanted,), before, left)
        if not left:
            return best
    ranked.sort()
    narrow = [wanted for _, _, wanted in ranked[:_NARROW]]
    for many in range(2, _MOST_CHANGES + 1):
        for chosen in combinations(narrow, many):
            if monotonic() > end or len({(it.node, it.name, it.key) for it in chosen}) < many:
                continue
            changed = cluster
            for wanted in chosen:
                changed = apply(changed, wanted)
            left = bad(changed)
            if left < best.after:
                best = Proposal(chosen, before, left)
            if not left:
                return best
    return best


def bad(cluster: Cluster) -> int:
    """Return how many faults are bad of those that other values can help, counted for each virtual router."""
    names = [node.name for node in cluster.nodes]
    wanted = [fault for fault in faults(cluster) if fault.kind not in BEYOND and not is_unseen(fault)]
    return sum(verdict(row, names).word == BAD for row in predict(cluster, wanted))


def _candidates(cluster: Cluster) -> Iterator[Change]:
    """Yield changes that one line or one number makes, the mildest first."""
    weights: dict[str, list[int]] = {}
    for node in cluster.nodes:
        for held in (*(it.links for it in node.instances), *(it.links for it in node.groups)):
            for link in held:
                if link.kind == SCRIPT:
                    weights.setdefault(link.name, []).append(link.weight)
    yield from _equal(cluster)
    gap = _gap(cluster)
    for name, found in weights.items():
        sign = 1 if all(weight > 0 for weight in found) else -1
        for size in (gap + 1, 2 * gap + 2, 100):
            if any(found) and size > max(map(abs, found)) and size < 254:
                yield Change("", name, "weight", str(sign * size))
        if any(found):
            yield Change("", name, "weight", "0")
    if len(weights) > 1:
        for size in (gap + 1, 100):
            yield Change("", "", "weight", str(-min(size, 253)))
        yield Change("", "", "weight", "0")
    for node in cluster.nodes:
        for it in node.instances:
            if it.nopreempt:
                yield Change(node.name, it.name, "nopreempt", "no")
        for group in node.groups:
            if not group.is_weighted:
                yield Change("", group.name, "sync_group_tracking_weight", "yes")
    for node in cluster.nodes:
        for it in node.instances:
            for other in cluster.nodes:
                for peer in other.instances if other is not node else ():
                    if (peer.vrid, peer.family) == (it.vrid, it.family) and peer.priority < it.priority:
                        yield Change(other.name, peer.name, "priority", str(it.priority - 1))
            if it.priority == 255:
                yield Change(node.name, it.name, "priority", "150")


def _equal(cluster: Cluster) -> Iterator[Change]:
    """Yield the changes that let peers hear each other: the first node's values on all."""
    first: dict[tuple[int, str], tuple[int, int]] = {}
    for node in cluster.nodes:
        for it in node.instances:
            interval, version = first.setdefault((it.vrid, it.family), (it.interval, it.version))
            if it.interval != interval:
                yield Change(node.name, it.name, "advert_int", f"{interval / 1000:g}")
            if it.version != version:
                yield Change(node.name, it.name, "version", str(version))


def _gap(cluster: Cluster) -> int:
    """Return the greatest difference of priorities in a virtual router."""
    found: dict[tuple[int, str], list[int]] = {}
    for node in cluster.nodes:
        for it in node.instances:
            found.setdefault((it.vrid, it.family), []).append(it.priority)
    return max((max(it) - min(it) for it in found.values()), default=0)
