"""Which cluster do the keepalived.conf of its nodes make?"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from rehearse.instance import LONGEST_DELAY, Globals, instance
from rehearse.model.cluster import Cluster, Group, Node
from rehearse.numbers import milliseconds
from rehearse.tracked import definitions, links, script
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.keepalived.conf import Block

_LOGS_OTHER_VIPS = Version("2.3.3")
_PLACES = ("keepalived.conf", "keepalived/keepalived.conf", "etc/keepalived/keepalived.conf")


def configuration(given: str) -> tuple[str, str]:
    """Return the keepalived.conf of a file, a /etc or a root, and the folder that stands for ``/``.

    Raises ConfError.
    """
    try:
        if not Path(given).is_dir():
            return given, ""
        path = next((path for path in (Path(given, it) for it in _PLACES) if path.is_file() or path.is_symlink()), None)
    except OSError as error:
        raise ConfError(f"cannot read {given}: {error.strerror}") from None
    if path is not None:
        folder = path.parent.parent if path.parent.name == "keepalived" else path.parent
        return str(path), str(folder.parent) if folder.name == "etc" else ""
    raise ConfError(f"{given} has no keepalived.conf: looked for {', '.join(_PLACES)}")


def parsed(name: str, given: str) -> Block:
    """Return the configuration of a node by its file or folder; raises ConfError.

    keepalived takes lines with ``@ID`` by the name of the node up to its first dot.
    """
    path, root = configuration(given)
    return parse(path, root=root, config_id=name.partition(".")[0])


def read(nodes: Sequence[tuple[str, str]], version: Version | None) -> Cluster:
    """Return the cluster of pairs of node and file or folder; raises ConfError."""
    return cluster([(name, parsed(name, given)) for name, given in nodes], version)


def cluster(nodes: Sequence[tuple[str, Block]], version: Version | None) -> Cluster:
    """Return the cluster of parsed configurations; raises ConfError."""
    made = [_node(name, conf) for name, conf in nodes]
    return Cluster(tuple(_ordered(made)), is_old=version is None or version < _LOGS_OTHER_VIPS)


def _node(name: str, conf: Block) -> tuple[Node, dict[str, str]]:
    """Return a node, and the addresses from which its instances send as far as they are written."""
    defs = Globals(conf)
    known = definitions(conf)
    instances, sources = [], {}
    for block in conf.named("vrrp_instance"):
        made = instance(block, defs, known)
        instances.append(made)
        source = block.value("unicast_src_ip") or block.value("mcast_src_ip")
        sources[made.name] = plain_address(source)
    groups = [
        Group(
            block.name,
            tuple(word for members in block.named("group") for line in members.blocks for word in line.words if word),
            block.last("sync_group_tracking_weight", "global_tracking") is not None,
            tuple(links(block, known)),
        )
        for block in conf.named("vrrp_sync_group")
    ]
    scripts = {block.name: script(block) for block in conf.named("vrrp_script")}
    processes = {
        block.name: max((milliseconds(it.name, 0) for it in block.named("terminate_delay", "delay")), default=0)
        for block in conf.named("vrrp_track_process")
    }
    forbidden = frozenset(it.name for it in conf.named("vrrp_track_process") if it.value("quorum_max") == "0")
    delay = min(milliseconds(defs.value("vrrp_startup_delay"), 0), LONGEST_DELAY)
    return Node(name, tuple(instances), tuple(groups), scripts, processes, forbidden, delay), sources


def _ordered(made: list[tuple[Node, dict[str, str]]]) -> Iterator[Node]:
    """Yield the nodes with the order of their addresses: as written, else each node above the one before it."""
    for place, (node, sources) in enumerate(made):
        written = [address for _, other in made for address in other.values() if address]
        ranks = sorted(set(written), key=lambda it: (":" in it, int(ip_address(it.partition("%")[0]))))
        everywhere = all(all(other.values()) for _, other in made)
        instances = [
            replace(it, source=ranks.index(sources[it.name]) if everywhere else place) for it in node.instances
        ]
        yield replace(node, instances=tuple(instances))
