"""Which faults can hit the scripts that run as they are, and what they ask?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rehearse.model.cluster import PROCESS, SCRIPT
from rehearse.model.faults import (
    CLOSED,
    FILTERED,
    HANG,
    HUNG,
    KILLED,
    MISSING,
    MUTE,
    NO_INTERPRETER,
    STOPPED,
    Fault,
    checked,
)
from rehearse.stage.netasks import PING, SOCKET, Ask
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rehearse.model.cluster import Cluster

_MOST_FAULTS = 60  # of one node


class Ran(NamedTuple):
    """A script of a node: its command, whether it runs as it is, else why not, and what it asks.

    ``says_ok`` is whether it succeeds although nothing is there that it asks.
    """

    node: str
    script: str
    command: str
    as_it_is: bool
    why: str
    says_ok: bool
    asks: list[str]

    @property
    def text(self) -> str:
        """What is to be said of it, or nothing."""
        if not self.as_it_is:
            return f"script {self.script} on {self.node} is replaced by a switch: {self.why}"
        if self.says_ok:
            return f"script {self.script} on {self.node} says OK although nothing of what it asks is there"
        return ""


def scripts_run(cluster: Cluster, observed: Sequence[dict[str, Any]]) -> list[Ran]:
    """Return how each script runs."""
    return [
        Ran(
            cluster.nodes[place].name,
            name,
            it["command"],
            it["as_it_is"],
            it["why"],
            it["says_ok"],
            [*(f"process {process}" for process in it["processes"]), *(Ask(*ask).text for ask in it["asks"])],
        )
        for place, node in enumerate(observed)
        for name, it in node["scripts"].items()
    ]


def notes(ran: Iterable[Ran]) -> list[str]:
    """Return what is to be said of scripts in words."""
    return [one_line(it.text, 300) for it in ran if it.text]


def service_faults(cluster: Cluster, observed: Sequence[dict[str, Any]]) -> list[Fault]:
    """Return the faults of processes, ports and scripts, for each node."""
    tracked = {
        (place, link.name)
        for place, node in enumerate(cluster.nodes)
        for links in (*(it.links for it in node.instances), *(it.links for it in node.groups))
        for link in links
        if link.kind == SCRIPT
    }
    found = []
    for place, node in enumerate(observed):
        asked = {name for it in node["scripts"].values() if it["as_it_is"] for name in it["processes"]}
        found += [Fault(HANG, (place,), PROCESS, it) for it in checked(cluster, place) if it not in asked]
        parts: dict[tuple[str, str], list[str]] = {}
        for name, it in node["scripts"].items():
            if it["as_it_is"] and (place, name) in tracked:
                for part in _parts(it, name):
                    parts.setdefault(part, []).append(name)
        found += [
            Fault(kind, (place,), SCRIPT, names[0], part=part, also=tuple(names[1:]))
            for (part, kind), names in [*parts.items()][:_MOST_FAULTS]
        ]
    return found


def _parts(script: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    for process in script["processes"]:
        yield from ((f"process {process}", kind) for kind in (KILLED, STOPPED, HUNG))
    for ask in (Ask(*it) for it in script["asks"]):
        if ask.protocol in (PING, SOCKET):
            yield ask.text, FILTERED if ask.protocol == PING else CLOSED
        else:
            yield from ((ask.text, kind) for kind in (CLOSED, FILTERED, *((MUTE,) * (ask.protocol == "tcp"))))
    yield f"script {name}", MISSING
    if script["has_interpreter"]:
        yield f"interpreter of script {name}", NO_INTERPRETER
