"""How does a table of the page become HTML? In Python: a template takes many times as long for thousands of rows.

Each column has its head and what makes its cells:

    SERVERS = Table("servers", "Server", Column("Weight", "number", lambda server: Cell(server.weight)))
    SERVERS.listing(key, "Servers of web", room.listing(servers, ...), row)
"""

from __future__ import annotations

from functools import lru_cache, partial
from html import escape as _escape
from typing import TYPE_CHECKING, Generic
from urllib.parse import quote

from markupsafe import Markup

from exporter.render.model import ALL, Item
from exporter.render.words import SEVERITY, SIGNS, plain, things

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from exporter.render.choices import Choices
    from exporter.render.model import Cell, Column, Listing, Room, Row
    from exporter.render.words import Mark

_FEW_ITEMS = 4  # of a cell; more are folded
_MOST_TICKS = 20
_LONG = 24  # characters of a name that may not have room in a line
_OF_CELLS = ("word", "text", "bytes", "check")  # classes that cells have as well as heads; others are numbers
NOTHING = frozenset(("0", "-", "0/s", "0 B", "0 B/s", "none"))  # texts that say that there is nothing to see


@lru_cache(8192)
def escape(text: str) -> str:
    """Return a text as HTML."""
    return _escape(plain(text))


@lru_cache(512)
def badge(mark: Mark) -> Markup:
    """Return a state with its sign and colour."""
    sign = f'<span class="sign" aria-hidden="true">{SIGNS[mark.tone]}</span>'
    return Markup(f'<span class="badge {mark.tone}">{sign}{escape(mark.word)}</span>')  # noqa: S704 - escaped


class Table(Generic[Item]):
    """A kind of table: head of the names, columns after the state, and the row of an item."""

    def __init__(
        self, kind: str, name: str, *columns: Column[Item], row: Callable[[Item], Row], state: str = "State"
    ) -> None:
        self._kind = kind
        self._row = row
        self._heads = [(name, ""), (state, "state"), *((column.head, column.look) for column in columns)]
        self._values: dict[str, Callable[[Item], float]] = {
            _slug(column.head): column.value for column in columns if column.value
        }
        self._values[_slug(state)] = lambda item: -SEVERITY[row(item).mark.tone]
        self._texts: dict[str, Callable[[Item], str]] = {
            _slug(column.head): partial(_text, column.cell) for column in columns if not column.value
        }
        self._texts[_slug(name)] = lambda item: row(item).name
        self._cells = [(_start(column), column.cell) for column in columns]

    def order(self, room: Room) -> Callable[[Sequence[Item]], Sequence[Item]] | None:
        """Return what sorts items as the reader chose, None if by no column of this table."""
        column, is_turned = room.choices.sort.removeprefix("-"), room.choices.sort.startswith("-")
        if value := self._values.get(column):
            return lambda items: sorted(items, key=value, reverse=not is_turned)
        if text := self._texts.get(column):
            return lambda items: sorted(items, key=text, reverse=is_turned)
        return None

    def best(self, room: Room, items: Sequence[Item]) -> float:
        """Return the value of the first of these items by the reader's order, for the order of their groups."""
        value = self._values.get(room.choices.sort.removeprefix("-"))
        if value is None or not items:
            return 0
        return min(map(value, items)) if room.choices.sort.startswith("-") else -max(map(value, items))

    def listing(self, key: str, caption: str, items: Listing[Item], where: str = "") -> Markup:
        """Return the tables of a listing, the rest folded; ``where`` is the search that shows hidden items."""
        head = self._head(items.room)
        parts = [self._table(head, caption, items.first)] if items.first else []
        if items.rest:
            text = "more, none of them wrong" if items.first else "of them, none wrong"
            parts.append(f'<details id="{key}-rest" class="rest"><summary>{len(items.rest)} {text}</summary>')
            parts += [self._table(head, f"{caption}, the rest", items.rest), "</details>\n"]
        if items.hidden:
            link = f'<a href="?find={quote(where, safe="")}">Show {escape(where)} alone</a>, or ' if where else ""
            text = f"{things(items.hidden, 'row')} without room on this page. {link}find one by its name above."
            parts.append(f'<p class="why">{text}</p>\n')
        return Markup("".join(parts))  # noqa: S704 - escaped

    def _head(self, room: Room | None) -> str:
        """Return the heads; the keyboard reaches the links of the first table of a kind, the mouse all."""
        if room is not None and self._kind in room.heads:
            return room.heads[self._kind]
        choices = room.choices if room else ALL
        first, further = (
            "".join(self._sorter(head, look, choices, is_first=is_first) for head, look in self._heads)
            for is_first in (True, False)
        )
        if room is not None:
            room.heads[self._kind] = further
        return first

    def _sorter(self, head: str, look: str, choices: Choices, *, is_first: bool) -> str:
        slug = _slug(head)
        chosen = choices.sort.removeprefix("-") == slug
        is_up = choices.sort.startswith("-") != (slug in self._texts)
        sort = f' aria-sort="{"ascending" if is_up else "descending"}"' if chosen else ""
        link = escape(choices.link(sort=f"-{slug}" if choices.sort == slug else slug))
        tab = "" if is_first else ' tabindex="-1"'
        return f'<th scope="col"{_class(look)}{sort}><a href="{link}"{tab}>{escape(head)}</a></th>'

    def _table(self, head: str, caption: str, items: Iterable[Item]) -> str:
        start = f'<table class="{self._kind}"><caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>'
        return f"{start}\n<tbody>\n{''.join(map(self._line, items))}</tbody></table>\n"

    def _line(self, item: Item) -> str:
        row = self._row(item)
        wraps = ' class="long"' if len(row.name) > _LONG else ""  # else rows of one begin would all look the same
        head = f'<th scope="row"{wraps}>{escape(row.name)}{_small(row.under)}</th>'
        begin = f'<tr id="{row.key}" class="{row.mark.tone}">{head}'
        state = f"<td>{badge(row.mark)}{_small(row.since)}{_ticks(row.ticks) if row.ticks else ''}</td>"
        cells = "".join([_cell(starts, cell(item)) for starts, cell in self._cells])
        return f"{begin}{state}{cells}</tr>\n"


