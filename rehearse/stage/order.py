"""What is to be built for a rehearsal with real keepalived, and which faults come when?"""

from __future__ import annotations

import re
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.conf import configuration
from rehearse.model.acts import file_value
from rehearse.model.cluster import SCRIPT, links
from rehearse.model.faults import FAIL, FULL, HANG, HANGS, START, Fault
from rehearse.model.predict import predict
from rehearse.stage.script import words
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rehearse.model.cluster import Cluster, Node
    from rehearse.model.predict import Row
    from vipwarden.node.keepalived.conf import Block

_MARGIN = 1500  # ms beyond what the model says
_NOTHING: dict[str, list[Any]] = {"as_it_is": [], "services": [], "remote": []}


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
    networks = _networks(cluster)
    used = _addresses(cluster, confs, networks)
    nodes = []
    for place, (name, given, conf) in enumerate(confs):
        node = cluster.nodes[place]
        path, root = configuration(given)
        nodes.append(
            {
                "name": name,
                **_files(path, root, given),
                "interfaces": {it: networks[place, it] for it in _interfaces(cluster, node)},
                "addresses": {it: used.get((place, it), []) for it in _interfaces(cluster, node)},
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
                **(_stand_ins(observed[place]) if observed else _NOTHING),
                "files": {
                    block.name: block.value("file")
                    for block in conf.named("vrrp_track_file", "track_file")
                    if block.name
                },
            }
        )
    begun = max((row.outcome.latest.last for row in predict(cluster) if row.fault.kind == START), default=0)
    vips = sorted({vip for node in cluster.nodes for it in node.instances for vip, _ in it.vips})
    timed = [_timed(cluster, it, begun) for it in faults if it.kind != START]
    slow = max((it["slow"] for node in observed for it in node["scripts"].values()), default=0)
    for it in timed:  # a script that takes its time to say OK
        it["begin"] += slow
        it["after"] += slow
    begin = _begin(cluster, begun) + slow
    return {"nodes": nodes, "vips": vips, "faults": timed, "begin": begin, "reals": [], "taken": []}


def _user(block: Block) -> list[str]:
    """Return user and group of a script, or of all of them."""
    line = block.last("user", "script_user")
    return line.words[1:3] if line is not None else []


def _stand_ins(observed: dict[str, Any]) -> dict[str, list[Any]]:
    names = [name for name, it in observed["scripts"].items() if it["as_it_is"]]
    return {"as_it_is": names, "services": observed["services"] * bool(names), "remote": observed["remote"]}


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


def _interfaces(cluster: Cluster, node: Node) -> list[str]:
    own = [name for it in node.instances for name in (it.interface, *(device for _, device in it.vips))]
    tracked = [link.name for it in node.instances for link in links(cluster, node, it) if link.kind == "interface"]
    names = [it for it in dict.fromkeys((*own, *tracked)) if it != "lo"]
    wrong = next((it for it in names if not re.fullmatch(r"[\w.:@-]{1,15}", it, re.ASCII) or it in (".", "..")), None)
    if wrong is not None:
        raise ConfError(f"{node.name}: {wrong!r} is no name of an interface")
    return names


def _networks(cluster: Cluster) -> dict[tuple[int, str], int]:
    """Return the number of the network of each interface: that of the same virtual router, else of the same name."""
    found: dict[tuple[int, str], int] = {}
    routers: dict[tuple[int, str], int] = {}
    names: dict[str, int] = {}
    for place, node in enumerate(cluster.nodes):
        for it in node.instances:
            number = found.get((place, it.interface), routers.get((it.vrid, it.family)))
            number = names.setdefault(it.interface, len({*names.values()})) if number is None else number
            found[place, it.interface] = routers[it.vrid, it.family] = number
            names.setdefault(it.interface, number)
        for name in _interfaces(cluster, node):
            if (place, name) not in found:
                found[place, name] = names.setdefault(name, len({*names.values()}))
    return found


def _addresses(
    cluster: Cluster, confs: Sequence[tuple[str, str, Block]], networks: dict[tuple[int, str], int]
) -> dict[tuple[int, str], list[str]]:
    """Return the addresses of the interfaces: those that are written, else one in the network of a VIP."""
    found: dict[tuple[int, str], list[str]] = {}
    for place, (_, _, conf) in enumerate(confs):
        for block, it in zip(conf.named("vrrp_instance"), cluster.nodes[place].instances, strict=True):
            for address in _written(place, block, confs, it.vrid):
                length = _length(address, conf)
                found.setdefault((place, it.interface), []).append(f"{address}/{length}")
    for (place, name), number in networks.items():
        known = found.setdefault((place, name), [])
        if not any(":" not in it for it in known):
            known.append(_free(place, number, name, confs[place][2]))
    return {key: [*dict.fromkeys(it)] for key, it in found.items()}


