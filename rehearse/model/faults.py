"""Which single faults can hit the nodes?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT, links, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearse.model.cluster import Cluster, Instance, Link, Node

POWER, STOP, KILL, FREEZE, DEAF = "power", "stop", "kill", "freeze", "filter"
FAIL, HANG, START = "fail", "hang", "start"
REAL = "real"  # the tracker of a real server, which the model does not know
FULL = "full"  # /run
FORWARD, BACK = "forward", "back"  # the clock
UNKNOWN = (FULL, FORWARD, BACK)  # to the model: it is scripts that these break
# of a process or port that a script asks
KILLED, STOPPED, HUNG = "killed", "stopped", "hung"
CLOSED, FILTERED, MUTE = "closed", "filtered", "mute"
GONE = "gone"  # a host
HANGS = (HANG, HUNG, FILTERED, MUTE)  # who asks waits
MISSING, NO_INTERPRETER = "missing", "no interpreter"
SCRIPT_ALONE = (MISSING, NO_INTERPRETER)  # its service is well


class Fault(NamedTuple):
    """A fault: its kind, the places of the nodes that it hits, and the name of what breaks there.

    Of a filter the nodes are sender and receiver; ``both`` is for both ways. ``part`` is what breaks of the script
    ``name``, and of those in ``also``: the script itself, or a process or port that it asks.
    """

    kind: str
    nodes: tuple[int, ...]
    tracker: str = ""
    name: str = ""
    both: bool = False
    part: str = ""
    also: tuple[str, ...] = ()

    def text(self, names: list[str]) -> str:
        """Return it in words."""
        who = names[self.nodes[0]] if len(self.nodes) == 1 else "all nodes"
        if self.kind == DEAF:
            one, other = (names[node] for node in self.nodes)
            way = f"between {one} and {other}" if self.both else f"from {one} to {other}"
            return f"VRRP filtered {way} on {self.name}"
        if self.tracker == REAL:
            return f"{self.part}: {_OF_REALS[self.kind]}"
        if self.part:
            return f"{self.part} {MISSING if self.kind == NO_INTERPRETER else self.kind} on {who}"
        if self.kind in _PHRASES:
            return _PHRASES[self.kind].format(who=who)
        hangs = self.kind == HANG
        return {
            SCRIPT: f"script {self.name} {'hangs' if hangs else 'fails'} on {who}",
            PROCESS: f"process {self.name} {'hangs' if hangs else 'ends'} on {who}",
            FILE: f"file {self.name} reports a failure on {who}",
            INTERFACE: f"interface {self.name} down on {who}",
        }[self.tracker]


_OF_REALS = {CLOSED: "port closed", FILTERED: "port filtered", MUTE: "answers nothing", GONE: "host gone"}
_PHRASES = {
    START: "all nodes start",
    POWER: "power off on {who}",
    FULL: "disk full in /run on {who}",
    FORWARD: "clock stepped forward on {who}",
    BACK: "clock stepped back on {who}",
    STOP: "keepalived stopped on {who}",
    KILL: "keepalived killed (-9) on {who}",
    FREEZE: "keepalived frozen (SIGSTOP) on {who}",
}


def is_unseen(fault: Fault) -> bool:
    """Return whether a process hangs that keepalived itself tracks: it sees that it runs."""
    return (fault.kind, fault.tracker) == (HANG, PROCESS)


def unseen(cluster: Cluster, node: Node, instance: Instance) -> list[Link]:
    """Return the processes of which nobody sees that they hang: keepalived sees that they run, no check is tracked."""
    entries = [it for it in written(cluster, node, instance) if not it.reverse]
    checks = any(it.kind in (SCRIPT, FILE) for it in entries)
    return [] if checks else [it for it in entries if it.kind == PROCESS]


def hides(cluster: Cluster, fault: Fault, router: Iterable[tuple[int, int]]) -> bool:
    """Return whether the instances of a virtual router go on with a service that hangs there."""
    hit = [(cluster.nodes[place], number) for place, number in router if place in fault.nodes]
    return any(it.name == fault.name for node, number in hit for it in unseen(cluster, node, node.instances[number]))


def faults(cluster: Cluster) -> list[Fault]:
    """Return the start of all nodes, then all single faults, those of the services first."""
    start = Fault(START, tuple(range(len(cluster.nodes))))
    return list(
        dict.fromkeys((start, *_services(cluster), *_interfaces(cluster), *_filters(cluster), *_nodes(cluster)))
    )


def _services(cluster: Cluster) -> Iterator[Fault]:
    for kind in (SCRIPT, PROCESS, FILE):
        holders: dict[str, list[int]] = {}
        for place, node in enumerate(cluster.nodes):
            for name in _tracked(cluster, node, kind):
                if kind != PROCESS or name not in node.forbidden:
                    holders.setdefault(name, []).append(place)
        for name, places in holders.items():
            for place in places:
                yield Fault(FAIL, (place,), kind, name)
            for place in places:
                if kind == SCRIPT or (kind == PROCESS and name in _unseen(cluster, cluster.nodes[place])):
                    yield Fault(HANG, (place,), kind, name)
            if len(places) > 1:
                yield Fault(FAIL, tuple(places), kind, name)


def _interfaces(cluster: Cluster) -> Iterator[Fault]:
    for place, node in enumerate(cluster.nodes):
        own = [name for it in node.instances for name in (it.interface, *(device for _, device in it.vips))]
        for name in dict.fromkeys((*own, *_tracked(cluster, node, INTERFACE))):
            yield Fault(FAIL, (place,), INTERFACE, name)


def _filters(cluster: Cluster) -> Iterator[Fault]:
    for place, node in enumerate(cluster.nodes):
        for name in dict.fromkeys(it.interface for it in node.instances):
            for other, peer in enumerate(cluster.nodes):
                if other != place and any(_shares(name, node, peer)):
                    yield Fault(DEAF, (place, other), "", name)
                    if other > place:
                        yield Fault(DEAF, (place, other), "", name, both=True)


def _shares(name: str, node: Node, peer: Node) -> Iterator[bool]:
    theirs = {(it.vrid, it.family) for it in peer.instances}
    yield from (True for it in node.instances if it.interface == name and (it.vrid, it.family) in theirs)


def _nodes(cluster: Cluster) -> Iterator[Fault]:
    for kind in (STOP, KILL, FREEZE, POWER):
        for place, node in enumerate(cluster.nodes):
            if node.instances:
                yield Fault(kind, (place,))


def _unseen(cluster: Cluster, node: Node) -> set[str]:
    return {link.name for it in node.instances for link in unseen(cluster, node, it)}


def checked(cluster: Cluster, place: int) -> list[str]:
    """Return the processes of a node of which a check may see that they hang."""
    node = cluster.nodes[place]
    entries = [link for it in node.instances for link in written(cluster, node, it)]
    names = dict.fromkeys(it.name for it in entries if it.kind == PROCESS and not it.reverse)
    return [it for it in names if it not in _unseen(cluster, node) | node.forbidden]


def _tracked(cluster: Cluster, node: Node, kind: str) -> list[str]:
    entries = [
        link
        for it in node.instances
        for link in (*written(cluster, node, it), *(links(cluster, node, it) if kind == INTERFACE else ()))
    ]
    return list(dict.fromkeys(link.name for link in entries if link.kind == kind))