def _slug(head: str) -> str:
    return head.lower().replace(" ", "-")


def _text(cell: Callable[[Item], Cell], item: Item) -> str:
    """Return what a cell says, to sort by."""
    shown = cell(item)
    return " ".join((shown.text, *(mark.word for mark in shown.marks), shown.more)).casefold()


def _start(column: Column[Item]) -> tuple[str, str]:
    """Return the begin of a cell with something to see, and of one without: short, for there are thousands."""
    look = " ".join(word for word in column.look.split() if word in _OF_CELLS)
    return f'<td data-label="{escape(column.head)}"{_class(look)}>', f"<td{_class(f'{look} nil'.strip())}>"


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""


def _small(text: str) -> str:
    return f" <small>{escape(text)}</small>" if text else ""


def _says(text: str) -> str:
    return f'aria-label="{escape(text)}"'


def drawn(line: tuple[str, str]) -> Markup:
    """Return an outline as a picture that says what it shows, nothing without one."""
    if not line[0]:
        return Markup()
    picture = f'<svg class="line" viewBox="0 0 30 10" preserveAspectRatio="none" role="img" {_says(line[1])}>'
    return Markup(f'{picture}<polygon points="{line[0]}"/></svg>')  # noqa: S704 - numbers


def _ticks(ticks: Sequence[tuple[int, str]]) -> str:
    """Return the changes of a state in the last hour, the last at the right."""
    says = _says(f"{things(len(ticks), 'change')} in the last hour")
    marks = "".join(f'<path class="{tone}" d="M{minute} 0v10"/>' for minute, tone in ticks[-_MOST_TICKS:])
    return f'<svg class="ticks" viewBox="0 0 61 10" preserveAspectRatio="none" role="img" {says}>{marks}</svg>'


def _cell(starts: tuple[str, str], cell: Cell) -> str:
    text, more, share, marks, items, line = cell
    start = starts[text in NOTHING and not line[0]]
    if share is None and not marks and not items and not line[0]:
        return f"{start}{escape(text)}{_small(more)}</td>"
    parts = [start, escape(text)]
    if line[0]:
        parts.append(drawn(line))
    if share is not None:
        parts.append(
            f' <svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{share} %">'
            f'<rect class="rail" width="100" height="8"/><rect width="{share}" height="8"/></svg>'
        )
    parts += [f" {badge(mark)}" for mark in marks]
    parts.append(_small(more))
    if len(items) > _FEW_ITEMS:
        lines = "".join(f"<li>{escape(item)}</li>" for item in items)
        parts.append(f' <details class="more"><summary>{len(items)} metrics</summary><ul>{lines}</ul></details>')
    elif items:
        parts.append(_small(" · ".join(items)))
    parts.append("</td>")
    return "".join(parts)
