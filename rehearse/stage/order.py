"""What is to be built for a rehearsal with real keepalived, and which faults come when?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.conf import configuration
from rehearse.model.faults import START, Fault
from rehearse.model.predict import predict
from rehearse.stage.networks import addresses, interfaces, networks
from rehearse.stage.processes import refuse, services, tracked
from rehearse.stage.script import words
from rehearse.stage.times import begin, timed
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.predict import Row
    from vipwarden.node.keepalived.conf import Block

_HEAD_START = 0.3  # seconds
_NOTHING: dict[str, Any] = {"scripts": {}, "services": [], "remote": []}


def order(
    cluster: Cluster,
    confs: Sequence[tuple[str, str, Block]],
    faults: Sequence[Fault],
    version: tuple[int, ...] | None,
    observed: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return what ``rehearse.stage.main`` reads: nodes (name, given path, configuration), networks, VIPs, faults.

    ``observed`` is what is known of the scripts of each node; without it all of them are stood in for by the switch.
    """
    numbers = networks(cluster)
    used = addresses(cluster, confs, numbers)
    nodes: list[dict[str, Any]] = []
    for place, (name, given, conf) in enumerate(confs):
        node = cluster.nodes[place]
        path, root = configuration(given)
        own = interfaces(cluster, node)
        nodes.append(
            {
                "name": name,
                **_files(path, root, given),
                "interfaces": {it: numbers[place, it] for it in own},
                "addresses": {it: used.get((place, it), []) for it in own},
                "scripts": {
                    block.name: words(block, version)
                    for block in conf.named("vrrp_script")
                    if block.name in node.scripts
                },
                "users": {
                    block.name: _user(block) or next((it for it in map(_user, conf.named("global_defs")) if it), [])
                    for block in conf.named("vrrp_script")
                },
                "timeouts": {name: it.timeout / 1000 for name, it in node.scripts.items()},
                **_stand_ins(conf, observed[place] if observed else _NOTHING),
                "files": {
                    block.name: block.value("file")
                    for block in conf.named("vrrp_track_file", "track_file")
                    if block.name
                },
            }
        )
    starts = predict(cluster, [Fault(START, tuple(range(len(cluster.nodes))))])
    begun = max((row.outcome.latest.last for row in starts), default=0)
    first = _first(cluster, starts)
    for place, entry in enumerate(nodes):
        entry["later"] = 0.0 if first in (None, place) else _HEAD_START
    vips = sorted({vip for node in cluster.nodes for it in node.instances for vip, _ in it.vips})
    played = [timed(cluster, it, begun) for it in faults if it.kind != START]
    slow = max((it["slow"] for node in observed for it in node["scripts"].values()), default=0)
    for it in played:  # a script that takes its time to say OK
        it["begin"] += slow
        it["after"] += slow
    at_rest = begin(cluster, begun) + slow
    return {"nodes": nodes, "vips": vips, "faults": played, "begin": at_rest, "reals": [], "taken": []}


def _first(cluster: Cluster, starts: Sequence[Row]) -> int | None:
    """Return which node starts before the others where milliseconds would decide who holds a VIP from then on.

    So it is where priorities are equal or nobody preempts. Nothing where they decide nothing.
    """
    owners: Counter[int] = Counter()
    for row in starts:
        routers = [cluster.nodes[node].instances[number] for node, number in row.instances]
        if any(it.nopreempt for it in routers) or len({it.priority for it in routers}) < len(routers):
            owners.update(row.outcome.latest.owners)
    return owners.most_common(1)[0][0] if owners else None


def _user(block: Block) -> list[str]:
    """Return user and group of a script, or of all of them."""
    line = block.last("user", "script_user")
    return line.words[1:3] if line is not None else []


def _stand_ins(conf: Block, observed: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in for what scripts ask and keepalived tracks; raises ConfError."""
    names = [name for name, it in observed["scripts"].items() if it["as_it_is"]]
    held = tracked(conf)
    refuse(held)
    made, which = services(held, observed["services"] * bool(names))
    processes = {it.name: {"service": which[it.name], "path": it.path, "compares": bool(it.line)} for it in held}
    return {"as_it_is": names, "services": made, "remote": observed["remote"], "processes": processes}


def _files(path: str, root: str, given: str) -> dict[str, str]:
    """Return which folder is laid over the machine's and where, and the configuration as the node sees it."""
    whole = str(Path(given).resolve())
    if re.search(r"[:,\\\\\n]", whole) or whole.startswith("/run/"):
        raise ConfError(
            f"{given}: a folder in /run, or a path with a colon or comma, cannot be laid over the machine's"
        )
    if not Path(given).is_dir():
        return {"over": str(Path(path).resolve().parent), "at": "/rehearsed", "conf": f"/rehearsed/{Path(path).name}"}
    if Path(whole).name == "etc":
        return {"over": whole, "at": "/etc", "conf": "/etc/" + str(Path(path).relative_to(given))}
    if root:
        return {"over": str(Path(root).resolve()), "at": "/", "conf": "/" + str(Path(path).relative_to(root))}
    folder = Path(path).parent
    return {"over": str(folder.resolve()), "at": "/etc/keepalived", "conf": f"/etc/keepalived/{Path(path).name}"}
