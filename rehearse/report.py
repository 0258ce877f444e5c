"""How is the table of a rehearsal written: as text, as JSON, and against what was expected?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import combining, east_asian_width

from rehearse.rows import as_dict
from rehearse.verdict import BAD, GOOD, OPEN
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.rows import Line

_HEAD = ("fault", "VIP", "held by", "without", "two", "lost", "requests", "mended", "verdict")
_REQUESTS = _HEAD.index("requests")
_WIDEST = 60
_VIPS = 2
_MOST_PAIRS = 50
_COLOURS = {BAD: "31", OPEN: "33", GOOD: "32"}
_LEGEND = (
    "Seconds: without = nobody holds the VIP, two = several nodes hold it, lost = nobody holds it whose service is "
    "well. What lasts is in the verdict."
)
_REAL_LEGEND = "requests = of those that clients sent to the VIP while the fault lasted, these were lost."


class Both(NamedTuple):
    """What becomes of the VIPs in pairs of faults; how many are left out.

    As ``void``, for want of time, and because one of the two is bad alone (``old``).
    """

    lines: list[Line]
    void: int
    late: int
    old: int = 0


def as_text(found: Sequence[Line], *, colour: bool = False) -> str:
    """Return the table, a line of counts, and what the columns mean."""
    legend = [_LEGEND, *([_REAL_LEGEND] if any(line.asked for line in found) else [])]
    return "\n".join([*_table(found, colour=colour), "", counts(found), *legend, ""])


def pairs_as_text(pairs: Both, *, colour: bool = False) -> str:
    """Return the table of the pairs that are bad where neither fault is, and a line of counts."""
    news = [line for line in pairs.lines if is_news(line)]
    said = ["", "Two faults, the second while the first lasts; both end together:"]
    said += _table(news[:_MOST_PAIRS], colour=colour) if news else []
    if len(news) > _MOST_PAIRS:
        said.append(f"and {len(news) - _MOST_PAIRS} more: --json has all")
    return "\n".join([*said, "", counts_of_pairs(pairs), ""])


def counts_of_pairs(pairs: Both) -> str:
    """Return how many pairs are bad by themselves, bad by one of the two, open and good, and what was left out."""
    worst: dict[str, int] = {}
    for line in pairs.lines:
        rank = 3 if is_news(line) else (GOOD, OPEN, BAD).index(line.verdict)
        worst[line.fault] = max(rank, worst.get(line.fault, 0))
    good, is_open, old, news = (sum(it == rank for it in worst.values()) for rank in range(4))
    text = (
        f"{len(worst)} {'pair' if len(worst) == 1 else 'pairs'}: "
        f"{news} bad of which neither fault is bad alone, {old} bad as one of the two is bad alone "
        f"(not listed), {is_open} open to choice, {good} good"
    )
    text += f"; {pairs.void} left out: one fault makes the other void" if pairs.void else ""
    text += f"; {pairs.old} not run as one of the two is bad alone" if pairs.old else ""
    return text + (f"; {pairs.late} left out for want of time, see --faults" if pairs.late else "")


def is_news(line: Line) -> bool:
    """Return whether two faults are bad together, and neither alone."""
    return line.verdict == BAD and BAD not in line.alone


def _table(found: Sequence[Line], *, colour: bool) -> list[str]:
    rows = cells(found)
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)][:-1]
    table = []
    for number, row in enumerate(rows):
        start = "  ".join(cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=False))
        word = row[-1]
        if colour and number:
            line = found[number - 1]
            word = word.replace(line.verdict, f"\x1b[1;{_COLOURS[line.verdict]}m{line.verdict}\x1b[0m", 1)
        table.append(f"{start}  {word}")
    return table


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(1 + (east_asian_width(it) in "WF") for it in text if not combining(it))


def cells(found: Sequence[Line]) -> list[tuple[str, ...]]:
    """Return the head of the table and its rows; requests only where clients sent some."""
    rows = [_HEAD, *(_cells(line) for line in found)]
    is_real = any(line.asked for line in found)
    return rows if is_real else [(*it[:_REQUESTS], *it[_REQUESTS + 1 :]) for it in rows]


def _cells(line: Line) -> tuple[str, ...]:
    vips = ", ".join(line.vips[:_VIPS]) + (f" and {len(line.vips) - _VIPS} more" if len(line.vips) > _VIPS else "")
    rules = f" [{', '.join(line.rules)}]" if line.rules else ""
    reason = f": {line.reason}" if line.reason else ""
    back = " and ".join(line.after) or "nobody"
    times = ", ".join(
        f"{seconds(pair)} {word}" for pair, word in ((line.back_without, "without"), (line.back_two, "two")) if pair[1]
    )
    back_lost = _lost(line, "after")
    times = ", ".join(filter(None, (times, back_lost and f"{back_lost} requests lost")))
    is_same = not line.before or (line.during == line.after and not times)
    mended = "" if is_same else f"{back}{f' ({times})' if times else ''}"
    return (
        one_line(line.fault, 2 * _WIDEST if line.alone else _WIDEST),
        one_line(vips or ", ".join(line.instances), _WIDEST),
        one_line(line.moved, _WIDEST),
        *(seconds(pair) for pair in (line.without, line.two, line.lost)),
        _lost(line, "during") or "-" * bool(line.asked),
        one_line(mended, _WIDEST),
        one_line(f"{line.verdict}{reason}{rules}", 200),
    )


def _lost(line: Line, phase: str) -> str:
    """Return how many requests of how many were lost, nothing where none was."""
    found = line.asked.get(phase, {})
    return f"{found['lost']:.0f}/{found['sent']:.0f}" if found.get("lost") else ""


def seconds(pair: tuple[float, float]) -> str:
    """Return least and most seconds."""
    least, most = (f"{it:.1f}" if it >= 0.05 or not it else f"{it:.2f}" for it in pair)
    return "-" if not pair[1] else most if least == most else f"{least}-{most}"


def counts(found: Sequence[Line]) -> str:
    """Return how many faults are good, bad and open, and which of the bad no configuration helps."""
    worst: dict[str, Line] = {}
    order = (GOOD, OPEN, BAD)
    for line in found:
        known = worst.get(line.fault)
        if known is None or order.index(line.verdict) > order.index(known.verdict):
            worst[line.fault] = line
    words = {word: sum(line.verdict == word for line in worst.values()) for word in order}
    beyond = sum(line.verdict == BAD and line.beyond for line in worst.values())
    what = "fault" if len(worst) == 1 else "faults"
    text = f"{len(worst)} {what}: {words[GOOD]} good, {words[BAD]} bad, {words[OPEN]} open to choice"
    return f"{text}; {beyond} of the bad are beyond any keepalived.conf" if beyond else text


def as_json(found: Sequence[Line], pairs: Both | None = None, **more: object) -> str:
    """Return the tables as one JSON object."""
    both: dict[str, object] = {}
    if pairs is not None:
        both["pairs"] = [as_dict(line) for line in pairs.lines]
        both["pairs_left_out"] = {"void": pairs.void, "one_is_bad": pairs.old, "no_time": pairs.late}
    return json.dumps({**more, "faults": [as_dict(line) for line in found], **both}, indent=2) + "\n"
