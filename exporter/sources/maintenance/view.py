"""How does the page show what is in maintenance, and which VIPs are handed over?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import Cell, Column, Problem, Row, Section, key, named
from exporter.render.table import Table
from exporter.render.words import Mark, lasting, moment, span
from vipwarden.state.clock import wall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.source import Look
    from vipwarden.state.handover import Handover
    from vipwarden.state.maintenance import Maintenance

_MARK = Mark("maint", "maintenance")
_HANDED = Mark("maint", "handed over")
_LONG = 3600.0  # seconds, as of the alert VrrpHandedOver


class View:
    """Shows the records and hand-overs."""

    def show(self, look: Look) -> Section:
        """Return the section, none where nothing is in maintenance."""
        facts = look.facts("maintenance")
        if facts is None and not look.outcomes["maintenance"].failure:
            return Section({})
        records = facts.records if facts else []
        rows = look.room.listing(records, lambda _: _MARK, lambda it: (it.what, it.by), _TABLE.order(look.room))
        values = {"records": _TABLE.listing("maintenance", "What is in maintenance", rows)}
        handovers = facts.handovers if facts else []
        handed = [_handed(handover) for handover in handovers]
        roles = [
            (mark, named(names))
            for mark, names in ((_MARK, [it.what for it in records]), (_HANDED, [it.instance for it in handovers]))
            if names
        ]
        return Section(values | {"handed": handed}, list(_forgotten(handovers)), note=". ".join(handed), roles=roles)


def _forgotten(handovers: Iterable[Handover]) -> Iterator[Problem]:
    """Yield the hand-overs that last long: nobody takes the VIPs if the peer fails."""
    for it in handovers:
        if wall() - it.since > _LONG:
            text = f"for {span(wall() - it.since)}: this node cannot take the VIPs if the peer fails"
            yield Problem(Mark("warn", _HANDED.word), f"VRRP {it.instance}", text, "maintenance")


def _handed(handover: Handover) -> str:
    what = f"{handover.instance} is handed over to a peer for {lasting(handover.since, wall())}"
    return f"{what}; vipwarden handover {handover.instance} --back ends it"


def _row(record: Maintenance) -> Row:
    return Row(key("maintenance", record.kind, record.name, record.by), _MARK, record.what)


_TABLE: Table[Maintenance] = Table(
    "maintenance",
    "What",
    Column("By", "text", lambda record: Cell(record.by)),
    Column("Reason", "text", lambda record: Cell(record.reason)),
    Column("Left", "number", lambda record: Cell(span(record.left), moment(wall() + record.left))),
    row=_row,
)
