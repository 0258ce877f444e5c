"""Which track files do what vrrp_scripts did, and who tracks them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convert.source import PlaceError
from doctor.tracking import everywhere
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from convert.source import Span
    from convert.work import Work
    from vipwarden.node.keepalived.conf import Block

_REVERSE = Version("2.0.18")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def weight_of(work: Work, script: Block, *, stops: bool) -> int | None:
    """Return the weight of a track file that does what the script does, None where there is none."""
    taken = {block.name for block in work.conf.named("track_file", "vrrp_track_file")}
    if work.way.version < _REVERSE or script.name in taken or not script.name or set(script.name) - _NAME:
        return None
    own = script.last("weight")
    words = own.words[1:3] if own is not None else ["0"]
    default = _plain(words)
    weights: set[int | None] = set()
    for tracks in everywhere(work.conf, "track_script"):
        for line in tracks.blocks:
            if line.words[0] == script.name:
                try:
                    work.sources.span(tracks)
                except PlaceError:
                    return None
                weights.add(default if len(line.words) == 1 else _plain(line.words[2:]))
                if len(line.words) > 1 and line.words[1] != "weight":
                    return None
                if len(line.words) > 1 and weights == {0}:  # its reverse would have to be said there
                    return None
    if stops:
        return 0 if all(weight == default for weight in weights) else None
    weights = weights or {default}
    (weight,) = weights if len(weights) == 1 else (None,)
    return weight


def _plain(words: list[str]) -> int | None:
    """Return a weight from 0 up that is not reversed."""
    is_plain = len(words) == 1 and words[0].isascii() and words[0].isdigit() and int(words[0]) <= 253
    return int(words[0]) if is_plain else None


def track(work: Work, tracks: Block, moved: set[str]) -> None:
    """Track the files in place of the scripts that are gone."""
    names = [line.words[0] for line in tracks.blocks]
    if not moved.intersection(names):
        return
    span = work.sources.span(tracks)
    file = span.file
    if moved.issuperset(names):
        file.replace(span.start, span.start + len("track_script"), "track_file")
        return
    indent = file.indent(span.start)
    lines = []
    for name, part in zip(names, span.inner, strict=True):
        if name in moved:
            start = file.text.rfind("\n", 0, part.start) + 1
            end = file.text.find("\n", part.end)
            if file.text[start : part.start].strip() or end < 0 or file.pieces(_line(span, part))[-1].end != part.end:
                lines.append(f"{indent}    {file.text[part.start : part.end]}")
                file.replace(part.start, part.end, "")
            else:
                lines.append(file.text[start:end].rstrip("\r"))
                file.replace(start, end + 1, "")
    file.replace(span.end, span.end, "\n".join([f"\n{indent}track_file {{", *lines, f"{indent}}}"]))


def _line(span: Span, part: Span) -> int:
    return span.file.text.count("\n", 0, part.start)
