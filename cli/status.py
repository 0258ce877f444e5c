"""What are the last verdicts of this node? Prints a table; the exit code is the worst state."""

from __future__ import annotations

import shutil
import sys
import time
from json import dumps
from typing import TYPE_CHECKING, NamedTuple

from agent import manifest
from cli.check import coloured
from vipwarden.config.entries import RESERVED
from vipwarden.core.commandline import CommandLine
from vipwarden.core.result import UNKNOWN, State
from vipwarden.state import paths
from vipwarden.state.clock import wall
from vipwarden.state.maintenance import mark
from vipwarden.state.maintenance import read_all as maintained
from vipwarden.state.standing import LEFT, PAST, STALE, standing
from vipwarden.state.verdict import read_all

if TYPE_CHECKING:
    from collections.abc import Sequence


class Row(NamedTuple):
    """A line of the table; ``counts`` is whether its state is current, ``maintenance`` until when, by whom and why."""

    name: str
    check: str
    state: State
    since: float | None
    age: float | None
    text: str
    counts: bool
    maintenance: str = ""


def status(*, watch: bool = False, json: bool = False) -> int:
    """Show the last verdict of each check of this node.

    The exit code is the worst state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, which is also that of a wrong option.

    watch: show it again each second until interrupted
    json: print one JSON object, with --watch one in each line
    """
    while True:
        table = rows(paths.runtime())
        if json:
            sys.stdout.write(dumps(as_json(table)) + "\n")
        else:
            screen = sys.stdout.isatty()
            clear = "\x1b[H\x1b[2J" if watch and screen else ""
            width = shutil.get_terminal_size().columns if screen else 0
            sys.stdout.write(clear + as_text(table, width=width, colour=screen))
        sys.stdout.flush()
        if not watch:
            return worst(table)
        time.sleep(1)


main = CommandLine("vipwarden status", status, refused=UNKNOWN)


def rows(folder: str) -> list[Row]:
    """Return the verdicts of a runtime folder, and the entries of the agent that have none, the worst first."""
    table = {}
    verdicts = read_all(paths.verdicts(folder))
    mark(verdicts, maintained())
    for verdict in verdicts:
        now = standing(verdict)
        if now.word != LEFT:
            reason = "the agent is gone" if verdict.name == RESERVED else "no agent looks at it any more"
            text = f"stale, {reason}: {now.text}" if now.word == STALE else now.text
            counts = now.word != PAST
            times = verdict.since, verdict.age
            row = Row(verdict.name, verdict.check, now.state, *times, text, counts, verdict.maintenance)
            table[paths.file_name(verdict.name)] = row
    try:
        wanted = [entry.file for entry in manifest.read(folder)]
    except (OSError, ValueError):
        wanted = []
    gone = standing(None)
    for file in wanted:
        if file not in table:
            table[file] = Row(paths.name_of(file), "", gone.state, None, None, gone.text, counts=True)
    return sorted(table.values(), key=lambda row: (not row.counts, -row.state, row.name))


def worst(table: Sequence[Row]) -> int:
    """Return the worst state of the rows that count; UNKNOWN without any."""
    return int(max((row.state for row in table if row.counts), default=UNKNOWN))


def as_json(table: Sequence[Row]) -> dict[str, object]:
    """Return the table as plain data, with the times of changes in seconds since the epoch and ages in seconds."""
    checks = [
        {
            "name": row.name,
            "check": row.check,
            "state": int(row.state),
            "status": str(row.state),
            "since": row.since,
            "age_seconds": None if row.age is None else round(row.age, 2),
            "counts": row.counts,
            "maintenance": row.maintenance or None,
            "text": row.text,
        }
        for row in table
    ]
    return {"state": worst(table), "status": str(State(worst(table))), "checks": checks}


def as_text(table: Sequence[Row], *, width: int, colour: bool) -> str:
    """Return the table for people, cut at ``width`` columns unless that is 0."""
    if not table:
        return f"no check has published a verdict below {paths.runtime()}: is an agent running?\n"
    now = wall()
    lines = [("NAME", "STATE", "SINCE", "AGE", "TEXT")]
    for row in table:
        since = "" if row.since is None else span(max(0.0, now - row.since))
        age = "" if row.age is None else span(row.age)
        lines.append((row.name, str(row.state) if row.counts else f"({row.state})", since, age, row.text))
    widths = [min(60, max(len(line[column]) for line in lines)) for column in range(4)]
    texts = []
    for number, line in enumerate(lines):
        cells = [cell.ljust(size) for cell, size in zip(line, widths, strict=False)]
        text = "  ".join([*cells, line[4]])
        text = text[:width] if width else text
        if colour and number and table[number - 1].counts:
            begin = widths[0] + 2
            word = coloured(table[number - 1].state, text[begin : begin + widths[1]])
            text = text[:begin] + word + text[begin + widths[1] :]
        texts.append(text.rstrip())
    return "\n".join([*texts, ""])


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
