"""What is the page made of? Rows, lists of them, groups and problems, whatever they are about."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from exporter.render.words import SEVERITY, WRONG, Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_ROWS = 1200
FEW = 24  # as many rows stand side by side; of more, those that are fine are folded


class Cell(NamedTuple):
    """A text, what stands small below it, its share in percent as a bar, further marks and a list to unfold."""

    text: str = ""
    more: str = ""
    share: int | None = None
    marks: Sequence[Mark] = ()
    items: Sequence[str] = ()


class Row(NamedTuple):
    """A line of a table: ``under`` stands below the name, ``since`` below the state."""

    key: str
    mark: Mark
    name: str
    under: str = ""
    since: str = ""
    cells: Sequence[Cell] = ()


class Listing(NamedTuple):
    """The rows that are seen at once, those to unfold, and the number of those that the page has no room for."""

    first: list[Row]
    rest: list[Row]
    hidden: int = 0

    def __bool__(self) -> bool:
        return bool(self.first or self.rest or self.hidden)


class Group(NamedTuple):
    """A backend, or a virtual service, and the servers behind it."""

    key: str
    mark: Mark
    name: str
    text: str
    facts: Sequence[tuple[str, str]]
    rows: Listing
    is_open: bool


class Problem(NamedTuple):
    """Something that is wrong: where, what, and the key of the row that tells more."""

    mark: Mark
    where: str
    text: str
    key: str = ""


class Room:
    """What is looked for, and how much of it the page may still show."""

    def __init__(self, find: str = "", most: int = MOST_ROWS) -> None:
        self.find = find
        self.left = most
        self.hidden = 0
        self._wanted = find.casefold()

    def wants(self, *texts: str) -> bool:
        """Return whether one of the texts has what is looked for."""
        return not self._wanted or any(self._wanted in text.casefold() for text in texts)

    def listing(self, rows: Iterable[Row], *, all_wanted: bool = False) -> Listing:
        """Choose those that are looked for, and of many first those that are wrong."""
        wanted = [row for row in rows if all_wanted or self.wants(row.name, row.under)]
        first, rest = wanted, []
        if len(wanted) > FEW:
            first = sorted((row for row in wanted if is_wrong(row.mark)), key=severity)
            rest = [row for row in wanted if not is_wrong(row.mark)]
        shown = first[: self.left], rest[: max(0, self.left - len(first))]
        hidden = len(wanted) - len(shown[0]) - len(shown[1])
        self.left -= len(wanted) - hidden
        self.hidden += hidden
        return Listing(*shown, hidden)


def is_wrong(mark: Mark) -> bool:
    """Return whether somebody should look at it."""
    return mark.tone in WRONG


def severity(row: Row | Group | Problem) -> int:
    """Return what to sort by, the worst first."""
    return SEVERITY[row.mark.tone]


def key(*names: str) -> str:
    """Return what tells a row from others of the page, also in its address."""
    return "k" + blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def joined(*words: str, by: str = " · ") -> str:
    """Return the words that there are."""
    return by.join(word for word in words if word)
