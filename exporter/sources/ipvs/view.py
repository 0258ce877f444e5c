"""How does the page show virtual services and their real servers?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import Section
from exporter.render.rates import Rates
from exporter.render.words import span, things
from exporter.sources.ipvs.services import COUNTED, TABLE, WRITE, Known, causes, rated, title
from exporter.sources.ipvs.source import past

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from exporter.source import Look
    from vipwarden.node.ipvs.read import Table as Ipvs


class View:
    """Shows the table, with rates from one look to the next."""

    def __init__(self) -> None:
        self._rates = Rates()

    def show(self, look: Look) -> Section:
        """Return the section, virtual services with problems first."""
        facts: Ipvs | None = look.facts("ipvs")
        if facts is None:
            return Section({"totals": (), "services": (), "source": "", "nothing": _nothing(0)})
        growth = self._rates.take(look.outcomes["ipvs"].when, _counters(facts))
        hour = past(look.settings)
        ticks = hour.ticks(look.outcomes["ipvs"].when)
        checks = look.facts("checks")
        because = causes(checks.verdicts if checks else ())
        known = [Known(service, growth, hour, ticks, because) for service in facts.services]
        totals = map(rated, _totals(facts), growth.of(""), WRITE)
        order: Callable[[Known], float] = Known.rank
        if TABLE.order(look.room):
            order = lambda it: TABLE.best(look.room, it.servers)  # noqa: E731
        values = {
            "totals": list(zip(COUNTED, totals, strict=True)),
            "services": [group for it in sorted(known, key=order) if (group := it.group(look.room))],
            "source": _source(facts, growth.seconds),
            "nothing": _nothing(len(known)),
        }
        problems = [problem for it in known for problem in it.problems()]
        return Section(values, problems, [("Services served", sum(it.live > 0 for it in known), len(known))])


def _nothing(services: int) -> str:
    if not services:
        return "The kernel of this node has no virtual service."
    return f"{things(services, 'virtual service')} without room on this page: find one by its address above."


def _totals(table: Ipvs) -> Sequence[int]:
    totals = table.totals
    packets = totals.incoming_packets, totals.outgoing_packets
    return totals.connections, *packets, totals.incoming_bytes, totals.outgoing_bytes


def _counters(table: Ipvs) -> dict[Hashable, Sequence[int]]:
    """Return the counters of the table by their object; /proc has only totals."""
    counters: dict[Hashable, Sequence[int]] = {"": _totals(table)}
    for service in table.services:
        if service.counters:
            name = title(service)
            counters[name] = service.counters
            for endpoint, *numbers in zip(service.columns.endpoints, *service.columns.counters, strict=True):
                counters[name, endpoint] = numbers
    return counters


def _source(facts: Ipvs, seconds: float) -> str:
    if facts.source == "proc":
        text = f"Read from /proc, which has no counters of single services: {facts.why}."
        return f"{text} Rates of the totals are over {span(seconds)}." if seconds else text
    if seconds:
        return f"Rates are over the last {span(seconds)}, from the kernel's counters; Σ is the counter."
    return "This first page shows totals; the next has rates."
