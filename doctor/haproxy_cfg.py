"""What does haproxy.cfg say? Sections of lines of words, as HAProxy's configuration manual describes them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doctor.host import slurp

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTIONS = frozenset({
    "acme", "backend", "cache", "crt-store", "defaults", "fcgi-app", "frontend", "global", "http-errors", "listen",
    "log-forward", "log-profile", "mailers", "peers", "program", "resolvers", "ring", "traces", "userlist",
})  # fmt: skip
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Statement:
    """One line: its words and its place."""

    words: list[str]
    path: str
    number: int


@dataclass(slots=True)
class Section:
    """A section: its kind, its name, and its lines; those of the defaults before it stand in ``inherited``."""

    kind: str
    name: str
    lines: list[Statement] = field(default_factory=list)
    inherited: list[Statement] = field(default_factory=list)

    def starting(self, *words: str) -> Iterator[Statement]:
        """Yield the own lines that begin with these words."""
        return (line for line in self.lines if line.words[: len(words)] == list(words))

    def all_starting(self, *words: str) -> Iterator[Statement]:
        """Yield the lines that begin with these words, inherited ones as well."""
        return (line for line in (*self.inherited, *self.lines) if line.words[: len(words)] == list(words))


@dataclass(frozen=True, slots=True)
class Bind:
    """An address and port that HAProxy listens on; an empty address is all of them."""

    line: Statement
    address: str
    port: str

    @property
    def is_loopback(self) -> bool:
        """Whether only this node itself can connect."""
        return self.address.startswith("127.") or self.address in ("::1", "localhost")


def read_sections(path: str) -> list[Section]:
    """Return the sections of a file, none where it cannot be read."""
    raw = slurp(path, _MOST_BYTES)
    found: list[Section] = []
    defaults: list[Statement] = []
    for number, line in enumerate((raw or b"").decode("utf-8", "replace").splitlines(), 1):
        words = _words(line)
        if words and words[0] in _SECTIONS:
            found.append(Section(words[0], words[1] if len(words) > 1 else ""))
            if words[0] == "defaults":
                defaults = found[-1].lines
            elif words[0] in ("frontend", "backend", "listen"):
                found[-1].inherited = defaults
        elif words and found:
            found[-1].lines.append(Statement(words, path, number))
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote without its end, which HAProxy refuses
        return line.partition("#")[0].split()


_ADDRESS = re.compile(
    r"""(?:(?:ipv4|ipv6|tcp|tcp4|tcp6|quic4|quic6)@)?(?:\[([^\]]*)\]|([^@/'"]*)):([0-9]+(?:-[0-9]+)?)"""
)


def binds(section: Section) -> Iterator[Bind]:
    """Yield what a frontend or listen section binds; unix sockets and inherited descriptors are left out."""
    for line in section.starting("bind"):
        for part in (line.words[1] if len(line.words) > 1 else "").split(","):
            match = _ADDRESS.fullmatch(part)
            if match is not None:
                address = match[1] or match[2] or ""
                yield Bind(line, "" if address in ("*", "0.0.0.0", "::") else address, match[3])  # noqa: S104 - none
