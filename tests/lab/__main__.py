"""Boots guests, has them play the scenarios and prints the table: python -m tests.lab [--list|--kind|SCENARIO...].

All scenarios are played unless some are named; --list tells their names, --kind which kind of guest boots here. The
exit code is 0 where all went as expected, and where no guest can run, unless CI is set.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.lab import scenarios
from tests.lab.case import ALL
from tests.lab.guest import Guest, NoGuestError, needed
from tests.lab.noticed import more_with_ours, starved

_REPOSITORY = Path(__file__).parents[2]
_GUESTS = 2
_LONGEST = 1500  # seconds for all of it on a busy machine
_COLUMNS = ("scenario", "script", "vip", "state", "weights", "failed", "outage", "explained", "what")
_HEADS = (
    "scenario",
    "script",
    "VIPs at the end",
    "states",
    "weights",
    "failed",
    "outage s",
    "explained",
    "what became of it",
)


def table(rows: list[dict[str, str]]) -> str:
    """Return the rows as a table."""
    cells = [_HEADS, *(tuple(str(row.get(column, "")) for column in _COLUMNS) for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(_HEADS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def play(names: list[str], shared: Path) -> list[dict[str, str]]:
    """Play the scenarios and return their rows; raises NoGuestError."""
    rows: list[dict[str, str]] = []
    guests: list[Guest] = []
    told: set[Guest] = set()
    begun = time.monotonic()
    try:
        for index in range(min(_GUESTS, len(names), os.cpu_count() or 1)):
            command = [sys.executable, "-m", "tests.lab.inside", str(shared), f"guest{index}", *names]
            guests.append(Guest(shared, f"guest{index}", command, _REPOSITORY))
        running = True
        while running:
            time.sleep(0.2)
            late = time.monotonic() > begun + _LONGEST * max(1.0, *(guest.pace() for guest in guests))
            running = any([guest.running() for guest in guests]) and not late  # noqa: C419 - ask all
            for guest in {guest for guest in guests if guest.pace()} - told:
                told.add(guest)
                _say(f"{guest}; bounds times {guest.pace():g}")
            for row in [row for guest in guests for row in guest.more_rows()]:
                rows.append(row)
                _tell(row)
        for guest in guests:
            if guest.status() != 0:
                _say(f"a guest ended with {guest.status()}: {guest.tail('said') or guest.tail('console')}")
    finally:
        for guest in guests:
            guest.end()
    return sorted(rows, key=lambda row: names.index(row["scenario"]))


def _tell(row: dict[str, str]) -> None:
    """Say how one side of a scenario came out."""
    row["script"] = getattr(ALL[row["scenario"]], row["side"])
    name = f"{row['scenario']} ({row['side']})"
    verdict = f"FAILED: {row['problem']}" if row["problem"] else row["what"]
    _say(f"{row['seconds']:5.1f} s  {name}: {verdict}")


def _kind(shared: Path) -> None:
    """Say which kind of guest boots here; raises NoGuestError."""
    guest = Guest(shared, "guest", ["true"], _REPOSITORY)
    try:
        while guest.running():
            time.sleep(0.1)
    finally:
        guest.end()
    _say(f"{guest}")


def main(arguments: list[str]) -> int:
    """Play what is asked for and return the exit status."""
    scenarios.load()
    if arguments == ["--list"]:
        _say("\n".join(f"{name:28} {scenario.title}" for name, scenario in ALL.items()))
        return 0
    unknown = set(arguments) - set(ALL) - {"--kind"}
    if unknown:
        _say(f"no such scenario: {' '.join(sorted(unknown))}; there are: {' '.join(ALL)}")
        return 2
    names = [name for name in ALL if not arguments or name in arguments]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # guests are ended on the way out
    try:
        with tempfile.TemporaryDirectory(prefix="lab.") as folder:
            if arguments == ["--kind"]:
                _kind(Path(folder))
                return 0
            needed()
            rows = play(names, Path(folder))
    except NoGuestError as error:
        if arguments == ["--kind"]:
            _say(f"no guest boots here:\n{error}")
            return 1
        _say(f"lab: {'FAILED' if os.environ.get('CI') else 'skipped'}: no guest can run here:\n{error}")
        return 1 if os.environ.get("CI") else 0
    _say("\n" + table(rows))
    bad = [row for row in rows if row["problem"]]
    missing = 2 * len(names) - len(rows)
    _say(f"\n{len(rows) - len(bad)} as expected, {len(bad)} not, {missing} not played")
    few = starved(rows)
    if few:
        _say(f"this machine was too busy to compare: {' '.join(few)}")
    more = more_with_ours(rows)
    _say(
        f"rows in which clients noticed more with ours than with the tutorial's: {len(more)} {' '.join(more)}".rstrip()
    )
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
