"""How does Nagios run a check? The front end for Nagios and Icinga, by nagiosplugin.

Deadline, state and text are the check's own; nagiosplugin prints them. Its time-out is not used (whole seconds, and a
probe can swallow it), nor its number format (1e-07, True, NaN).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import contextlib
import os
import sys

import nagiosplugin

from vipwarden import VERSION
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, UNKNOWN, Result, State, one_line, plain
from vipwarden.core.values import Seconds
from vipwarden.net.blocking import Ended, end
from vipwarden.net.oneshot import Command
from vipwarden.state import files, paths
from vipwarden.state.maintained import read_copies
from vipwarden.state.maintenance import chosen
from vipwarden.state.publish import publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

    from vipwarden.core.result import Metric

_STATES = (nagiosplugin.Ok, nagiosplugin.Warn, nagiosplugin.Critical, nagiosplugin.Unknown)


class Timeout(float):
    """A deadline N in seconds, or N:STATE with the state for a time-out, by name or number."""

    state: State

    def __new__(cls, text: str | float) -> Timeout:
        """Build it from its text; raises ValueError with what is wanted."""
        seconds, colon, state = str(text).partition(":")
        made = float.__new__(cls, Seconds(seconds))
        made.state = State(state) if colon else CRITICAL
        return made


def front_end(
    *,
    timeout: Timeout = Timeout(10),
    name: str | None = None,
    verbose: bool = False,
    help: bool = False,  # noqa: A002 - the option's name
    version: bool = False,
) -> None:
    """Add the options that every check_ command has.

    timeout: deadline for the whole run in seconds; N:STATE sets the state when it passes
    name: name of the verdict; default the command and its options
    verbose: more output: -v notes, -vv metrics, -vvv the options as parsed
    help: show this text; exits 3
    version: show the version; exits 3
    """


class _Probe(nagiosplugin.Resource):  # type: ignore[misc]
    def __init__(self, command: Command, result: Result) -> None:
        self.command = command
        self.result = result

    @property
    def name(self) -> str:
        return self.command.check

    def probe(self) -> Iterator[nagiosplugin.Metric]:
        yield nagiosplugin.Metric("verdict", self.result, context="verdict")
        for metric in self.result.metrics:
            yield nagiosplugin.Metric(metric.name, metric, context="measured")


class _Verdict(nagiosplugin.Context):  # type: ignore[misc]
    def evaluate(self, metric: nagiosplugin.Metric, _resource: _Probe) -> nagiosplugin.Result:
        return nagiosplugin.Result(_STATES[metric.value.state], metric.value.text, metric)


class _Measured(nagiosplugin.Context):  # type: ignore[misc]
    def evaluate(self, metric: nagiosplugin.Metric, _resource: _Probe) -> nagiosplugin.Result:
        return nagiosplugin.Result(nagiosplugin.Ok, None, metric)

    def performance(self, metric: nagiosplugin.Metric, _resource: _Probe) -> nagiosplugin.Performance:
        return performance(metric.value)


class _Words(nagiosplugin.Summary):  # type: ignore[misc]
    def __init__(self, command: Command, result: Result, verbose: int) -> None:
        self.command = command
        self.result = result
        self.lines = verbose

    def ok(self, _results: nagiosplugin.Results) -> str:
        return self.result.text.replace("|", "/")

    problem = ok

    def verbose(self, _results: nagiosplugin.Results) -> list[str]:
        lines = [*self.result.notes]
        if self.lines > 1:
            lines += [f"{metric.name}: {_number(metric.value)}{metric.uom}" for metric in self.result.metrics]
        if self.lines > 2:
            lines.append(" ".join(f"{name}={value}" for name, value in self.command.values.items()))
        return [line.replace("|", "/") for line in lines]


def performance(metric: Metric) -> nagiosplugin.Performance:
    """Return perfdata by the guidelines: plain decimal numbers, and U for values that are no numbers."""
    label = one_line(metric.name.replace("'", "").replace("=", "_").replace("|", "_")) or "value"
    warn, crit = ("" if limit is None else str(limit) for limit in (metric.warn, metric.crit))
    low, high = ("" if limit is None else _number(limit).strip("U") for limit in (metric.minimum, metric.maximum))
    return nagiosplugin.Performance(label, _number(metric.value), metric.uom, warn, crit, low, high)


def _number(value: float) -> str:
    return plain(float(value)) if float(value) - float(value) == 0 else "U"


def main(check: str, arguments: Sequence[str]) -> NoReturn:
    """Run a check for Nagios and exit with 0 to 3 by the guidelines, UNKNOWN for our own errors."""
    code = int(UNKNOWN)
    try:
        _signal.signal(_signal.SIGTERM, end)
        code = _answer(check, arguments)
        sys.stdout.flush()
        os._exit(code)
    except Ended:
        code = int(UNKNOWN)
        _say(f"{check.upper()} UNKNOWN - terminated before the check ended")
    except BaseException as error:  # noqa: BLE001 - a plugin has only four exit codes
        code = int(UNKNOWN)
        hint = f"; see check_{check} --help" if isinstance(error, UsageError) else ""
        _say(f"{check.upper()} UNKNOWN - {str(error) or type(error).__name__}{hint}")
    os._exit(code)


def _answer(check: str, arguments: Sequence[str]) -> int:
    command = Command(f"check_{check}", check, front_end, arguments)
    if command.front_end["help"] or command.front_end["version"]:
        from vipwarden.core.usage import usage

        about = usage(command.program, command.function, front_end)
        sys.stdout.write(f"{about}\n" if command.front_end["help"] else f"{command.program} {VERSION} (vipwarden)\n")
        return UNKNOWN
    result, duration = command.run()
    timeout = command.front_end["timeout"]
    if result.expired and isinstance(timeout, Timeout):
        result.state = timeout.state
    with contextlib.suppress(OSError):  # the plugin's result does not depend on the verdict file
        files.ready(paths.verdicts())
        publish(paths.verdicts(), command.name, command.check, result, duration)
    maintenance = chosen(read_copies(), command.name, str(command.values.get("host", "")))
    if maintenance is not None:
        result.text = f"{maintenance.text}: {result.text}"
    verbose = int(command.number("verbose"))
    plugin = nagiosplugin.Check(
        _Probe(command, result), _Verdict("verdict"), _Measured("measured"), _Words(command, result, verbose)
    )
    try:
        plugin.main(verbose=verbose, timeout=0)
    except SystemExit as end:
        return int(str(end.code))
    return UNKNOWN


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(1, f"{one_line(text.replace('|', '/'))}\n".encode("utf-8", "replace"))
