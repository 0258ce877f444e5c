"""Which processes does keepalived track on a node, and what stands in for them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rehearse.numbers import whole
from rehearse.stage.cmdline import is_possible
from rehearse.stage.procs import CUT
from vipwarden.core.result import one_line
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vipwarden.node.keepalived.conf import Block

_MOST = 50  # on a node
_MOST_COPIES = 200  # of all of them
_LONGEST = 60


class Tracked(NamedTuple):
    """A vrrp_track_process: its name, what is compared, and how many have to run, from ``least`` to ``most``.

    ``line`` is the command line where keepalived compares that, nothing where it compares the name that the kernel has.
    """

    name: str
    path: str
    line: tuple[str, ...]
    least: int
    most: int
    place: str

    @property
    def comm(self) -> str:
        """The name of a process with this path."""
        return self.path.rpartition("/")[2]

    @property
    def never(self) -> str:
        """Why keepalived never finds it, or nothing (track_process.c, read_procs())."""
        if self.line or not ("/" in self.path or len(self.path.encode("utf-8", "replace")) > CUT):
            return ""
        return f"{self.place}: keepalived never finds {self.path}: it compares the {CUT} characters that the kernel has"


def tracked(conf: Block) -> list[Tracked]:
    """Return what a configuration tracks; those that must not run have nothing that stands in."""
    used = {
        line.words[0]
        for holder in conf.named("vrrp_instance", "vrrp_sync_group")
        for block in holder.named("track_process")
        for line in block.blocks
    }
    blocks = [it for it in conf.named("vrrp_track_process") if it.name in used and it.value("process")]
    first: dict[str, Block] = {}
    for it in blocks:
        first.setdefault(it.name, it)  # keepalived takes the first of a name
    return [made for made in map(_tracked, first.values()) if made.most]


def _tracked(block: Block) -> Tracked:
    words = next(it.words[1:] for it in block.named("process") if it.name)
    match = block.last("param_match")
    compares = len(words) > 1 or match is not None or block.last("full_command") is not None
    least = max(1, whole(block.value("quorum"), 1))
    most = whole(block.value("quorum_max"), 65535)
    place = f"{block.path}:{block.number}: vrrp_track_process {block.name}"
    return Tracked(block.name, words[0], tuple(words) if compares else (), least, most, place)


def refuse(found: Sequence[Tracked]) -> None:
    """Raise ConfError where nothing can stand in for them."""
    if len(found) > _MOST:
        raise ConfError(f"{len(found)} processes are tracked on one node: at most {_MOST} are rehearsed; see --dry")
    if sum(it.least for it in found) > _MOST_COPIES:
        raise ConfError(f"{found[0].place} and others need more than {_MOST_COPIES} processes on one node; see --dry")
    for it in found:
        if it.line and not is_possible(it.line):
            raise ConfError(f"{it.place}: nothing can stand in for so short a command line; see --dry")
        is_name = it.comm.isprintable() and "\ufffd" not in it.path and 0 < len(it.comm) <= _LONGEST
        if not is_name or it.comm == "keepalived":
            raise ConfError(f"{it.place}: nothing can stand in for a process of this name; see --dry")


def services(found: Sequence[Tracked], known: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the services of a node with those that stand in for tracked processes, and their names by tracker.

    What a script asks stands in as well, where it has the same name.
    """
    made = {it["name"]: {**it} for it in known}
    names: dict[str, str] = {}
    for it in found:
        name = next(name for name in _names(it.comm) if _is_like(made.get(name), it))
        service = made.setdefault(
            name, {"name": name, "line": "", "listens": [], "sockets": [], "pidfiles": [], "words": []}
        )
        service["comm"] = it.comm
        service["copies"] = max(it.least, service.get("copies", 1))
        if service.get("program"):
            service["program"] = [*(it.line or service["program"][:1]), *service["program"][1:]]
        elif it.line:
            service["command"] = [*it.line]
        names[it.name] = name
    return [*made.values()], names


def _names(comm: str) -> Iterator[str]:
    yield comm.removesuffix(".service") or comm  # as systemctl knows it
    yield from (f"{comm}-{number}" for number in range(2, _MOST + 2))


def _is_like(service: dict[str, Any] | None, it: Tracked) -> bool:
    """Return whether a service can stand in for a tracked process."""
    if service is None or not it.line:
        return True
    if service.get("program"):
        return len(it.line) == 1
    return not service["line"] and service.get("command", [*it.line]) == [*it.line]


def said_of(confs: Iterable[Block]) -> Iterator[str]:
    """Yield what is to be said of the processes of the nodes."""
    found = [it for conf in confs for it in tracked(conf)]
    if found:
        names = one_line(", ".join(dict.fromkeys(it.name for it in found)), 200)
        why = "the kernel reports none in namespaces, so the rehearsal tells keepalived of them"
        yield f"stand-ins run for the processes that keepalived tracks; {why}: {names}"
    yield from dict.fromkeys(one_line(it.never, 300) for it in found if it.never)
