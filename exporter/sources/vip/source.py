"""Which VIPs does the kernel of this node hold?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.render.exposition import measured
from exporter.source import AbsentError, Source
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.find import find
from vipwarden.node.keepalived.lines import ConfMissingError
from vipwarden.node.keepalived.process import CannotAskError, NoProcessError
from vipwarden.node.keepalived.vips import configured, groups, tracked
from vipwarden.node.netlink.addresses import own_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.keepalived.vips import Vip

_NAMESPACES = "/run/netns"  # of ip-netns(8), and of keepalived's net_namespace
_OWN = "/proc/thread-self/ns/net"


class ElsewhereError(Exception):
    """The VIPs are in another network namespace, which this process cannot see."""


@dataclass(frozen=True, slots=True)
class Vips:
    """The VIPs of keepalived.conf and whether this node holds them; sync groups and their instances.

    ``scripts`` are instances and the vrrp_scripts that they track, ``backups`` the instances with ``state BACKUP``
    (without nopreempt, with which every node has that). ``verdicts`` are the names of the verdicts of vrrp_scripts.
    """

    held: list[tuple[Vip, bool]]
    groups: list[tuple[str, str]]
    scripts: list[tuple[str, str]] = field(default_factory=list)
    backups: frozenset[str] = frozenset()
    verdicts: dict[str, str] = field(default_factory=dict)


def read(settings: Settings) -> Vips:
    """Compare keepalived.conf with the kernel's addresses."""
    try:
        conf = parse(settings.keepalived_conf)
    except ConfMissingError as error:
        raise AbsentError(error) from None
    vips = configured(conf)
    if vips and settings.proc == "/proc":
        _must_be_here(conf.value("net_namespace"), settings)
    own = own_addresses()
    backups = frozenset(
        block.name
        for block in conf.named("vrrp_instance")
        if block.value("state") == "BACKUP" and not any(block.named("nopreempt"))
    )
    return Vips([(vip, vip.is_held(own)) for vip in vips], groups(conf), tracked(conf), backups, _verdicts(conf))


def _verdicts(conf: Block) -> dict[str, str]:
    """Return the names of the verdicts that vrrp_scripts write (``chk_... --name``) or ask for (chk_verdict)."""
    known = {}
    for block in conf.named("vrrp_script"):
        script = block.last("script")
        words = " ".join(script.words[1:]).replace("--name=", "--name ").split() if script else []
        asks = bool(words) and words[0].endswith("/chk_verdict")
        named = next((at for at, word in enumerate(words) if word in (("-n", "--verdict") if asks else ("--name",))), 0)
        if (named or asks) and words[named + 1 :] and not words[named + 1].startswith("-"):
            known[block.name] = words[named + 1].strip("\"'")
    return known


def _must_be_here(name: str, settings: Settings) -> None:
    """Raise ElsewhereError if keepalived works in another network namespace."""
    try:
        if name:
            elsewhere = not Path(_NAMESPACES, name).samefile(_OWN)
        else:
            with find(settings.keepalived_conf, settings.proc, settings.keepalived_pidfile or "") as keepalived:
                elsewhere = keepalived.is_elsewhere
    except OSError:
        elsewhere = True
    except (NoProcessError, CannotAskError):  # no VIPs in another namespace
        return
    if elsewhere:
        where = f"the network namespace {name}" if name else "another network namespace"
        advice = f"ip netns exec {name} vipwarden exporter" if name else "run the exporter in there"
        raise ElsewhereError(f"keepalived works in {where}, whose addresses cannot be seen from here: {advice}")


def series(facts: Vips) -> Iterator[Metric]:
    """Yield 0 or 1 for each VIP, and the members of the sync groups."""
    rows = [((vip.instance, vip.vrid, vip.interface, vip.address), held) for vip, held in facts.held]
    text = "Whether this node's kernel holds the VIP, on the interface of keepalived.conf."
    yield from measured(("iname", "vrid", "intf", "ip_address"), rows, ("keepalived_vip_held", "gauge", text, bool))
    members = [(member, 1) for member in facts.groups]
    text = "Membership of a VRRP instance in a sync group; the value is always 1."
    yield from measured(("sync_group", "iname"), members, ("keepalived_sync_group_info", "gauge", text, int))


SOURCE = Source("vip", read, series, title="VIPs", place=10)
