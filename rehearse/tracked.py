"""What do an instance and a sync group track, and how is a script run?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT, Link, Script
from rehearse.numbers import milliseconds, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

_TRACKS = {"track_script": SCRIPT, "track_file": FILE, "track_process": PROCESS, "track_interface": INTERFACE}


def definitions(conf: Block) -> dict[tuple[str, str], Block]:
    """Return what can be tracked, by kind and name."""
    kinds = {"vrrp_script": SCRIPT, "vrrp_track_file": FILE, "track_file": FILE, "vrrp_track_process": PROCESS}
    return {(kind, it.name): it for keyword, kind in kinds.items() for it in conf.named(keyword)}


def links(holder: Block, known: dict[tuple[str, str], Block]) -> Iterator[Link]:
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


def script(block: Block) -> Script:
    """Return a vrrp_script as keepalived runs it."""
    interval = milliseconds(block.value("interval"), 1000) or 1000
    timeout = milliseconds(block.value("timeout"), 0) or interval
    return Script(interval, timeout, max(1, whole(block.value("rise"), 1)), max(1, whole(block.value("fall"), 1)))
