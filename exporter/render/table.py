"""How does a table of the page become HTML? In Python: a template takes many times as long for thousands of rows.

Each column has its head and what makes its cells:

    SERVERS = Table("servers", "Server", Column("Weight", "number", lambda server: Cell(server.weight)))
    SERVERS.listing(key, "Servers of web", room.listing(servers, ...), row)
"""

from __future__ import annotations

from functools import lru_cache
from html import escape as _escape
from typing import TYPE_CHECKING, Generic
from urllib.parse import quote

from markupsafe import Markup

from exporter.render.model import Item
from exporter.render.words import SIGNS, things

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.render.model import Cell, Column, Listing, Row
    from exporter.render.words import Mark

_FEW_ITEMS = 4  # of a cell; more are folded
escape = lru_cache(8192)(_escape)


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
        heads = [(name, ""), (state, ""), *((column.head, column.look) for column in columns)]
        self._head = "".join(f'<th scope="col"{_class(look)}>{escape(head)}</th>' for head, look in heads)
        self._cells = [
            (f'<td data-label="{escape(column.head)}"{_class(column.look)}>', column.cell) for column in columns
        ]

    def listing(self, key: str, caption: str, items: Listing[Item], where: str = "") -> Markup:
        """Return the tables of a listing, the rest folded; ``where`` is the search that shows hidden items."""
        parts = [self._table(caption, items.first)] if items.first else []
        if items.rest:
            text = "more, none of them wrong" if items.first else "of them, none wrong"
            parts.append(f'<details id="{key}-rest" class="rest"><summary>{len(items.rest)} {text}</summary>')
            parts += [self._table(f"{caption}, the rest", items.rest), "</details>\n"]
        if items.hidden:
            link = f'<a href="?find={quote(where, safe="")}">Show {escape(where)} alone</a>, or ' if where else ""
            text = f"{things(items.hidden, 'row')} without room on this page. {link}find one by its name above."
            parts.append(f'<p class="why">{text}</p>\n')
        return Markup("".join(parts))  # noqa: S704 - escaped

    def _table(self, caption: str, items: Iterable[Item]) -> str:
        head = f'<table class="{self._kind}"><caption>{escape(caption)}</caption>\n<thead><tr>{self._head}</tr></thead>'
        return f"{head}\n<tbody>\n{''.join(map(self._line, items))}</tbody></table>\n"

    def _line(self, item: Item) -> str:
        row = self._row(item)
        begin = f'<tr id="{row.key}" class="{row.mark.tone}"><th scope="row">{escape(row.name)}{_small(row.under)}</th>'
        state = f"<td>{badge(row.mark)}{_small(row.since)}</td>"
        cells = "".join([f"{start}{_cell(cell(item))}</td>" for start, cell in self._cells])
        return f"{begin}{state}{cells}</tr>\n"


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _cell(cell: Cell) -> str:
    text, more, share, marks, items = cell
    if share is None and not marks and not items:
        return escape(text) + _small(more)
    parts = [escape(text)]
    if share is not None:
        parts.append(
            f' <svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{share} %">'
            f'<rect class="rail" width="100" height="8"/><rect width="{share}" height="8"/></svg>'
        )
    parts += [f" {badge(mark)}" for mark in marks]
    parts.append(_small(more))
    if len(items) > _FEW_ITEMS:
        lines = "".join(f"<li>{escape(item)}</li>" for item in items)
        parts.append(f'<details class="more"><summary>{len(items)} metrics</summary><ul>{lines}</ul></details>')
    elif items:
        parts.append(_small(" · ".join(items)))
    return "".join(parts)
