"""What is a vrrp_instance, as vrrp_complete_instance() leaves it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.cluster import OWNER, Instance
from rehearse.numbers import milliseconds, whole
from rehearse.tracked import links
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

LONGEST_DELAY = 4_294_967  # ms: TIMER_MAX_SEC
_DEFAULT_PRIORITY = 100
_PASSWORD = 8  # characters that count


class Globals:
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


def instance(block: Block, defs: Globals, known: dict[tuple[str, str], Block]) -> Instance:
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
    listed = (line for peers in block.named("unicast_peer") for line in peers.blocks)
    listed_peers = frozenset(it for it in (plain_address(line.words[0]) for line in listed) if it)
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
        interval=advert_interval(milliseconds(block.value("advert_int"), 1000) or 1000, version),
        version=version,
        family=family,
        down_adverts=3
        if strict
        else max(1, whole(block.value("down_timer_adverts") or defs.value("vrrp_down_timer_adverts"), 3)),
        is_master=is_master,
        nopreempt=stays,
        preempt_delay=delay,
        unicast=any(peers.blocks for peers in block.named("unicast_peer")),
        address=plain_address(block.value("unicast_src_ip")) if listed_peers else "",
        peers=listed_peers,
        target=_target(block, defs, family),
        checks_source=_flag(block, defs, "check_unicast_src"),
        secret=("", "") if version == 3 or strict else _secret(block),
        vips=vips,
        carried=carried,
        tracks_own=block.last("dont_track_primary") is None,
        lower_prio_no_advert=_flag(block, defs, "lower_prio_no_advert"),
        higher_prio_send_advert=_flag(block, defs, "higher_prio_send_advert"),
        links=tuple(links(block, known)),
        place=(block.path, block.number),
    )


def _target(block: Block, defs: Globals, family: str) -> str:
    """Return the multicast group that is given, or nothing: nodes with different groups do not hear each other."""
    keyword = "vrrp_mcast_group6" if family == "IPv6" else "vrrp_mcast_group4"
    return plain_address(block.value("mcast_dst_ip") or defs.value(keyword))


def _wants(block: Block) -> str:
    """Return the state that is given: MASTER stays where BACKUP follows (vrrp_state_handler())."""
    states = [it.name for it in block.named("state")]
    return "MASTER" if "MASTER" in states else "BACKUP" if states else ""


def _flag(block: Block, defs: Globals, keyword: str) -> bool:
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


def advert_interval(given: int, version: int) -> int:
    """Return advert_int in ms: version 2 knows whole seconds, version 3 hundredths (vrrp_complete_instance())."""
    unit, most = (1000, 255_000) if version == 2 else (10, 40_950)
    return min(max((given + unit // 2) // unit * unit, unit), most)


def _secret(block: Block) -> tuple[str, str]:
    blocks = [*block.named("authentication")]
    kind = next((it.value("auth_type") for it in reversed(blocks) if it.value("auth_type")), "")
    text = next((it.value("auth_pass") for it in reversed(blocks) if it.value("auth_pass")), "")
    return (kind, text[:_PASSWORD]) if text else ("", "")
