"""Who holds a VIP over the time, as a picture: before the fault, while it lasts, after it?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rehearse.page.element import add, root
from rehearse.rows import Moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rehearse.page.element import Node
    from rehearse.rows import Line

_BEFORE = 8.0  # per cent of the width
_LEAST = 20.0  # of each phase
_APART = 9.0  # between two times below the picture
_TAIL = 1.15
_SHOWN = 60  # moments of a VIP that moves without end


class _Part(NamedTuple):
    """From ``left`` to ``right``, in per cent of the width, a moment lasts."""

    left: float
    right: float
    moment: Moment


class Scale(NamedTuple):
    """Seconds that are shown of a fault, and after its end."""

    broken: float
    mended: float

    def place(self, seconds: float, *, mended: bool) -> float:
        """Return where a moment is, in per cent of the width."""
        room = 100 - _BEFORE
        if not self.mended:
            return _BEFORE + room * seconds / self.broken
        split = min(max(room * self.broken / (self.broken + self.mended), _LEAST), room - _LEAST)
        if mended:
            return _BEFORE + split + (room - split) * min(1.0, seconds / self.mended)
        return _BEFORE + split * min(1.0, seconds / self.broken)


def scale(lines: Sequence[Line]) -> Scale:
    """Return the scale that all lines of a fault share."""
    broken = max(line.broken[-1].seconds for line in lines)
    mended = max((line.mended[-1].seconds for line in lines if line.mended), default=-1.0)
    return Scale(broken * _TAIL + 1, mended * _TAIL + 1 if mended >= 0 else 0.0)


def timeline(line: Line, size: Scale, nodes: Sequence[str]) -> Node:
    """Return the picture of a line: a track for each node, one for the clients, and the times."""
    parts = list(_parts(line, size))
    picture = root("div")
    for name in nodes:
        svg = _track(picture, name)
        for left, right, moment in parts:
            if name in moment.owners:
                _bar(svg, left, right, "held" if name in moment.serving else "sick")
        _marks(svg, size)
    svg = _track(picture, "clients")
    for left, right, moment in parts:
        _bar(svg, left, right, "two" if len(moment.owners) > 1 else "held" if moment.serving else "none")
    _marks(svg, size)
    _times(picture, line, size)
    return picture


def steps(line: Line) -> Iterator[str]:
    """Yield the same in words."""
    begun = "fault" if line.mended else "start"
    for word, moments in ((begun, line.broken), ("end of the fault", line.mended)):
        for moment in moments[:_SHOWN]:
            sick = [name for name in moment.owners if name not in moment.serving]
            unwell = f", without its service on {' and '.join(sick)}" if sick else ""
            yield f"{moment.seconds:.2f} s after the {word}: {' and '.join(moment.owners) or 'nobody'}{unwell}"


def _parts(line: Line, size: Scale) -> Iterator[_Part]:
    first = size.place(0, mended=False)
    if line.mended:  # else it is the start
        yield _Part(0, first, Moment(0, line.before, line.before))
    for is_mended, moments in ((False, line.broken[:_SHOWN]), (True, line.mended[:_SHOWN])):
        if not moments:
            continue
        end = 100.0 if is_mended or not line.mended else size.place(0, mended=True)
        places = [size.place(it.seconds, mended=is_mended) for it in moments]
        for (left, right), moment in zip(pairwise([*places, end]), moments, strict=True):
            if right > left:
                yield _Part(left, right, moment)


def _track(picture: Node, name: str) -> Node:
    track = add(picture, "div", class_="track")
    add(track, "span", name, title=name)
    svg = add(track, "svg", aria_hidden="true")
    add(svg, "rect", class_="rail", x="0", y="7", width="100%", height="2")
    return svg


def _bar(svg: Node, left: float, right: float, kind: str) -> None:
    add(svg, "rect", class_=kind, x=f"{left:.2f}%", y="3", width=f"{max(0.15, right - left):.2f}%", height="10")


def _marks(svg: Node, size: Scale) -> None:
    for is_mended in (False, True)[: 1 + bool(size.mended)]:
        place = size.place(0, mended=is_mended)
        add(svg, "rect", class_="mark", x=f"{place:.2f}%", y="0", width="1", height="16")


def _times(picture: Node, line: Line, size: Scale) -> None:
    track = add(picture, "div", class_="track")
    add(track, "span")
    svg = add(track, "svg", aria_hidden="true")
    last = -_APART
    begun = "fault" if line.mended else "start"
    for is_mended, word, moments in ((False, begun, line.broken), (True, "mended", line.mended)):
        if not moments:
            continue
        last = max(last, size.place(0, mended=is_mended) - _APART)
        for seconds, text in [(0.0, word), *((it.seconds, f"{it.seconds:.1f} s") for it in moments if it.seconds)]:
            place = size.place(seconds, mended=is_mended)
            if place - last >= _APART:
                add(svg, "text", text, x=f"{place:.2f}%", y="12")
                last = place
