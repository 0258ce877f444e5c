"""What becomes of a virtual server when one of its real servers fails?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearse.model.measure import Behind
from rehearse.model.predict import Row
from rehearse.stage.noticed import noticed
from rehearse.stage.seen import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.real import Service
    from rehearse.stage.asked import Ask

    Log = list[tuple[float, int, list[tuple[str, str, int, str, int]]]]


def judged(
    cluster: Cluster, asked: Sequence[Ask], services: Sequence[tuple[Service, Ask]], fault: Fault, said: dict[str, Any]
) -> Iterator[Row]:
    """Yield a row for each virtual server that has the real server of a fault."""
    for service, ask in services:
        if fault.name not in service.servers:
            continue
        found = outcome(cluster, fault, ask.router, said)
        row = Row(fault, tuple(ask.router), found)
        owners = found.latest.owners or found.before
        own = [log for it, log in zip(asked, said["client"], strict=True) if it == ask]
        seen = noticed(cluster, [ask], row, {**said, "client": own})
        yield row._replace(noticed=seen, behind=_behind(said, owners[0] if owners else 0, service, fault.name))


def _behind(said: dict[str, Any], node: int, service: Service, name: str) -> Behind:
    """Return since when the node that holds the VIP sends no connections to a real server, and since when again."""
    log: Log = [it for it in said["ipvs"] if it[1] == node]
    hit, mended, end = (said["times"][it] for it in ("hit", "mended", "end"))
    key = (service.protocol, service.vip, service.port)
    states = [(at, [it[3] for it in table if tuple(it[:3]) == key]) for at, _, table in log]
    gone = _since(states, name, hit, mended, has=False)
    back = _since(states, name, mended, end, has=True)
    others = next((names for at, names in reversed(states) if at < mended), [])
    return Behind(service.text, name, gone, back, sum(it != name for it in others))


def _since(states: list[tuple[float, list[str]]], name: str, begun: float, end: float, *, has: bool) -> int | None:
    """Return in how many ms of a phase a real server came or went for good, None where it did not."""
    before = [(at, name in names) for at, names in states if at < end]
    if not before or before[-1][1] is not has:
        return None
    since = before[-1][0]
    for at, is_there in reversed(before):
        if is_there is not has:
            break
        since = at
    return max(0, round(1000 * (since - begun)))
