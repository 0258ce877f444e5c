"""Which lines has keepalived.conf with its includes and definitions applied?

As keepalived's lib/parser.c reads them: ``include`` takes a pattern relative to its own file. Included files come
after all lines that the line expands to, the last one first.
"""

from __future__ import annotations

import posix
from _stat import S_ISREG

from vipwarden.net.file import look
from vipwarden.node.keepalived.definitions import Definitions, ExpansionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_BYTES = 16 << 20
_MOST_FILES = 1000
_MOST_DEPTH = 20
_MOST_STEPS = 256
_MOST_LINKS = 40
_WILD = frozenset("*?[")
_INCLUDES = ("include", *(f"include{letter}" for letter in "rmwba"))


class ConfError(Exception):
    """The configuration cannot be read or understood."""


class ConfMissingError(ConfError):
    """There is no such file."""


class Line:
    """A line without its comment, with the file and the number (from 1) of its first line."""

    __slots__ = ("number", "path", "text")

    def __init__(self, text: str, path: str, number: int) -> None:
        self.text = text
        self.path = path
        self.number = number

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


def lines(
    path: str, *, root: str = "", config_id: str | None = None, texts: Mapping[str, str] | None = None
) -> Iterator[Line]:
    """Yield the lines of a file and its includes, without comments; raises ConfError.

    ``root`` is put before absolute paths; ``config_id`` is the name of the node, by default its own. ``texts`` by path
    are read in place of files.
    """
    return _Reader(root, config_id, texts or {}).lines(path, ())


class _Reader:
    def __init__(self, root: str, config_id: str | None, texts: Mapping[str, str]) -> None:
        # keepalived's default for --config-id is the name of the node up to its first dot
        self.definitions = Definitions(posix.uname()[1].partition(".")[0] if config_id is None else config_id)
        self.root = root
        self.texts = texts
        self.files = self.bytes = 0

    def lines(self, path: str, above: tuple[str, ...]) -> Iterator[Line]:
        """Yield the lines of a file; ``above`` are the files that include it."""
        if len(above) > _MOST_DEPTH:
            raise ConfError(f"{path} is included too deep: does {above[0]} include itself?")
        for number, raw in enumerate(self._read(path, above).split("\n"), 1):
            if "\0" in raw:  # keepalived passes over such a line
                continue
            self.definitions.folder = path.rpartition("/")[0] or "/"
            included: list[str] = []
            try:
                for text in self.definitions.lines(raw):
                    line = Line(text, path, number)
                    head, *rest = text.split(None, 1) or [text]
                    if head in _INCLUDES and rest:
                        included[:0] = self._included(rest[0], line)
                    else:
                        yield line
            except ExpansionError as error:
                raise ConfError(f"{path}:{number}: {error}") from None
            for file in included:
                yield from self.lines(file, (*above, path))

    def _included(self, pattern: str, line: Line) -> list[str]:
        """Return the files of an include in their order."""
        files = []
        for choice in _alternatives(pattern, line):
            folder = self.root if choice.startswith("/") else line.path[: line.path.rfind("/") + 1]
            begin, slash, end = (folder + choice).rpartition("/")
            is_plain = not _WILD.intersection(begin)
            files += _matches(f"{_inside(self.root, begin) if is_plain and self.root else begin}{slash}{end}")
        return files

    def _read(self, path: str, above: tuple[str, ...]) -> str:
        self.files += 1
        if path in self.texts:
            return self.texts[path]
        try:
            mode, data = look(_inside(self.root, path) if self.root else path, _MOST_BYTES)
        except FileNotFoundError:
            if above:  # keepalived goes on without it
                return ""
            raise ConfMissingError(f"no {path.rpartition('/')[2]} at {path}") from None
        except IsADirectoryError:
            mode, data = 0, b""
        except (OSError, ValueError) as error:
            raise ConfError(f"cannot read {path}: {error.args[-1]}") from None
        if not S_ISREG(mode):
            raise ConfError(f"{path} is not a file")
        self.bytes += len(data)
        if self.bytes > _MOST_BYTES or self.files > _MOST_FILES:
            raise ConfError(f"{(*above, path)[0]} and its includes are too big to be a configuration")
        return data.decode("utf-8", "replace")


def _alternatives(pattern: str, line: Line) -> list[str]:
    """Return the patterns that a pattern with ``{a,b}`` expands to."""
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


def _inside(root: str, path: str) -> str:
    """Return where a path below a root leads when its links are followed as the node of that root follows them."""
    inner = path.removeprefix(f"{root}/")
    if inner == path and (root != "." or path.startswith("/")):
        return path
    rest, at, links = inner.split("/")[::-1], [root], 0
    while rest:
        part = rest.pop()
        if part in ("", ".", ".."):
            at = at[: max(1, len(at) - 1)] if part == ".." else at
            continue
        try:
            target = posix.readlink("/".join((*at, part)))
        except OSError:
            at.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise ConfError(f"{path}: too many links")
        rest += target.split("/")[::-1]
        at = [root] if target.startswith("/") else at
    return "/".join(at)


def _matches(pattern: str) -> list[str]:
    if not _WILD.intersection(pattern):
        return [pattern]
    from glob import glob

    return sorted(glob(pattern))  # noqa: PTH207 - pathlib would cost a check its start-up time
