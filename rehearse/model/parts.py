"""Which instances depend on each other, and so are run together?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster

    Part = list[tuple[int, int]]  # places of node and instance


def virtual_routers(cluster: Cluster, part: Part) -> list[Part]:
    """Return the instances of a part by virtual router: VRID, family, and the interface where a node has several."""
    found: dict[tuple[int, str, str], Part] = {}
    seen: dict[tuple[int, int, str], int] = {}
    for place, number in part:
        it = cluster.nodes[place].instances[number]
        seen[place, it.vrid, it.family] = seen.get((place, it.vrid, it.family), 0) + 1
    several = {(vrid, family) for (_, vrid, family), count in seen.items() if count > 1}
    for place, number in part:
        it = cluster.nodes[place].instances[number]
        interface = it.interface if (it.vrid, it.family) in several else ""
        found.setdefault((it.vrid, it.family, interface), []).append((place, number))
    return list(found.values())


def parts(cluster: Cluster) -> list[Part]:
    """Return the parts: the instances of a virtual router, and with them those of their sync groups."""
    above: dict[tuple[int, int], tuple[int, int]] = {}

    def top(it: tuple[int, int]) -> tuple[int, int]:
        while above[it] != it:
            above[it] = above[above[it]]
            it = above[it]
        return it

    first: dict[object, tuple[int, int]] = {}
    for place, node in enumerate(cluster.nodes):
        named = {instance.name: (place, number) for number, instance in enumerate(node.instances)}
        for number, instance in enumerate(node.instances):
            it = above[place, number] = (place, number)
            other = first.setdefault((instance.vrid, instance.family), it)
            above[top(it)] = top(other)
        for group in node.groups:
            members = [named[name] for name in group.members if name in named]
            for it in members[1:]:
                above[top(it)] = top(members[0])
    found: dict[tuple[int, int], Part] = {}
    for it in above:
        found.setdefault(top(it), []).append(it)
    return list(found.values())
