"""How does the page write the numbers of a line of HAProxy's table?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import Cell, Column
from exporter.render.words import amount, count, number, short, span
from exporter.sources.haproxy.lines import is_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.render.words import Mark
    from exporter.sources.haproxy.lines import Line


def sum_of(*columns: str) -> Callable[[Line], float]:
    """Return what sums columns of a line."""
    return lambda line: sum(number(line[column]) for column in columns)


RATE, REQUESTS, ERRORS_OF = sum_of("rate"), sum_of("req_rate"), sum_of("econ", "eresp")


def number_column(head: str, *columns: str, look: str = "number") -> Column[Line]:
    """Return the column of a sum."""
    value = sum_of(*columns)
    write = short if look == "number" else count
    return Column(head, look, lambda line: Cell(write(value(line)) if any(line[it] for it in columns) else "-"), value)


def mark_of(line: Line) -> Mark:
    """Return the state of a server."""
    return line.mark


def names_of(line: Line) -> Sequence[str]:
    """Return what a reader may name a server by."""
    return line["svname"], line["addr"], line["check_status"], line["last_chk"], line["cookie"]


def is_active(line: Line) -> bool:
    """Return whether a server gets requests before any backup."""
    return is_up(line.mark) and line["bck"] != "1"


def rate_of(line: Line, name: str) -> str:
    """Return a rate a second."""
    return f"{amount(line[name])}/s" if line[name] else "-"


def gauge(line: Line, now: str, most: str, limit: str = "") -> Cell:
    """Return a gauge, its maximum since HAProxy's start and, if there is one, its limit."""
    top = f" / {amount(line[limit], short)}" if limit and number(line[limit]) else ""
    return Cell(amount(line[now], short), f"/ {amount(line[most], short)}{top}" if line[most] else "")


def last_session(line: Line) -> str:
    """Return how long ago the last session was; HAProxy has -1 for never."""
    return span(number(line["lastsess"])) if line["lastsess"].isdecimal() else "-"


def downtime(line: Line) -> Cell:
    """Return how often a server went down, and for how long."""
    lost = f"/ {span(number(line['downtime']))}" if number(line["downtime"]) else ""
    return Cell(amount(line["chkdown"], short), lost)
