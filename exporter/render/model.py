"""What are the parts of the page? Cells, rows, listings, groups, problems and sections."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from exporter.render.choices import Choices
from exporter.render.words import SEVERITY, WRONG, Mark, count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Item = TypeVar("Item")
ALL = Choices()
MOST_ROWS = 1000
FEW = 24  # of more rows those without a problem are folded
FEW_TOLD = 3  # of problems or names of one kind
# how urgent problems are, the most urgent first
GONE, ADDRESS, BACKEND, CHECK, HALF, SERVER, SPARE, MINOR = range(8)


class Cell(NamedTuple):
    """A text, small text behind it, a share in percent as a bar, marks, a list to unfold, and a line below the text.

    The line is its outline, 30 wide and 10 high, and what it says.
    """

    text: str = ""
    more: str = ""
    share: int | None = None
    marks: Sequence[Mark] = ()
    items: Sequence[str] = ()
    line: tuple[str, str] = ("", "")


class Row(NamedTuple):
    """The begin of a row: ``under`` is behind the name, ``since`` behind the state.

    ``ticks`` are the changes of the state: in which minute of the last hour, and the tone of the new state.
    """

    key: str
    mark: Mark
    name: str
    under: str = ""
    since: str = ""
    ticks: Sequence[tuple[int, str]] = ()


class Column(NamedTuple, Generic[Item]):
    """A column: head, classes (number, word, or text for a longer one), the cell of an item, the value to sort by.

    Without a value its text is what it is sorted by.
    """

    head: str
    look: str
    cell: Callable[[Item], Cell]
    value: Callable[[Item], float] | None = None


class Listing(NamedTuple, Generic[Item]):
    """The items shown at once, those to unfold, and the number of those without room on the page."""

    first: Sequence[Item]
    rest: Sequence[Item] = ()
    hidden: int = 0
    room: Room | None = None

    def __bool__(self) -> bool:
        return bool(self.first or self.rest or self.hidden)


class Group(NamedTuple):
    """A backend or virtual service; ``rows`` are its servers as HTML, ``share`` how many percent of them are up.

    ``facts`` have a label, a text, and how it was in the last quarter of an hour, as HTML.
    """

    key: str
    mark: Mark
    name: str
    text: str
    facts: Sequence[tuple[str, str, str]]
    rows: str
    is_open: bool
    share: int | None = None


class Problem(NamedTuple):
    """Something that is wrong: where, what, the key of its row, and how urgent it is.

    ``rank`` is GONE (keepalived or HAProxy), ADDRESS (a VIP held by nobody or twice), BACKEND (without a server),
    CHECK (critical), HALF (of a backend), SERVER, SPARE (a backup server) or MINOR.
    """

    mark: Mark
    where: str
    text: str
    key: str = ""
    rank: int = MINOR


class Section(NamedTuple):
    """What a source shows: ``values`` of its template, problems, and tiles (label, part, whole).

    ``tells_failure`` if its problems have the failure of the reading; ``note`` is a line below the headline. ``roles``
    of this node stand above it, with what has them.
    """

    values: Mapping[str, Any]
    problems: Sequence[Problem] = ()
    tiles: Sequence[tuple[str, int, int]] = ()
    tells_failure: bool = False
    note: str = ""
    roles: Sequence[tuple[Mark, str]] = ()


class Room:
    """The choices of the reader, the rows that the page may still show, and the states of the rows by section."""

    def __init__(self, choices: Choices = ALL, most: int = MOST_ROWS) -> None:
        self.choices = choices
        self.left = self._groups = most
        self.hidden = 0
        self.shown = 0
        self.states: Counter[tuple[str, str, str]] = Counter()  # section, state and tone
        self.section = ""
        self.heads: dict[str, str] = {}  # of the further tables of a kind
        self._wanted = choices.find.casefold()
        self._state = choices.state.casefold()

    def wants(self, *texts: str) -> bool:
        """Return whether one of the texts contains the search."""
        return not self._wanted or any(self._wanted in text.casefold() for text in texts)

    def admits(self, items: Listing[Item]) -> bool:
        """Return whether the page has room for one more group; else its rows are hidden."""
        self._groups -= 1
        if self._groups < 0:
            self.hidden += 1 + len(items.first) + len(items.rest)
        return self._groups >= 0

    def listing(
        self,
        items: Iterable[Item],
        mark: Callable[[Item], Mark],
        names: Callable[[Item], Iterable[str]] | None = None,
        order: Callable[[Sequence[Item]], Sequence[Item]] | None = None,
    ) -> Listing[Item]:
        """Choose the items that match by state and ``names``, or all; of many the wrong ones first, unless ordered."""
        wanted: Sequence[Item] = list(items)
        if self._wanted and names is not None:
            wanted = [item for item in wanted if self.wants(mark(item).word, *names(item))]
        marks = Counter(map(mark, wanted))
        self.states.update({(self.section, each.state, each.tone): number for each, number in marks.items()})
        if self._state:
            wanted = [item for item in wanted if mark(item).state.casefold() == self._state]
        if order is not None:
            wanted = order(wanted)
        first, rest = wanted, wanted[:0]
        if len(wanted) > FEW and order is None and not self.choices.is_narrow:
            wrong = (item for item in wanted if is_wrong(mark(item)))
            first = sorted(wrong, key=lambda item: SEVERITY[mark(item).tone])
            rest = [item for item in wanted if not is_wrong(mark(item))]
        shown = first[: self.left], rest[: max(0, self.left - len(first))]
        hidden = len(wanted) - len(shown[0]) - len(shown[1])
        self.shown += len(wanted)
        self.left -= len(wanted) - hidden
        self.hidden += hidden
        return Listing(*shown, hidden, self)


def is_wrong(mark: Mark) -> bool:
    """Return whether it is a problem."""
    return mark.tone in WRONG


def severity(problem: Problem) -> tuple[int, int]:
    """Return the key for sorting, the worst first."""
    return problem.rank, SEVERITY[problem.mark.tone]


def named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {count(len(names) - FEW_TOLD)} more" if len(names) > FEW_TOLD else ""
    return ", ".join(names[:FEW_TOLD]) + more


def key(*names: str) -> str:
    """Return the key of a row, unique on the page, also for links."""
    return "k" + blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def joined(*words: str, by: str = " · ") -> str:
    """Return the nonempty words, joined."""
    return by.join([word for word in words if word])
