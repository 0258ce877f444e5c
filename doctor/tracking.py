"""What does a VRRP instance track, and which priority comes of it, here and on the peers?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.vips import groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

OWNER = 255
_DEFAULT = 100


@dataclass(frozen=True, slots=True)
class Tracked:
    """One line of track_script or track_file; ``target`` is the block that it names, None where there is none."""

    line: Block
    target: Block | None
    weight: int
    reverse: bool

    @property
    def name(self) -> str:
        """The name of what is tracked."""
        return self.line.words[0]


def number(text: str, default: int) -> int:
    """Return a whole number, or the default."""
    return int(text) if text.removeprefix("-").isdigit() and text.isascii() and len(text) < 9 else default


def priority(instance: Block) -> int:
    """Return the configured priority: by default 100, and 255 with state MASTER (vrrp_complete_instance())."""
    return number(instance.value("priority"), OWNER if instance.value("state") == "MASTER" else _DEFAULT)


def vips(instance: Block) -> list[str]:
    """Return the addresses in virtual_ipaddress as they are written."""
    return [line.words[0] for block in instance.named("virtual_ipaddress") for line in block.blocks]


def family(instance: Block) -> str:
    """Return IPv4 or IPv6: that of the first VIP."""
    return "IPv6" if ":" in "".join(vips(instance)[:1]) or instance.last("native_ipv6") is not None else "IPv4"


def scripts(conf: Block, holder: Block) -> Iterator[Tracked]:
    """Yield the scripts that an instance or sync group tracks."""
    return _tracked(holder, "track_script", conf.named("vrrp_script"), 0)


def files(conf: Block, holder: Block) -> Iterator[Tracked]:
    """Yield the track files of an instance or sync group."""
    return _tracked(holder, "track_file", track_files(conf), 1)


def track_files(conf: Block) -> Iterator[Block]:
    """Yield the defined track files."""
    return conf.named("track_file", "vrrp_track_file")


def _tracked(holder: Block, keyword: str, targets: Iterator[Block], default: int) -> Iterator[Tracked]:
    known = {block.name: block for block in targets}
    for line in (line for block in holder.named(keyword) for line in block.blocks):
        target = known.get(line.words[0])
        own = target.last("weight") if target is not None else None
        words = own.words[1:3] if own is not None else []
        if line.words[1:2] == ["weight"] and len(line.words) > 2:
            words = [line.words[2], *(line.words[3:4] or words[1:])]
        yield Tracked(line, target, number(words[0], default) if words else default, words[1:] == ["reverse"])


def raised(conf: Block, instance: Block) -> int:
    """Return what the scripts of an instance add to its priority while all succeed."""
    weights = (script.weight * (-1 if script.reverse else 1) for script in scripts(conf, instance))
    return sum(weight for weight in weights if weight > 0)


def group_of(conf: Block, instance: Block) -> Block | None:
    """Return the sync group of an instance."""
    names = [group for group, member in groups(conf) if member == instance.name]
    return next((group for group in conf.named("vrrp_sync_group") if group.name in names), None)


def everywhere(block: Block, keyword: str) -> Iterator[Block]:
    """Yield the statements of a keyword at any depth."""
    pending = list(reversed(block.blocks))
    while pending:
        inner = pending.pop()
        if inner.words[0] == keyword:
            yield inner
        pending += reversed(inner.blocks)


class PeerPriority(tuple[str, int]):
    """``[INSTANCE=]N``: the priority of a peer, in one instance or in all."""

    __slots__ = ()

    def __new__(cls, text: str) -> PeerPriority:
        """Build it from its text; raises ValueError with the expected form."""
        instance, _, digits = str(text).rpartition("=")
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 255):
            raise ValueError("the priority of a peer is [INSTANCE=]N with N from 1 to 255")
        return tuple.__new__(cls, (instance, int(digits)))


@dataclass(slots=True)
class Peers:
    """Priorities of peers as given, and their configurations."""

    priorities: list[PeerPriority] = field(default_factory=list)
    configurations: list[Block] = field(default_factory=list)

    def priority(self, instance: Block, bonus: int) -> int | None:
        """Return the highest priority of a healthy peer in an instance, None where nothing is known.

        A given priority is that of the configuration: the peer is taken to track the same scripts, which add ``bonus``.
        """
        known = [base + bonus for name, base in self.priorities if name in ("", instance.name)]
        for conf in self.configurations:
            known += [priority(other) + raised(conf, other) for other in counterparts(conf, instance)]
        return max(known, default=None)


def counterparts(conf: Block, instance: Block) -> list[Block]:
    """Return the instances of a peer for the same virtual router: its number and family, else name or interface."""
    vrid = instance.value("virtual_router_id")
    same = [
        other
        for other in conf.named("vrrp_instance")
        if vrid and vrid == other.value("virtual_router_id") and family(instance) == family(other)
    ]
    if len(same) < 2:
        return same
    named = [other for other in same if other.name == instance.name]
    return named or [other for other in same if other.value("interface") == instance.value("interface")]
