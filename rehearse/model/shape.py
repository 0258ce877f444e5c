"""Which faults touch a part, and which parts are alike?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.acts import file_value
from rehearse.model.cluster import FILE, INTERFACE, SCRIPT, links, written
from rehearse.model.faults import DEAF
from rehearse.model.parts import virtual_routers

if TYPE_CHECKING:
    from collections.abc import Hashable

    from rehearse.model.cluster import Cluster, Link, Node
    from rehearse.model.faults import Fault
    from rehearse.model.parts import Part


class Shape:
    """A part without its names: parts of the same shape have the same outcomes."""

    def __init__(self, cluster: Cluster, part: Part) -> None:
        self._names: dict[tuple[str, str], int] = {}
        self._trackers: set[tuple[int, str, str]] = set()
        self._hears: set[tuple[int, str]] = set()
        self._nodes = {place for place, _ in part}
        key: list[Hashable] = [cluster.is_old]
        secrets: dict[Hashable, int] = {}
        routers = virtual_routers(cluster, part)
        which = {it: number for number, router in enumerate(routers) for it in router}
        for place, number in part:
            node = cluster.nodes[place]
            spec = node.instances[number]
            group = cluster.group_of(node, spec)
            devices = tuple(dict.fromkeys(name for _, name in spec.vips)) or (spec.interface,)
            entries: list[Hashable] = []
            for link in (*links(cluster, node, spec), None, *written(cluster, node, spec)):
                if link is not None:
                    self._trackers.add((place, link.kind, link.name))
                    how = self._how(node, link)
                    entries.append((link.kind, self._name(link.kind, link.name), link.weight, link.reverse, how))
            self._trackers.update((place, INTERFACE, name) for name in (spec.interface, *devices))
            self._hears.add((place, spec.interface))
            key.append(
                (
                    *(place, which[place, number], spec.priority, spec.interval),
                    *(spec.version, spec.down_adverts, spec.is_master, spec.nopreempt, spec.preempt_delay, spec.source),
                    *(spec.unicast, secrets.setdefault(spec.secret, len(secrets)), spec.lower_prio_no_advert),
                    *(spec.higher_prio_send_advert, node.startup_delay, self._name(INTERFACE, spec.interface)),
                    tuple(self._name(INTERFACE, name) for name in devices),
                    secrets.setdefault(spec.carried, len(secrets)),
                    *(secrets.setdefault(it, len(secrets)) for it in (spec.address, spec.target)),
                    *(spec.checks_source, tuple(secrets.setdefault(it, len(secrets)) for it in sorted(spec.peers))),
                    None if group is None else (self._name("group", group.name), group.is_weighted),
                    tuple(entries),
                )
            )
        self.virtual = [tuple(it) for it in routers]
        self.of_part = tuple(key)

    @staticmethod
    def _how(node: Node, link: Link) -> Hashable:
        """Return how a tracker fails, which may depend on other parts."""
        if link.kind == FILE:
            return file_value(node, link.name)
        return node.scripts.get(link.name) if link.kind == SCRIPT else node.processes.get(link.name)

    def _name(self, kind: str, name: str) -> int:
        return self._names.setdefault((kind, name), len(self._names))

    def is_touched(self, fault: Fault) -> bool:
        """Return whether a fault can change anything here."""
        if fault.tracker:
            names = (fault.name, *fault.also)
            return any((node, fault.tracker, name) in self._trackers for node in fault.nodes for name in names)
        if fault.kind == DEAF:
            return (fault.nodes[0], fault.name) in self._hears and fault.nodes[1] in self._nodes
        return bool(self._nodes.intersection(fault.nodes))

    def key(self, fault: Fault) -> Hashable:
        """Return a fault without its names, for parts with the same ``of_part``."""
        name = self._names.get((fault.tracker or INTERFACE, fault.name))
        return (fault.kind, fault.nodes, fault.tracker, name, fault.both)
