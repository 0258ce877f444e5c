"""How does a command run a check, and read a file whose mount may be dead? The part that all front ends share."""

from __future__ import annotations

from time import monotonic

from vipwarden.core.options import complete, options, parse
from vipwarden.core.result import bug, one_line
from vipwarden.net.blocking import BlockingNet, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from vipwarden.core.options import Option
    from vipwarden.core.registry import Check
    from vipwarden.core.result import Result
    from vipwarden.net.path import OwnPaths

    T = TypeVar("T")


def _paths() -> OwnPaths:
    """Return who makes the director's own paths: of a room above, which only a run that asks by them loads."""
    paths: OwnPaths = __import__("vipwarden.node.ipvs.paths", fromlist=["Paths"]).Paths()
    return paths


class Command:
    """One command line: the check that it names, the check's options and those of the front end."""

    __slots__ = ("check", "front_end", "function", "known", "program", "timeout", "values")

    def __init__(
        self,
        program: str,
        check: str,
        front_end: Callable[..., object],
        arguments: Sequence[str],
    ) -> None:
        """Read the command line of a check that there is; raises UsageError.

        ``front_end`` has the front end's options, which take precedence over the check's of the same name.
        """
        self.program = program
        self.check = check
        self.function: Check = getattr(__import__(f"checks.{check}", fromlist=[check]), check)
        self.known: dict[str, Option] = options(self.function, front_end)
        values = parse(self.known, arguments)
        self.front_end = {name: values.pop(name, default) for name, default in (front_end.__kwdefaults__ or {}).items()}
        if not (self.front_end.get("help") or self.front_end.get("version")):
            complete(self.known, values)
        self.values = values
        given = self.front_end.get("timeout") or values.get("timeout") or self.known["timeout"].default
        self.timeout = float(str(given or self.function.__kwdefaults__["timeout"]))
        values["timeout"] = self.timeout

    @property
    def asked(self) -> str:
        """The program and the check's options as they were written."""
        own = (option for option in self.known.values() if option.texts and option.name not in self.front_end)
        return " ".join((self.program, *(f"{option.name}={','.join(option.texts)}" for option in own)))

    @property
    def name(self) -> str:
        """The name of the verdict: that of --name, else ``asked``."""
        return str(self.front_end.get("name") or self.asked)

    def number(self, name: str) -> float:
        """Return a number of the front end's options; a flag counts as 0 or 1."""
        value = self.front_end[name]
        return float(value) if isinstance(value, (int, float)) else 0.0

    def run(self) -> tuple[Result, float]:
        """Run the check and return its result and the seconds it took; a bug in it is an UNKNOWN result."""
        begun = monotonic()
        paths = _paths() if self.values.get("via") else None
        try:
            result = run(self.function(BlockingNet(paths), **self.values), self.timeout)
        except Exception as error:  # noqa: BLE001 - a front end must always have a result to translate
            result = bug(self.check, error)
        finally:
            if paths is not None:
                paths.close()
        result.text = one_line(result.text)
        return result, monotonic() - begun


def within(seconds: float, path: str, work: Callable[[], T]) -> T:
    """Return the result of ``work``, which reads the file ``path``: data that marshal knows.

    For what a command reads beside its check. Raises its OSError, and NetError (stuck) after so many seconds.
    """
    net = BlockingNet()
    net.begin(max(0.0, seconds))
    try:
        net.at(path, work).send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waited for something other than its Net")
