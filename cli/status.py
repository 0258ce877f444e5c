"""What are the last verdicts of this node? Prints a table, or what another monitoring system reads."""

from __future__ import annotations

import shutil
import sys
import time
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from cli.check import coloured
from cli.formats import FORMATS
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import UsageError
from vipwarden.core.result import UNKNOWN, State
from vipwarden.state import paths
from vipwarden.state.clock import wall
from vipwarden.state.handover import read_all as read_handovers
from vipwarden.state.table import rows, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.state.table import Row


def status(
    *,
    watch: bool = False,
    json: bool = False,
    zabbix: bool = False,
    checkmk: bool = False,
    icinga: bool = False,
    prometheus: bool = False,
    host: str | None = None,
) -> int:
    """Show the last verdict of each check of this node.

    The exit code is the worst state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, which is also that of a wrong option.
    With a format for another monitoring system, which has the states in it, it is 0.

    watch: show it again each second until interrupted
    json: print one JSON object, with --watch one in each line
    zabbix: print the input of zabbix_sender -i -, with the data of the discovery rules
    checkmk: print the lines of a local check of the Checkmk agent
    icinga: print a JSON object for each check: the body of Icinga's process-check-result
    prometheus: print the exporter's series of the checks, for the textfile collector of the node exporter
    host: name of this node for --zabbix and --icinga; default that of zabbix_sender's configuration, or the host name
    """
    given = {"zabbix": zabbix, "checkmk": checkmk, "icinga": icinga, "prometheus": prometheus}
    chosen = [name for name, wanted in given.items() if wanted]
    if len(chosen) + json > 1:
        raise UsageError("only one format is wanted")
    if host is not None and chosen not in (["zabbix"], ["icinga"]):
        raise UsageError("--host is for --zabbix and --icinga")
    while True:
        table, handed = rows(paths.runtime()), read_handovers()
        if chosen:
            sys.stdout.write(FORMATS[chosen[0]](table, host))
        elif json:
            sys.stdout.write(dumps(as_json(table) | {"handovers": {it.instance: it.since for it in handed}}) + "\n")
        else:
            screen = sys.stdout.isatty()
            clear = "\x1b[H\x1b[2J" if watch and screen else ""
            width = shutil.get_terminal_size().columns if screen else 0
            sys.stdout.write(clear + as_text(table, width=width, colour=screen))
            for it in handed:
                since = span(max(0.0, wall() - it.since))
                sys.stdout.write(f"{it.instance} is handed over for {since}: vipwarden handover {it.instance} --back\n")
        sys.stdout.flush()
        if not watch:
            return 0 if chosen else worst(table)
        time.sleep(1)


main = CommandLine("vipwarden status", status, refused=UNKNOWN)


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
        return f"no check has published a verdict below {paths.runtime()}: is an agent running?{_of_root()}\n"
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


def _of_root() -> str:
    """Return how another user sees what root's agent has published, if it has."""
    if paths.runtime() == paths.ROOT or not Path(paths.verdicts(paths.ROOT)).is_dir():
        return ""
    return f" That of root is shown by VIPWARDEN_RUNTIME_DIR={paths.ROOT}"


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
