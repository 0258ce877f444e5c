"""What does a VRRP instance track, and with which weight?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.vips import groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

OWNER = 255
_DEFAULT = 100


@dataclass(frozen=True, slots=True)
class Tracked:
    """One line of track_script or track_file: ``target`` is the block that it names, or None where there is none."""

    line: Block
    target: Block | None
    weight: int
    reverse: bool

    @property
    def name(self) -> str:
        """The name of what is tracked."""
        return self.line.words[0]


def number(text: str, default: int) -> int:
    """Return a number as it is written, or the default."""
    return int(text) if text.removeprefix("-").isdigit() and text.isascii() and len(text) < 9 else default


def priority(instance: Block) -> int:
    """Return the configured priority: 100 where none is, 255 with state MASTER (vrrp_complete_instance())."""
    return number(instance.value("priority"), OWNER if instance.value("state") == "MASTER" else _DEFAULT)


def family(instance: Block) -> str:
    """Return IPv4 or IPv6, which is that of the first address."""
    first = next((line.words[0] for vips in instance.named("virtual_ipaddress") for line in vips.blocks), "")
    return "IPv6" if ":" in first or instance.last("native_ipv6") is not None else "IPv4"


def scripts(conf: Block, holder: Block) -> Iterator[Tracked]:
    """Yield the scripts that an instance or a sync group tracks."""
    return _tracked(holder, "track_script", {block.name: block for block in conf.named("vrrp_script")}, 0)


def files(conf: Block, holder: Block) -> Iterator[Tracked]:
    """Yield the track files of an instance or a sync group."""
    return _tracked(holder, "track_file", {block.name: block for block in track_files(conf)}, 1)


def track_files(conf: Block) -> Iterator[Block]:
    """Yield the track files that are defined."""
    return conf.named("track_file", "vrrp_track_file")


def _tracked(holder: Block, keyword: str, known: dict[str, Block], default: int) -> Iterator[Tracked]:
    for block in holder.named(keyword):
        for line in block.blocks:
            target = known.get(line.words[0])
            own = target.last("weight") if target is not None else None
            words = own.words[1:3] if own is not None else []
            if line.words[1:2] == ["weight"] and len(line.words) > 2:
                words = [line.words[2], *(line.words[3:4] or words[1:])]
            weight = number(words[0], default) if words else default
            yield Tracked(line, target, weight, words[1:] == ["reverse"])


def raised(conf: Block, instance: Block) -> int:
    """Return what the scripts of an instance add to its priority while all of them succeed."""
    found = (tracked.weight * (-1 if tracked.reverse else 1) for tracked in scripts(conf, instance))
    return sum(weight for weight in found if weight > 0)


def group_of(conf: Block, instance: Block) -> Block | None:
    """Return the sync group that an instance is a member of."""
    names = [group for group, member in groups(conf) if member == instance.name]
    return next((group for group in conf.named("vrrp_sync_group") if group.name in names), None)


def everywhere(block: Block, keyword: str) -> Iterator[Block]:
    """Yield the statements of a keyword at any depth."""
    inside = list(reversed(block.blocks))
    while inside:
        one = inside.pop()
        if one.words[0] == keyword:
            yield one
        inside += reversed(one.blocks)
