"""Clusters for the tests: two nodes with one virtual router, and what the model says of a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearse.model.cluster import Cluster, Group, Instance, Link, Node, Script
from rehearse.model.predict import predict

if TYPE_CHECKING:
    from rehearse.model.faults import Fault
    from rehearse.model.measure import Outcome

VIP = "192.0.2.10"


def instance(priority: int, *links: Link, vrid: int = 51, **more: Any) -> Instance:
    """Return an instance on eth0."""
    given = {"name": f"VI_{vrid}", "interface": "eth0", "vips": ((VIP, "eth0"),), "carried": frozenset({VIP})}
    return Instance(**{**given, "vrid": vrid, "priority": priority, "links": links, **more})


def pair(
    one: Instance | tuple[Instance, ...],
    other: Instance | tuple[Instance, ...],
    script: Script | None = None,
    groups: tuple[Group, ...] = (),
    **more: Any,
) -> Cluster:
    """Return two nodes that know the script chk; the second has the higher address."""
    nodes = []
    for place, given in enumerate((one, other)):
        instances = given if isinstance(given, tuple) else (given,)
        with_source = tuple(_from(it, place) for it in instances)
        nodes.append(Node(f"lb{place + 1}", with_source, groups, {"chk": script or Script()}))
    return Cluster(tuple(nodes), **more)


def _from(it: Instance, place: int) -> Instance:
    from dataclasses import replace

    return replace(it, source=place)


def outcome(cluster: Cluster, fault: Fault, vrid: int = 51) -> Outcome:
    """Return what becomes of a virtual router."""
    for row in predict(cluster, [fault]):
        node, number = row.instances[0]
        if cluster.nodes[node].instances[number].vrid == vrid:
            return row.outcome
    raise AssertionError(f"{fault} does not touch VRID {vrid}")
