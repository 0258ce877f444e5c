"""What is the page made of? Rows, lists of them, groups, problems and sections, whatever they are about."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from exporter.render.words import SEVERITY, WRONG, Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Item = TypeVar("Item")
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
    """The head of a line of a table: ``under`` stands below the name, ``since`` below the state."""

    key: str
    mark: Mark
    name: str
    under: str = ""
    since: str = ""


class Column(NamedTuple, Generic[Item]):
    """A column of a table: its head, how its cells look (the class number or text), and the cell of an item."""

    head: str
    look: str
    cell: Callable[[Item], Cell]


class Listing(NamedTuple, Generic[Item]):
    """The items that are seen at once, those to unfold, and the number of those that the page has no room for."""

    first: Sequence[Item]
    rest: Sequence[Item] = ()
    hidden: int = 0

    def __bool__(self) -> bool:
        return bool(self.first or self.rest or self.hidden)


class Group(NamedTuple):
    """A backend, or a virtual service; ``rows`` are the servers behind it, as HTML."""

    key: str
    mark: Mark
    name: str
    text: str
    facts: Sequence[tuple[str, str]]
    rows: str
    is_open: bool


class Problem(NamedTuple):
    """Something that is wrong: where, what, and the key of the row that tells more."""

    mark: Mark
    where: str
    text: str
    key: str = ""


class Section(NamedTuple):
    """What a source shows: the ``values`` of its template, its problems, and its tiles (label, part, whole).

    ``tells_failure`` where its problems say already why it could not be read; ``note`` is a line below the headline.
    """

    values: Mapping[str, Any]
    problems: Sequence[Problem] = ()
    tiles: Sequence[tuple[str, int, int]] = ()
    tells_failure: bool = False
    note: str = ""


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

    def listing(
        self, items: Iterable[Item], mark: Callable[[Item], Mark], names: Callable[[Item], Iterable[str]] | None = None
    ) -> Listing[Item]:
        """Choose the items that are looked for, by ``names`` or all of them; of many first those that are wrong."""
        wanted = [item for item in items if not self._wanted or names is None or self.wants(*names(item))]
        first: list[Item] = wanted
        rest: list[Item] = []
        if len(wanted) > FEW:
            first = sorted(
                (item for item in wanted if is_wrong(mark(item))), key=lambda item: SEVERITY[mark(item).tone]
            )
            rest = [item for item in wanted if not is_wrong(mark(item))]
        shown = first[: self.left], rest[: max(0, self.left - len(first))]
        hidden = len(wanted) - len(shown[0]) - len(shown[1])
        self.left -= len(wanted) - hidden
        self.hidden += hidden
        return Listing(*shown, hidden)


def is_wrong(mark: Mark) -> bool:
    """Return whether somebody should look at it."""
    return mark.tone in WRONG


def severity(problem: Problem) -> int:
    """Return what to sort by, the worst first."""
    return SEVERITY[problem.mark.tone]


def key(*names: str) -> str:
    """Return what tells a row from others of the page, also in its address."""
    return "k" + blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def joined(*words: str, by: str = " · ") -> str:
    """Return the words that there are."""
    return by.join([word for word in words if word])
