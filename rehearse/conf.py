"""Which cluster do the keepalived.conf of its nodes make?"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from rehearse.model.cluster import (
    FILE,
    INTERFACE,
    OWNER,
    PROCESS,
    SCRIPT,
    Cluster,
    Group,
    Instance,
    Link,
    Node,
    Script,
)
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.keepalived.conf import Block

_LOGS_OTHER_VIPS = Version("2.3.3")
_DEFAULT_PRIORITY = 100
_LONGEST_DELAY = 4_294_967  # ms: TIMER_MAX_SEC
_PASSWORD = 8  # characters that count
_PLACES = ("keepalived.conf", "keepalived/keepalived.conf", "etc/keepalived/keepalived.conf")
_TRACKS = {"track_script": SCRIPT, "track_file": FILE, "track_process": PROCESS, "track_interface": INTERFACE}


def configuration(given: str) -> tuple[str, str]:
    """Return the keepalived.conf of a file, a /etc or a root, and the folder that stands for ``/``.

    Raises ConfError.
    """
    if not Path(given).is_dir():
        return given, ""
    for place in _PLACES:
        path = Path(given, place)
        if path.is_file():
            folder = path.parent.parent if path.parent.name == "keepalived" else path.parent
            return str(path), str(folder.parent) if folder.name == "etc" else ""
    raise ConfError(f"{given} has no keepalived.conf: looked for {', '.join(_PLACES)}")


def read(nodes: Sequence[tuple[str, str]], version: Version | None) -> Cluster:
    """Return the cluster of pairs of node and file or folder; raises ConfError."""
    confs = []
    for name, given in nodes:
        path, root = configuration(given)
        confs.append((name, parse(path, root=root, config_id=name)))
    return cluster(confs, version)


def cluster(nodes: Sequence[tuple[str, Block]], version: Version | None) -> Cluster:
    """Return the cluster of parsed configurations; raises ConfError."""
    made = [_node(name, conf) for name, conf in nodes]
    return Cluster(tuple(_ordered(made)), is_old=version is None or version < _LOGS_OTHER_VIPS)


def _node(name: str, conf: Block) -> tuple[Node, dict[str, str]]:
    """Return a node, and the addresses from which its instances send as far as they are written."""
    defs = _Globals(conf)
    known = _definitions(conf)
    instances, sources = [], {}
    for block in conf.named("vrrp_instance"):
        instance = _instance(block, defs, known)
        instances.append(instance)
        source = block.value("unicast_src_ip") or block.value("mcast_src_ip")
        sources[instance.name] = plain_address(source)
    groups = [
        Group(
            block.name,
            tuple(word for members in block.named("group") for line in members.blocks for word in line.words if word),
            block.last("sync_group_tracking_weight", "global_tracking") is not None,
            tuple(_links(block, known)),
        )
        for block in conf.named("vrrp_sync_group")
    ]
    scripts = {block.name: _script(block) for block in conf.named("vrrp_script")}
    processes = {
        block.name: milliseconds(block.value("terminate_delay") or block.value("delay"), 0)
        for block in conf.named("vrrp_track_process")
    }
    delay = min(milliseconds(defs.value("vrrp_startup_delay"), 0), _LONGEST_DELAY)
    return Node(name, tuple(instances), tuple(groups), scripts, processes, delay), sources


class _Globals:
    """The statements of all global_defs."""

    def __init__(self, conf: Block) -> None:
        self._blocks = [block for defs in conf.named("global_defs") for block in defs.blocks]

    def value(self, keyword: str) -> str:
        """Return the word after the last statement of a keyword, or nothing."""
        return next((it.name for it in reversed(self._blocks) if it.words[0] == keyword), "")

    def has(self, keyword: str) -> bool:
        """Return whether there is such a statement, and it is not turned off."""
        last = next((it for it in reversed(self._blocks) if it.words[0] == keyword), None)
        return last is not None and last.name not in ("false", "no", "off")


def _instance(block: Block, defs: _Globals, known: dict[tuple[str, str], Block]) -> Instance:
    """Return an instance as vrrp_complete_instance() leaves it."""
    where = f"{block.path}:{block.number}: vrrp_instance {block.name}"
    interface = block.value("interface") or defs.value("default_interface")
    vrid = whole(block.value("virtual_router_id"), 0)
    if not interface:
        raise ConfError(f"{where} has no interface")
    if not 1 <= vrid <= 255:
        raise ConfError(f"{where} has no virtual_router_id from 1 to 255")
    vips, carried, family = _vips(block, interface)
    version = 3 if family == "IPv6" else whole(block.value("version") or defs.value("vrrp_version"), 2)
    strict = block.last("strict_mode") is not None or defs.has("vrrp_strict")
    wants = _wants(block)
    priority = whole(block.value("priority"), OWNER if wants == "MASTER" else _DEFAULT_PRIORITY)
    priority = priority if 1 <= priority <= OWNER else _DEFAULT_PRIORITY
    is_master = wants == "MASTER" if wants and not strict else priority == OWNER
    nopreempt = block.last("nopreempt", "preempt")
    stays = nopreempt is not None and nopreempt.words[0] == "nopreempt" and not is_master and priority != OWNER
    delay = 0 if is_master or stays or strict else milliseconds(block.value("preempt_delay"), 0)
    return Instance(
        name=block.name,
        interface=interface,
        vrid=vrid,
        priority=priority,
        interval=_interval(block.value("advert_int"), version),
        version=version,
        family=family,
        down_adverts=3
        if strict
        else max(1, whole(block.value("down_timer_adverts") or defs.value("vrrp_down_timer_adverts"), 3)),
        is_master=is_master,
        nopreempt=stays,
        preempt_delay=delay,
        unicast=any(peers.blocks for peers in block.named("unicast_peer")),
        secret=("", "") if version == 3 or strict else _secret(block),
        vips=vips,
        carried=carried,
        tracks_own=block.last("dont_track_primary") is None,
        lower_prio_no_advert=_flag(block, defs, "lower_prio_no_advert"),
        higher_prio_send_advert=_flag(block, defs, "higher_prio_send_advert"),
        links=tuple(_links(block, known)),
        place=(block.path, block.number),
    )


def _wants(block: Block) -> str:
    """Return the state that is given: MASTER stays where BACKUP follows (vrrp_state_handler())."""
    states = [it.name for it in block.named("state")]
    return "MASTER" if "MASTER" in states else "BACKUP" if states else ""


def _flag(block: Block, defs: _Globals, keyword: str) -> bool:
    own = block.last(keyword)
    return defs.has(f"vrrp_{keyword}") if own is None else own.name not in ("false", "no", "off")


def _vips(block: Block, interface: str) -> tuple[tuple[tuple[str, str], ...], frozenset[str], str]:
    """Return addresses with their interfaces, the addresses that adverts carry, and the family of the first."""
    found: dict[tuple[str, str], None] = {}
    carried: list[str] = []
    for keyword in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
        for line in (line for vips in block.named(keyword) for line in vips.blocks):
            address = plain_address(line.words[0])
            device = line.words[line.words.index("dev") + 1] if "dev" in line.words[1:-1] else interface
            if address:
                found[address, device] = None
                carried += [address] if keyword == "virtual_ipaddress" else []
    is_six = (":" in carried[0]) if carried else block.last("native_ipv6") is not None
    same = frozenset(address for address in carried if (":" in address) is is_six)
    return tuple(found), same, "IPv6" if is_six else "IPv4"


def _interval(text: str, version: int) -> int:
    """Return advert_int in ms: version 2 knows whole seconds, version 3 hundredths (vrrp_complete_instance())."""
    given = milliseconds(text, 1000) or 1000
    unit, most = (1000, 255_000) if version == 2 else (10, 40_950)
    return min(max((given + unit // 2) // unit * unit, unit), most)


def _secret(block: Block) -> tuple[str, str]:
    blocks = [*block.named("authentication")]
    kind = next((it.value("auth_type") for it in reversed(blocks) if it.value("auth_type")), "")
    text = next((it.value("auth_pass") for it in reversed(blocks) if it.value("auth_pass")), "")
    return (kind, text[:_PASSWORD]) if text else ("", "")


def _definitions(conf: Block) -> dict[tuple[str, str], Block]:
    kinds = {"vrrp_script": SCRIPT, "vrrp_track_file": FILE, "track_file": FILE, "vrrp_track_process": PROCESS}
    return {(kind, it.name): it for keyword, kind in kinds.items() for it in conf.named(keyword)}


def _links(holder: Block, known: dict[tuple[str, str], Block]) -> Iterator[Link]:
    """Yield what an instance or a sync group tracks; keepalived leaves out what is not defined."""
    for keyword, kind in _TRACKS.items():
        for line in (line for block in holder.named(keyword) for line in block.blocks):
            name = line.words[0]
            target = known.get((kind, name))
            if not name or (kind != INTERFACE and target is None):
                continue
            own = target.last("weight") if target is not None else None
            words = own.words[1:3] if own is not None else []
            if line.words[1:2] == ["weight"] and len(line.words) > 2:
                words = [line.words[2], *(line.words[3:4] or words[1:])]
            weight = whole(words[0], 0) if words else int(kind == FILE)
            place = (line.path, line.number)
            yield Link(kind, name, max(-254, min(weight, 254)), words[1:] == ["reverse"], place)


def _script(block: Block) -> Script:
    interval = milliseconds(block.value("interval"), 1000) or 1000
    timeout = milliseconds(block.value("timeout"), 0) or interval
    return Script(interval, timeout, max(1, whole(block.value("rise"), 1)), max(1, whole(block.value("fall"), 1)))


def whole(text: str, default: int) -> int:
    """Return a whole number, or the default."""
    digits = text.removeprefix("-").removeprefix("+")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 7 else default


def milliseconds(text: str, default: int) -> int:
    """Return a number of seconds in ms, or the default."""
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 12
    return min(round(float(text) * 1000), 86_400_000) if plain else default


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
