"""Which lines does keepalived.conf have, once its includes are followed and its definitions put in?

As keepalived's lib/parser.c reads them: ``!`` and ``#`` begin a comment anywhere outside of double quotes,
``include`` takes a pattern relative to the file that it stands in, ``@id`` and ``@^id`` lines are for (all but) one
node, and ``$NAME=text`` defines what ``$NAME`` and ``${NAME}`` stand for.
"""

from __future__ import annotations

import posix
from _stat import S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES = 16 << 20
_MOST_FILES = 1000
_MOST_DEPTH = 20
_MOST_LINE = 65536
_MOST_STEPS = 256
_INCLUDES = ("include", *(f"include{letter}" for letter in "rmwba"))


class ConfError(Exception):
    """The configuration cannot be read, or holds what this reader does not understand."""


class ConfMissingError(ConfError):
    """There is no configuration at that path."""


class Line:
    """A line without its comment, and the file and the number (from 1) of the line where it begins."""

    __slots__ = ("number", "path", "text")

    def __init__(self, text: str, path: str, number: int) -> None:
        self.text = text
        self.path = path
        self.number = number

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


def lines(path: str, *, root: str = "", config_id: str | None = None) -> Iterator[Line]:
    """Yield the lines of the file and of those included, without comments; raises ConfError.

    ``root`` stands before absolute paths in the file; ``config_id`` is the name of the node, by default its own.
    """
    return _Reader(root, config_id).lines(path, ())


class _Reader:
    """Lines without comments, with includes followed and definitions put in."""

    def __init__(self, root: str, config_id: str | None) -> None:
        self.definitions = {"_HASH": "#", "_BANG": "!"}
        self.root = root
        # keepalived's default for --config-id is the name of the node up to its first dot
        self.node = posix.uname()[1].partition(".")[0] if config_id is None else config_id
        self.files = self.bytes = 0

    def lines(self, path: str, above: tuple[str, ...]) -> Iterator[Line]:
        """Yield the lines of a file; ``above`` are the files whose include led here."""
        if len(above) > _MOST_DEPTH:
            raise ConfError(f"{path} is included too deep: does {above[0]} include itself?")
        defining = ""
        for number, raw in enumerate(self._read(path, above).split("\n"), 1):
            line = _uncomment(raw)
            if defining:
                self.definitions[defining] += "\n" + line.rstrip("\\").strip()
            elif line and "\0" not in line:
                line = self._mine(line)
                defining = self._define(line)
                if not defining:
                    yield from self._expand(Line(line, path, number), above)
            if not line.endswith("\\"):
                defining = ""

    def _read(self, path: str, above: tuple[str, ...]) -> str:
        self.files += 1
        try:
            source = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
        except FileNotFoundError:
            if above:  # keepalived goes on without it
                return ""
            raise ConfMissingError(f"no {path.rpartition('/')[2]} at {path}") from None
        except (OSError, ValueError) as error:
            raise ConfError(f"cannot read {path}: {error.args[-1]}") from None
        try:
            if not S_ISREG(posix.fstat(source).st_mode):
                raise ConfError(f"{path} is not a file")
            data = b""
            while more := posix.read(source, 1 << 20):
                data += more
                self.bytes += len(more)
                if self.bytes > _MOST_BYTES or self.files > _MOST_FILES:
                    raise ConfError(f"{(*above, path)[0]} and its includes are too big to be a configuration")
        except OSError as error:
            raise ConfError(f"cannot read {path}: {error.args[-1]}") from None
        finally:
            posix.close(source)
        return data.decode("utf-8", "replace")

    def _mine(self, line: str) -> str:
        """Return the line without its ``@id``, or nothing where it is for another node."""
        if not line.startswith("@"):
            return line
        name, *rest = line[1:].split(None, 1) or [""]
        mine = (name.removeprefix("^") == self.node) is not name.startswith("^")
        return rest[0] if rest and mine else ""

    def _define(self, line: str) -> str:
        """Take a definition in and return its name; nothing where the line is none."""
        name, equals, text = line[1:].partition("=")
        if not equals or not line.startswith("$") or not name.rstrip().isidentifier():
            return ""
        self.definitions[name.rstrip()] = text.rstrip("\\").strip()
        return name.rstrip()

    def _expand(self, whole: Line, above: tuple[str, ...]) -> Iterator[Line]:
        path = whole.path
        for part in self._replace(whole).split("\n"):
            if part.startswith("~"):
                raise ConfError(f"{whole}: {part.split('(')[0]} is not understood here")
            head, *rest = part.split(None, 1)[:2] or [""]
            if head not in _INCLUDES or not rest:
                yield Line(part, path, whole.number)
                continue
            for pattern in _alternatives(rest[0], whole):
                folder = self.root if pattern.startswith("/") else path[: path.rfind("/") + 1]
                for found in _matches(folder + pattern):
                    yield from self.lines(found, (*above, path))

    def _replace(self, whole: Line) -> str:
        line = whole.text
        start = steps = 0
        while (start := line.find("$", start)) >= 0:
            braced = line.startswith("{", start + 1)
            end = start + 1 + braced
            while line[end : end + 1].isalnum() or line[end : end + 1] == "_":
                end += 1
            name, after = line[start + 1 + braced : end], line[end : end + 1]
            if name not in self.definitions or after not in (("}",) if braced else ("", " ", "\t", ",", ")")):
                start += 1
                continue
            line = line[:start] + self.definitions[name] + line[end + braced :]
            steps += 1
            if steps > _MOST_STEPS or len(line) > _MOST_LINE:
                raise ConfError(f"{whole}: the definition of ${name} has no end")
        return line


def _uncomment(line: str) -> str:
    kept: list[str] = []
    quoted = False
    rest = iter(line.strip(" \t\r"))
    for char in rest:
        if char == "\\":
            after = next(rest, "")
            kept.append(after if after and after in "#!" and not quoted else char + after)
            continue
        if char == '"':
            quoted = not quoted
        elif char in "!#" and not quoted:
            break
        kept.append(char)
    return "".join(kept).strip(" \t")


def _alternatives(pattern: str, line: Line) -> list[str]:
    """Return what a pattern with ``{a,b}`` stands for."""
    whole: list[str] = []
    rest = [pattern]
    while rest:
        head, _, behind = rest[0].partition("{")
        body, close, tail = behind.partition("}")
        if not close:
            whole.append(rest.pop(0))
        else:
            rest[:1] = [head + choice + tail for choice in body.split(",")]
        if len(rest) + len(whole) > _MOST_STEPS:
            raise ConfError(f"{line}: too many alternatives in one include")
    return whole


def _matches(pattern: str) -> list[str]:
    if not any(char in pattern for char in "*?["):
        return [pattern]
    from glob import glob

    return sorted(glob(pattern))  # noqa: PTH207 - pathlib would cost a check its start-up time
