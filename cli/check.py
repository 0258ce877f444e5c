"""What is the result of a check right now? The front end for people, and for programs by ``--json``."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

from vipwarden.core.commandline import by_name
from vipwarden.core.registry import load, questions
from vipwarden.core.result import plain
from vipwarden.core.usage import usage
from vipwarden.net.oneshot import Command
from vipwarden.state import files, paths
from vipwarden.state.publish import publish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.core.result import Result, State

_COLOURS = ("32", "33", "31", "35")
_WORDS = ("ok", "warning", "critical", "unknown")


def front_end(*, name: str | None = None, json: bool = False, help: bool = False) -> None:  # noqa: A002
    """Add the options that every check has in this front end.

    name: publish the verdict under this name, as agent and scripts do; default not published
    json: print the result as a JSON object
    help: show this text
    """


def main(arguments: Sequence[str]) -> int:
    """Run ``vipwarden check NAME ...``; return the state as a number, 3 for a wrong command line."""
    return by_name("vipwarden check", arguments, questions, _check, 3)


def _check(check: str, arguments: Sequence[str]) -> int:
    load(check)  # or say which there are
    command = Command(f"vipwarden check {check}", check, front_end, arguments)
    if command.front_end["help"]:
        sys.stdout.write(usage(command.program, command.function, front_end) + "\n")
        return 0
    result, duration = command.run()
    if command.front_end["name"]:
        try:
            files.ready(paths.verdicts())
            publish(paths.verdicts(), command.name, check, result, duration)
        except OSError as error:
            sys.stderr.write(f"vipwarden check: cannot publish the verdict: {error}\n")
    if command.front_end["json"]:
        sys.stdout.write(json.dumps(as_json(check, result, duration)) + "\n")
    else:
        sys.stdout.write(as_text(check, result, duration, colour=sys.stdout.isatty()))
    return int(result.state)


def as_json(check: str, result: Result, duration: float) -> dict[str, object]:
    """Return a result as plain data: numbers in base units, thresholds as ranges, null for a missing value."""
    return {
        "check": check,
        "state": int(result.state),
        "status": str(result.state),
        "text": result.text,
        "notes": list(result.notes),
        "expired": result.expired,
        "duration_seconds": round(duration, 6),
        "metrics": [
            {
                "name": metric.name,
                "value": _finite(metric.value),
                "unit": metric.uom,
                "warning": None if metric.warn is None else str(metric.warn),
                "critical": None if metric.crit is None else str(metric.crit),
                "minimum": _finite(metric.minimum),
                "maximum": _finite(metric.maximum),
            }
            for metric in result.metrics
        ],
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def as_text(check: str, result: Result, duration: float, *, colour: bool) -> str:
    """Return a result for people; the state in words, and in colour on a terminal."""
    word = _WORDS[result.state]
    word = coloured(result.state, word) if colour else word
    lines = [f"{check} is {word}: {result.text}", *(f"  {note}" for note in result.notes)]
    lines += [f"  {metric.name} {_number(metric.value)} {metric.uom}".rstrip() for metric in result.metrics]
    return "\n".join([*lines, f"  asked in {duration * 1000:.1f} ms", ""])


def coloured(state: State, text: str) -> str:
    """Return a text in the colour of a state, for a terminal."""
    return f"\x1b[1;{_COLOURS[state]}m{text}\x1b[0m"


def _number(value: float) -> str:
    return plain(float(value)) if math.isfinite(value) else "unknown"
