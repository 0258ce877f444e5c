"""What are the last verdicts of this node? A table of them; the exit code is the worst state."""

from __future__ import annotations

import shutil
import sys
import time
from json import dumps
from typing import TYPE_CHECKING, NamedTuple

from agent import manifest
from vipwarden.config.entries import RESERVED
from vipwarden.core.commandline import CommandLine
from vipwarden.core.result import UNKNOWN, State
from vipwarden.state import paths
from vipwarden.state.clock import wall
from vipwarden.state.standing import LEFT, PAST, STALE, standing
from vipwarden.state.verdict import read_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.state.standing import Standing
    from vipwarden.state.verdict import Verdict

_COLOURS = ("32", "33", "31", "35")


class Row(NamedTuple):
    """One line of the table; ``counts`` tells whether its state is one of now."""

    name: str
    check: str
    state: State
    since: float | None
    age: float | None
    text: str
    counts: bool


def status(*, watch: bool = False, json: bool = False) -> int:
    """Show the last verdict of each check of this node.

    The exit code is the worst state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, which is also that of a wrong option.

    watch: show it again each second until interrupted
    json: print one JSON object, with --watch one in each line
    """
    while True:
        found = rows(paths.runtime())
        if json:
            sys.stdout.write(dumps(as_json(found)) + "\n")
        else:
            screen = sys.stdout.isatty()
            clear = "\x1b[H\x1b[2J" if watch and screen else ""
            width = shutil.get_terminal_size().columns if screen else 0
            sys.stdout.write(clear + as_text(found, width=width, colour=screen))
        sys.stdout.flush()
        if not watch:
            return worst(found)
        time.sleep(1)


main = CommandLine("vipwarden status", status, refused=UNKNOWN)


def rows(folder: str) -> list[Row]:
    """Return what is known below a runtime folder, what should be known and is not among it, the worst first."""
    stand = [(one, standing(one)) for one in read_all(paths.verdicts(folder))]
    found = {paths.file_name(one.name): _row(one, how) for one, how in stand if how.word != LEFT}
    try:
        wanted = [one.file for one in manifest.read(folder)]
    except (OSError, ValueError):
        wanted = []
    for file in wanted:
        if file not in found:
            gone = standing(None)
            found[file] = Row(paths.name_of(file), "", gone.state, None, None, gone.text, counts=True)
    return sorted(found.values(), key=lambda row: (not row.counts, -row.state, row.name))


def _row(one: Verdict, how: Standing) -> Row:
    text = how.text
    if how.word == STALE:
        text = f"stale, {'the agent is gone' if one.name == RESERVED else 'no agent looks at it any more'}: {text}"
    return Row(one.name, one.check, how.state, one.since, one.age, text, how.word != PAST)


def worst(found: Sequence[Row]) -> int:
    """Return the worst state of those that count; where there is nothing at all nothing is known."""
    return int(max((row.state for row in found if row.counts), default=UNKNOWN))


def as_json(found: Sequence[Row]) -> dict[str, object]:
    """Return the table as plain data, with the times of changes in seconds of the epoch and ages in seconds."""
    checks = [
        {
            "name": row.name,
            "check": row.check,
            "state": int(row.state),
            "status": str(row.state),
            "since": row.since,
            "age_seconds": None if row.age is None else round(row.age, 2),
            "counts": row.counts,
            "text": row.text,
        }
        for row in found
    ]
    return {"state": worst(found), "status": str(State(worst(found))), "checks": checks}


def as_text(found: Sequence[Row], *, width: int, colour: bool) -> str:
    """Return the table for a person, cut at ``width`` columns where that is not 0."""
    if not found:
        return f"no check has published a verdict below {paths.runtime()}: is an agent running?\n"
    now = wall()
    table = [("NAME", "STATE", "SINCE", "AGE", "TEXT")]
    for row in found:
        since = "" if row.since is None else span(max(0.0, now - row.since))
        age = "" if row.age is None else span(row.age)
        table.append((row.name, str(row.state) if row.counts else f"({row.state})", since, age, row.text))
    widths = [min(60, max(len(line[column]) for line in table)) for column in range(4)]
    lines = []
    for number, line in enumerate(table):
        cells = [cell.ljust(size) for cell, size in zip(line, widths, strict=False)]
        text = "  ".join([*cells, line[4]])
        text = text[:width] if width else text
        if colour and number and found[number - 1].counts:
            begin = widths[0] + 2
            word = f"\x1b[1;{_COLOURS[found[number - 1].state]}m{text[begin : begin + widths[1]]}\x1b[0m"
            text = text[:begin] + word + text[begin + widths[1] :]
        lines.append(text.rstrip())
    return "\n".join([*lines, ""])


def span(seconds: float) -> str:
    """Return a duration in its two largest units, such as 3h 20m."""
    if seconds < 0:
        return "in the future"
    if seconds < 10:
        return f"{seconds:.1f}s"
    left = int(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if left >= size:
            return f"{left // size}{unit} {left % size // part}{smaller}"
    return f"{left}s"
