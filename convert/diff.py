"""What is the difference of two texts of a file, as a unified diff?

The places of the edits are known, so that files of any size take no longer than to read them.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_AROUND = 3


class Hunk(NamedTuple):
    """Lines from ``start`` (from 0) up to ``end``, and what stands there instead."""

    start: int
    end: int
    lines: list[str]


def unified(path: str, old: str, edits: Sequence[tuple[int, int, str]], *, is_new: bool = False) -> Iterator[str]:
    """Yield the lines of a diff, each with its end; ``edits`` are offsets and texts that do not overlap."""
    lines = old.splitlines(keepends=True) if "\r" not in old else _lines(old)
    hunks = list(_fine(lines, _hunks(lines, sorted(edits))))
    if not hunks:
        return
    yield f"--- {'/dev/null' if is_new else path}\n"
    yield f"+++ {path}\n"
    shift = 0
    for group in _groups(hunks):
        start = max(0, group[0].start - _AROUND)
        end = min(len(lines), group[-1].end + _AROUND)
        body: list[str] = []
        place = start
        for hunk in group:
            body += [f" {line}" for line in lines[place : hunk.start]]
            body += [f"-{line}" for line in lines[hunk.start : hunk.end]]
            body += [f"+{line}" for line in hunk.lines]
            place = hunk.end
        body += [f" {line}" for line in lines[place:end]]
        more = sum(len(hunk.lines) - hunk.end + hunk.start for hunk in group)
        yield f"@@ -{_range(start, end - start)} +{_range(start + shift, end - start + more)} @@\n"
        shift += more
        for line in body:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Return the lines that end with a line feed, as diff has them."""
    parts = text.split("\n")
    return [*(f"{part}\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]


def _hunks(lines: Sequence[str], edits: Iterable[tuple[int, int, str]]) -> Iterator[Hunk]:
    """Yield the whole lines that the edits touch."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    at = 0
    open_: tuple[int, int, int, str] | None = None  # first and last line, offset of the end so far, text so far
    for start, end, text in edits:
        while at + 1 < len(starts) - 1 and starts[at + 1] <= start:
            at += 1
        if start >= starts[-1] and (not lines or lines[-1].endswith("\n")):
            at = len(lines)
        last = at
        while last + 1 < len(starts) and starts[last + 1] < end:
            last += 1
        if open_ is not None and at <= open_[1]:
            first, _, place, so_far = open_
            open_ = (first, max(last, open_[1]), end, so_far + _between(lines, starts, place, start) + text)
            continue
        if open_ is not None:
            yield _closed(lines, starts, open_)
        before = "".join(lines[at : at + 1])[: start - starts[at]] if at < len(lines) else ""
        open_ = (at, last, end, before + text)
    if open_ is not None:
        yield _closed(lines, starts, open_)


def _between(lines: Sequence[str], starts: Sequence[int], start: int, end: int) -> str:
    """Return the text between two offsets."""
    from bisect import bisect_right

    first = bisect_right(starts, start) - 1
    text = "".join(lines[first : bisect_right(starts, max(start, end - 1))])
    return text[start - starts[first] : end - starts[first]]


def _closed(lines: Sequence[str], starts: Sequence[int], known: tuple[int, int, int, str]) -> Hunk:
    first, last, place, text = known
    end = min(last + 1, len(lines))
    text += _between(lines, starts, place, starts[end]) if place < starts[end] else ""
    return Hunk(first, end, _lines(text))


def _fine(lines: Sequence[str], hunks: Iterable[Hunk]) -> Iterator[Hunk]:
    """Yield the parts of hunks in which lines differ."""
    for hunk in hunks:
        old = lines[hunk.start : hunk.end]
        for tag, a, b, c, d in SequenceMatcher(None, old, hunk.lines, autojunk=False).get_opcodes():
            if tag != "equal":
                yield Hunk(hunk.start + a, hunk.start + b, hunk.lines[c:d])


def _groups(hunks: Iterable[Hunk]) -> Iterator[list[Hunk]]:
    """Yield the hunks whose context touches."""
    group: list[Hunk] = []
    for hunk in hunks:
        if group and hunk.start - group[-1].end > 2 * _AROUND:
            yield group
            group = []
        group.append(hunk)
    if group:
        yield group


def _range(start: int, count: int) -> str:
    """Return a range of lines as diff has it: an empty range stands after its line."""
    return f"{start + 1 if count else start},{count}"