def _written(place: int, block: Block, confs: Sequence[tuple[str, str, Block]], vrid: int) -> Iterator[str]:
    own = plain_address(block.value("unicast_src_ip") or block.value("mcast_src_ip"))
    if own:
        yield own
        return
    for other, (_, _, conf) in enumerate(confs):
        for peer in conf.named("vrrp_instance") if other != place and len(confs) == 2 else ():
            if peer.value("virtual_router_id") == str(vrid):
                lines = [line.words[0] for peers in peer.named("unicast_peer") for line in peers.blocks]
                yield from filter(None, (plain_address(it) for it in lines[:1]))


def _length(address: str, conf: Block) -> int:
    for vip in _vips(conf):
        network = ip_interface(vip).network
        if network.num_addresses > 2 and ip_interface(address).ip in network:
            return network.prefixlen
    return 64 if ":" in address else 24


def _free(place: int, number: int, name: str, conf: Block) -> str:
    for block in conf.named("vrrp_instance"):
        for vip in _vips_of(block) if block.value("interface") == name else ():
            network = ip_interface(vip).network
            if ":" not in vip and network.num_addresses > 16:
                taken = {ip_interface(it).ip for it in (*_vips(conf), *_reals(conf))}
                hosts = [it for it in (network[-2 - number] for number in range(12)) if it not in taken]
                return f"{hosts[-1 - place]}/{network.prefixlen}"  # later nodes are higher
    return f"{ip_network('198.18.0.0/15')[256 * number + place + 1]}/24"


def _reals(conf: Block) -> Iterator[str]:
    for block in conf.named("virtual_server"):
        yield from filter(None, (plain_address(it.name) for it in block.named("real_server", "sorry_server")))


def _vips(conf: Block) -> Iterator[str]:
    for block in conf.named("vrrp_instance"):
        yield from _vips_of(block)


def _vips_of(block: Block) -> Iterator[str]:
    for line in (line for vips in block.named("virtual_ipaddress") for line in vips.blocks):
        address, _, length = line.words[0].partition("/")
        if plain_address(address) and (not length or length.isdigit()):
            yield f"{plain_address(address)}/{length or (128 if ':' in address else 32)}"


def _slowest(cluster: Cluster) -> tuple[int, int]:
    """Return the longest advert_int and preempt_delay in ms."""
    every = [it for node in cluster.nodes for it in node.instances]
    return max((it.interval for it in every), default=1000), max((it.preempt_delay for it in every), default=0)


def _begin(cluster: Cluster, begun: int) -> float:
    """Return after how many seconds the nodes have come to rest."""
    slow, delay = _slowest(cluster)
    return (begun + delay + 2 * slow + _MARGIN) / 1000


def _timed(cluster: Cluster, fault: Fault, begun: int) -> dict[str, Any]:
    if fault.part:  # the model knows of its script alone
        kind = HANG if fault.kind in HANGS else FAIL
        return {**_timed(cluster, Fault(kind, fault.nodes, fault.tracker, fault.name), begun), **fault._asdict()}
    rows = predict(cluster, [fault]) if fault.kind != FULL else []
    slow, delay = _slowest(cluster)
    learns = [_learns(cluster, fault, mend=mend) for mend in (False, True)]
    down = 5 * slow + 1000
    return {
        **fault._asdict(),
        "value": _value(cluster, fault),
        "begin": _begin(cluster, begun),
        "during": (max([learns[0] + delay + down, *(_last(row, mend=False) for row in rows)]) + _MARGIN) / 1000,
        "after": (max([learns[1] + delay + down, *(_last(row, mend=True) for row in rows)]) + _MARGIN) / 1000,
    }


def _learns(cluster: Cluster, fault: Fault, *, mend: bool) -> int:
    known = [(name, it) for place in fault.nodes for name, it in cluster.nodes[place].scripts.items()]
    scripts = [it for name, it in known if fault.kind == FULL or (fault.tracker, fault.name) == (SCRIPT, name)]
    hangs = fault.kind == HANG and not mend
    return max(((it.rise if mend else it.fall) * it.interval + it.timeout * hangs for it in scripts), default=0)


def _last(row: Row, *, mend: bool) -> int:
    it = row.outcome
    phases = (it.mended_soonest, it.mended_latest) if mend else (it.soonest, it.latest)
    return max(phase.last for phase in phases)


def _value(cluster: Cluster, fault: Fault) -> int:
    node = cluster.nodes[fault.nodes[0]]
    held = [*(it.links for it in node.instances), *(it.links for it in node.groups)]
    return file_value(
        [link for entries in held for link in entries if (link.kind, link.name) == (fault.tracker, fault.name)]
    )
