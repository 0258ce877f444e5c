"""What does haproxy.cfg say? Sections with lines of words, as HAProxy's configuration manual describes them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 16 << 20
_PROXIES = ("frontend", "backend", "listen")
_OTHERS = "peers resolvers mailers userlist cache program ring http-errors log-forward log-profile fcgi-app crt-store"
_SECTIONS = frozenset(("global", "defaults", *_PROXIES, *_OTHERS.split(), "traces", "acme"))
_BRANCHES = (".if", ".elif", ".else", ".endif")
_FAMILIES = ("", "ipv4", "ipv6", "tcp", "tcp4", "tcp6", "quic4", "quic6")
_ALL = ("", "*", "0.0.0.0")  # noqa: S104 - read, not bound


class Line:
    """The words of a line and its number, from 1; it ``counts`` unless a condition decides that (``.if``)."""

    __slots__ = ("counts", "number", "words")

    def __init__(self, words: list[str], number: int, *, counts: bool = True) -> None:
        self.words = words
        self.number = number
        self.counts = counts


class Section:
    """A section: its kind, its name, its own lines, and the ``inherited`` ones of the defaults before it."""

    __slots__ = ("inherited", "kind", "lines", "name")

    def __init__(self, kind: str, name: str, inherited: list[Line]) -> None:
        self.kind = kind
        self.name = name
        self.lines: list[Line] = []
        self.inherited = inherited

    def starting(self, *words: str) -> Iterator[Line]:
        """Yield the own lines that begin with these words."""
        return (line for line in self.lines if line.words[: len(words)] == list(words))

    def all_starting(self, *words: str) -> Iterator[Line]:
        """Yield the inherited and own lines that begin with these words."""
        return (line for line in (*self.inherited, *self.lines) if line.words[: len(words)] == list(words))


class Bind:
    """An address and port that HAProxy listens on; an empty address is all of IPv4. ``port`` may be a range."""

    __slots__ = ("address", "line", "port")

    def __init__(self, line: Line, address: str, port: str) -> None:
        self.line = line
        self.address = address
        self.port = port

    @property
    def is_loopback(self) -> bool:
        """Whether only this node itself can connect."""
        return self.address.startswith("127.") or self.address in ("::1", "localhost")


def sections(text: str) -> list[Section]:
    """Return the sections of a configuration; whatever makes no sense is left out."""
    parsed: list[Section] = []
    defaults: list[Line] = []
    for line in lines(text):
        words = line.words
        if words[0] in _SECTIONS:
            inherited = defaults if words[0] in _PROXIES else []
            parsed.append(Section(words[0], words[1] if len(words) > 1 else "", inherited))
            if words[0] == "defaults":
                defaults = parsed[-1].lines
        elif parsed:
            parsed[-1].lines.append(line)
    return parsed


def lines(text: str) -> Iterator[Line]:
    """Yield the lines of a configuration, but for those of a branch that never counts, as after ``.if 0``."""
    branches: list[tuple[bool | None, bool | None]] = []  # of each .if: does this branch count, did an earlier one?
    for number, line in enumerate(text.split("\n"), 1):
        words = _words(line)
        if words and words[0] in _BRANCHES:
            before = branches.pop()[1] if branches and words[0] != ".if" else False
            if words[0] != ".endif":
                counts = True if words[0] == ".else" else _value(words[1:])
                now = False if before or counts is False else None if before is None else counts
                branches.append((now, before or counts or (None if None in (before, counts) else False)))
        elif words and not any(now is False for now, _ in branches):
            yield Line(words, number, counts=not branches or all(now for now, _ in branches))


def _value(condition: list[str]) -> bool | None:
    """Return the value of a condition, None where only HAProxy knows it."""
    text = " ".join(condition)
    return bool(int(text or "0")) if text.isdecimal() or not text else None


def _words(line: str) -> list[str]:
    """Split a line at blanks, as parse_line() of HAProxy's src/tools.c: with quotes, backslashes and comments."""
    if not ('"' in line or "'" in line or "\\" in line):
        return line.partition("#")[0].split()
    words: list[str] = []
    word: str | None = None
    quote = ""
    rest = iter(line)
    for char in rest:
        if char == "\\" and quote != "'":
            word = (word or "") + next(rest, "")
        elif char == quote:
            quote = ""
        elif char in "\"'" and not quote:
            word, quote = word or "", char
        elif quote or not (char == "#" or char.isspace()):
            word = (word or "") + char
        else:
            words += [] if word is None else [word]
            word = None
            if char == "#":
                break
    return words if word is None else [*words, word]


def binds(section: Section) -> Iterator[Bind]:
    """Yield what a frontend or listen section binds, but for unix sockets and inherited descriptors."""
    for line in section.starting("bind"):
        for part in (line.words[1] if len(line.words) > 1 else "").split(","):
            place = listener(part)
            if place is not None:
                yield Bind(line, *place)


def listener(text: str) -> tuple[str, str] | None:
    """Return address and port of a listener on the network, None for anything else."""
    family, _, place = text.rpartition("@")
    address, colon, port = place.rpartition(":")
    low, _, high = port.partition("-")
    if (
        family not in _FAMILIES
        or not colon
        or "/" in address
        or "$" in address
        or not (low + (high or low)).isdecimal()
    ):
        return None
    address = address.removeprefix("[").removesuffix("]")
    return "" if address in _ALL else address, port
