"""What does a script find out, and what does it do then?

Only what is understood to the last line is replaced. A script is assignments, tests, ``if`` and commands; a command
that convert does not know is a reason to leave the script alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from convert.condition import asked
from convert.probes import UNKNOWN, probe, quiet
from convert.statements import statements
from convert.wanted import Asked, LeftError

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOPS = re.compile(
    r"(?:sudo\s+)?(?:/\S*/)?(?:systemctl\s+(?:stop|kill)\s+keepalived(?:\.service)?|service\s+keepalived\s+stop"
    r"|(?:/etc/(?:rc\.d/)?init\.d/)keepalived\s+stop|(?:killall|pkill)\s+(?:-\S+\s+)?keepalived)"
)
_STARTS = re.compile(
    r"(?:sudo\s+)?(?:/\S*/)?(?:systemctl\s+(?:re)?start\s+(?P<unit>[\w@.:-]+)|service\s+(?P<service>[\w@.:-]+)\s+"
    r"(?:re)?start|/etc/(?:rc\.d/)?init\.d/(?P<init>[\w@.:-]+)\s+(?:re)?start)"
)
_PROGRAM = re.compile(r"(?P<path>/[\w./-]+)(?:\s+(?:-[a-zA-Z]+|/[\w./-]+))*")
_FAILS = re.compile(r"exit\s+[1-9]\d*|false|return\s+[1-9]\d*")
_SILENT = re.compile(r"(?:(?:sleep\s+[0-9.]+s?|echo(?:\s.*)?|logger\s.*|printf\s.*|true|:)|set\s+-\w+)")
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_QUOTED = re.compile(r'"([\w.:/-]+)"')


class Meaning(NamedTuple):
    """What is asked, whether a failure gives up the VIP by stopping keepalived, and the unit or command that helps."""

    asked: Asked
    stops: bool = False
    unit: str = ""
    restart: str = ""
    exits: bool = True  # a failure has an exit code


class Script:
    """A script in statements; ``$1`` and variables with plain values are put in."""

    def __init__(self, text: str, arguments: Sequence[str]) -> None:
        self.values = {str(number): value for number, value in enumerate(arguments, 1)}
        self.rest = statements(text)
        self.last: Asked | None = None  # by a command whose exit code nothing has looked at

    def read(self) -> Meaning:
        """Return what the script means; raises LeftError."""
        meaning = self._list(("",))
        if meaning is None or self.rest:
            raise LeftError(UNKNOWN)
        return meaning

    def _list(self, ends: tuple[str, ...]) -> Meaning | None:
        """Read statements up to a word; return what they ask, None where they ask nothing."""
        found: Meaning | None = None
        while self.rest and self.rest[0] not in ends:
            statement = self._put_in(self.rest.pop(0))
            if (left := re.fullmatch(r"(?:exit|return)(?:\s+(\$\?|0))?", statement)) is not None:
                if self.rest:
                    raise LeftError(f"{UNKNOWN} after an exit: {self.rest[0][:60]}")
                if left[1] == "0":
                    self._settled()
                continue
            if statement.startswith("if ") and "$?" in statement and self.last is not None:
                found = self._if(statement[3:])
                continue
            if found is not None:
                self._settled()
            if _SILENT.fullmatch(quiet(statement)):
                continue
            if (assigned := re.fullmatch(r"(?:local\s+|export\s+)?(\w+)=(.*)", statement)) is not None:
                self.values[assigned[1]] = assigned[2].strip("\"'") if assigned[2][:1] in "\"'" else assigned[2]
                continue
            if found is not None:
                raise LeftError(f"{UNKNOWN} after its first test: {statement[:60]}")
            found = self._if(statement[3:]) if statement.startswith("if ") else self._command(statement)
        return found

    def _put_in(self, statement: str) -> str:
        """Return a statement with the values of its variables."""

        def value(match: re.Match[str]) -> str:
            return self.values.get(match[1] or match[2], match[0])

        if "$" not in statement:
            return statement
        parts = statement.split("'")  # in single quotes a dollar is no variable
        parts[::2] = [_QUOTED.sub(r"\1", _VARIABLE.sub(value, part)) for part in parts[::2]]
        return "'".join(parts)

    def _command(self, statement: str) -> Meaning:
        whole = statement
        for end in (r"\s*\|\|\s*exit\s+[1-9]\d*", r"\s*&&\s*exit\s+0\s*\|\|\s*exit\s+[1-9]\d*", r"\s*\|\|\s*false"):
            statement = re.sub(f"{end}$", "", statement)
        stops = re.search(rf"\s*\|\|\s*{_STOPS.pattern}$", quiet(statement))
        if stops is not None:
            return Meaning(probe(quiet(statement)[: stops.start()]), stops=True, exits=False)
        found = probe(statement)
        self.last = found if statement == whole else None
        return Meaning(found)

    def _settled(self) -> None:
        """See that the exit code of a command is not forgotten; raises LeftError."""
        if self.last is not None:
            raise LeftError("its exit code says nothing of its test")

    def _if(self, condition: str) -> Meaning:
        tested, healthy = self._test(condition)
        self._expect("then")
        first = self._branch(("else", "elif", "fi"), tested)
        second: _Branch = _Branch()
        if self.rest[:1] == ["else"]:
            self.rest.pop(0)
            second = self._branch(("fi",), tested)
        self._expect("fi")
        good, bad = (first, second) if healthy else (second, first)
        if good.ends and not bad.acts:  # then the rest is for failures
            while self.rest and _SILENT.fullmatch(quiet(self.rest[0])):
                self.rest.pop(0)
            bad.fails = bool(self.rest and _FAILS.fullmatch(self.rest[0]) and self.rest.pop(0))
        if good.acts:
            raise LeftError(f"{UNKNOWN} where all is well")
        if not bad.acts:
            raise LeftError("it does nothing where the test fails")
        return Meaning(tested, bad.stops, bad.unit, bad.restart, bad.fails)

    def _expect(self, word: str) -> None:
        if not self.rest or self.rest.pop(0) != word:
            raise LeftError(UNKNOWN)

    def _branch(self, ends: tuple[str, ...], tested: Asked) -> _Branch:
        branch = _Branch()
        while self.rest and self.rest[0] not in ends:
            statement = self._put_in(self.rest.pop(0))
            plain = quiet(statement)
            if branch.ends or branch.fails:
                raise LeftError(f"{UNKNOWN} after an exit: {statement[:60]}")
            if _FAILS.fullmatch(statement):
                branch.fails = True
            elif statement in ("exit", "exit 0", "return 0"):
                branch.ends = True
            elif _SILENT.fullmatch(plain):
                continue
            elif (assigned := re.fullmatch(r"(\w+)=(.*)", statement)) is not None:
                self.values[assigned[1]] = assigned[2]
            elif _STOPS.fullmatch(plain):
                branch.stops = True
            elif (start := _STARTS.fullmatch(plain)) is not None:
                branch.unit = start["unit"] or start["service"] or start["init"]
            elif statement.startswith("if "):
                inner = self._if(statement[3:])
                if inner.asked != tested:
                    raise LeftError(f"{UNKNOWN}: it asks {inner.asked.check} after a restart")
                branch.stops, branch.fails = branch.stops or inner.stops, branch.fails or inner.exits
            elif not branch.unit and not branch.restart and _PROGRAM.fullmatch(plain) is not None:
                branch.restart = plain
            else:
                raise LeftError(f"{UNKNOWN}: {statement[:60]}")
        return branch

    def _test(self, condition: str) -> tuple[Asked, bool]:
        """Return what a condition asks, and whether it holds where all is well; raises LeftError."""
        condition = self._put_in(condition)
        found = asked(condition, self.last)
        if found[0] is self.last:
            self.last = None
        return found


class _Branch:
    """What is done on one side of a test."""

    def __init__(self) -> None:
        self.fails = self.stops = self.ends = False
        self.unit = self.restart = ""

    @property
    def acts(self) -> bool:
        """Whether it counts as a failure, or does something about one."""
        return bool(self.fails or self.stops or self.unit or self.restart)
