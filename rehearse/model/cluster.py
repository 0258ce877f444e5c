"""Which virtual routers do the nodes share, and what do they track?"""

from __future__ import annotations

from dataclasses import dataclass, field

OWNER = 255
SCRIPT, FILE, PROCESS, INTERFACE = "script", "file", "process", "interface"


@dataclass(frozen=True, slots=True)
class Link:
    """What an instance or a sync group tracks, by its kind and name; weight 0 means FAULT.

    ``place`` is the path and line where it is written.
    """

    kind: str
    name: str
    weight: int = 0
    reverse: bool = False
    place: tuple[str, int] = field(default=("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Script:
    """A vrrp_script: interval and timeout in ms, rise and fall in runs."""

    interval: int = 1000
    timeout: int = 1000
    rise: int = 1
    fall: int = 1


@dataclass(frozen=True, slots=True)
class Instance:
    """A vrrp_instance of one node. ``interval`` and ``preempt_delay`` are in ms.

    ``vips`` are pairs of address and interface; ``carried`` are the addresses that adverts carry. ``source`` orders
    the nodes by their addresses. ``unicast`` says that ``peers`` are listed; ``address`` is its own where it is given,
    ``target`` is the multicast group. ``secret`` is the type and text of its password. ``place`` is the path and line
    where it is written.
    """

    name: str
    interface: str
    vrid: int
    priority: int = 100
    interval: int = 1000
    version: int = 2
    family: str = "IPv4"
    down_adverts: int = 3
    is_master: bool = False
    nopreempt: bool = False
    preempt_delay: int = 0
    source: int = 0
    unicast: bool = False
    address: str = ""
    peers: frozenset[str] = frozenset()
    target: str = ""
    checks_source: bool = False
    secret: tuple[str, str] = field(default=("", ""), repr=False)
    vips: tuple[tuple[str, str], ...] = ()
    carried: frozenset[str] = frozenset()
    tracks_own: bool = True
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    links: tuple[Link, ...] = ()
    place: tuple[str, int] = field(default=("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """A vrrp_sync_group; ``is_weighted`` with sync_group_tracking_weight."""

    name: str
    members: tuple[str, ...]
    is_weighted: bool = False
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its name, its instances and groups, its scripts by name, and the delays of its processes in ms.

    ``forbidden`` are processes that must not run (quorum_max 0).
    """

    name: str
    instances: tuple[Instance, ...]
    groups: tuple[Group, ...] = ()
    scripts: dict[str, Script] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    startup_delay: int = 0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes. ``is_old`` is keepalived up to 2.3.2.

    It ignores adverts with other VIPs, and puts the end of vrrp_startup_delay off at each lower advert.
    """

    nodes: tuple[Node, ...]
    is_old: bool = True

    def group_of(self, node: Node, instance: Instance) -> Group | None:
        """Return the sync group of an instance: the first that names it (vrrp_sync.c, vrrp_sync_set_group())."""
        return next((group for group in node.groups if instance.name in group.members), None)


def links(cluster: Cluster, node: Node, instance: Instance) -> list[Link]:
    """Return what an instance really tracks, as vrrp_complete_instance() and sync_group_tracking_init() leave it.

    A sync group without sync_group_tracking_weight, and priority 255, take weights away: a weighted script is not
    tracked, a weighted file only with the default weight 1, which then counts as 0. An interface keeps its weight,
    whatever keepalived logs of it: it is tracked before the weight is taken away. The instance's own interface and
    those of its VIPs are tracked with weight 0; two entries for an interface are one (add_vrrp_to_interface()).
    """
    group = cluster.group_of(node, instance)
    plain = group is not None and not group.is_weighted
    is_owner = instance.priority == OWNER
    kept: list[Link] = []
    interfaces: dict[str, Link | None] = {}
    for link in instance.links:
        weightless = Link(link.kind, link.name, 0, link.reverse)
        if link.kind == INTERFACE:
            if link.name != instance.interface:
                interfaces[link.name] = link
        elif link.kind == PROCESS or not link.weight or not (plain or is_owner):
            kept.append(link)
        elif link.kind == FILE and link.weight == 1:
            kept.append(weightless)
    own = Link(INTERFACE, instance.interface)
    _track(interfaces, instance.interface, own if instance.tracks_own else None)
    for _, name in instance.vips:
        if name != instance.interface:
            _track(interfaces, name, Link(INTERFACE, name))
    if group is not None:
        owners = any(it.priority == OWNER for it in node.instances if it.name in group.members)
        for link in group.links:
            mine = Link(link.kind, link.name, 0, link.reverse) if owners else link
            if link.kind == INTERFACE:
                _track(interfaces, link.name, mine)
                continue
            same = next((it for it in kept if (it.kind, it.name) == (link.kind, link.name)), None)
            if same is None:
                kept.append(mine)
            elif same.weight:  # of two entries the group's counts, unless that of the instance has weight 0
                kept[kept.index(same)] = mine
    return [*kept, *(link for link in interfaces.values() if link is not None)]


def waits_forever(cluster: Cluster, node: Node, instance: Instance) -> bool:
    """Return whether instance and sync group track a script with weight 0 each.

    initialise_vrrp_tracking_priorities() waits for two first results of it, and there is only one: such an instance
    never leaves FAULT.
    """
    group = cluster.group_of(node, instance)
    if group is None:
        return False
    own = {link.name for link in instance.links if link.kind == SCRIPT and not link.weight}
    return any(link.kind == SCRIPT and not link.weight and link.name in own for link in group.links)


def _track(interfaces: dict[str, Link | None], name: str, link: Link | None) -> None:
    known = interfaces.get(name)
    if name not in interfaces or (link is not None and (known is None or known.weight)):
        interfaces[name] = link


def written(cluster: Cluster, node: Node, instance: Instance) -> list[Link]:
    """Return what an instance and its sync group track as they are written: what its service depends on."""
    group = cluster.group_of(node, instance)
    return [*instance.links, *(group.links if group is not None else ())]


def reaches(one: Instance, other: Instance) -> bool:
    """Return whether the adverts of an instance come to another one; an address that is not given is a listed one."""
    if one.unicast:
        return not other.address or not one.peers or other.address in one.peers
    return other.unicast or one.target == other.target


def meets(one: Instance, other: Instance, *, is_old: bool) -> bool:
    """Return whether an instance accepts the adverts of another one of its virtual router (vrrp_check_packet())."""
    if one.version != other.version or one.unicast != other.unicast:
        return False
    if one.version == 2 and (one.secret != other.secret or one.interval != other.interval):
        return False
    if one.checks_source and one.unicast and other.address and other.address not in one.peers:
        return False
    return not is_old or one.carried == other.carried
