"""How does the page show virtual services and their real servers?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.render.model import BACKEND, Cell, Column, Group, Problem, Row, Section, key, named
from exporter.render.rates import Rates
from exporter.render.table import Table
from exporter.render.words import Mark, count, size, span, speed, things

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from exporter.render.model import Room
    from exporter.render.rates import Growth
    from exporter.source import Look
    from vipwarden.node.ipvs.read import Server, Service
    from vipwarden.node.ipvs.read import Table as Ipvs

_WRITE = (count, count, count, size, size)  # of each of COUNTERS
_COUNTED = ("Connections", "Packets in", "Packets out", "Received", "Sent")
_LIVE, _QUIET = Mark("good", "live"), Mark("warn", "weight 0")


class View:
    """Shows the table, with rates from one look to the next."""

    def __init__(self) -> None:
        self._rates = Rates()

    def show(self, look: Look) -> Section:
        """Return the section, virtual services with problems first."""
        facts: Ipvs | None = look.facts("ipvs")
        if facts is None:
            return Section({"totals": (), "services": (), "source": ""})
        growth = self._rates.take(look.outcomes["ipvs"].when, _counters(facts))
        known = [_Known(service, growth) for service in facts.services]
        totals = map(_rate, _totals(facts), growth.of(""), _WRITE)
        order: Callable[[_Known], float] = _Known.rank
        if _TABLE.order(look.room):
            order = lambda it: _TABLE.best(look.room, it.servers)  # noqa: E731
        values = {
            "totals": list(zip(_COUNTED, totals, strict=True)),
            "services": [group for it in sorted(known, key=order) if (group := it.group(look.room))],
            "source": _source(facts, growth.seconds),
        }
        problems = [problem for it in known for problem in it.problems()]
        return Section(values, problems, [("Services served", sum(it.live > 0 for it in known), len(known))])


class _Known:
    """A virtual service with its sums."""

    def __init__(self, service: Service, growth: Growth) -> None:
        self.service = service
        self.growth = growth
        self.name = _name(service)
        self.servers = [_Item(self, server) for server in service.servers]
        weights = [item.server.weight for item in self.servers if item.server.weight > 0]
        self.live, self.total, self.is_even = len(weights), sum(weights), len(set(weights)) < 2
        self.mark = Mark("good", "served") if self.live else Mark("bad", "no live server")

    def rank(self) -> int:
        """Return the key for sorting: no live server first, all live last."""
        return 0 if not self.live else 2 if self.live == len(self.servers) else 1

    def group(self, room: Room) -> Group | None:
        """Show it with its real servers, None if the reader wants none of them."""
        service, place, number = self.service, key("ipvs", self.name), len(self.servers)
        is_named = room.wants(self.name)
        names = None if is_named else lambda it: (it.name, it.server.forward)
        items = room.listing(self.servers, _mark, names, _TABLE.order(room))
        if not items and (room.choices.state or not is_named):
            return None
        facts = [
            ("active", count(sum(item.server.active for item in self.servers))),
            ("inactive", count(sum(item.server.inactive for item in self.servers))),
        ]
        if service.counters:
            rates = self.growth.of(self.name)
            for index, name in ((0, "connections"), (3, "in"), (4, "out")):
                write = _WRITE[index]
                number_ = speed(rates[index], write) if self.growth.seconds else write(service.counters[index])
                facts.append((name, number_))
        text = f"{service.scheduler}{', persistent' if service.persistent else ''}, {self.live} of {number} live"
        is_open = not self.live or self.live < number or any(room.choices)
        rows = _TABLE.listing(place, f"Real servers of {self.name}", items, self.name)
        share = round(100 * self.live / number) if self.live < number else None
        return Group(place, self.mark, self.name, text, facts, rows, is_open, share)

    def problems(self) -> Iterator[Problem]:
        """Yield that no real server is live, or which of them get no new connections."""
        number = len(self.servers)
        if not self.live:
            text = f"{things(number, 'real server')}, none of them with a weight above 0"
            row = key("ipvs", self.name)
            yield Problem(self.mark, f"IPVS {self.name}", text if number else "no real servers", row, BACKEND)
        elif self.live < number:
            quiet = [item.name for item in self.servers if item.server.weight <= 0]
            mark = Mark("warn", f"{count(len(quiet))} of {count(number)} at weight 0")
            yield Problem(mark, f"IPVS {self.name}", named(quiet), key("ipvs", self.name))


class _Item(NamedTuple):
    """A real server of a virtual service."""

    service: _Known
    server: Server

    @property
    def name(self) -> str:
        return _endpoint(self.server.address, self.server.port)


def _totals(table: Ipvs) -> Sequence[int]:
    totals = table.totals
    packets = totals.incoming_packets, totals.outgoing_packets
    return totals.connections, *packets, totals.incoming_bytes, totals.outgoing_bytes


def _counters(table: Ipvs) -> dict[Hashable, Sequence[int]]:
    """Return the counters of the table by their object; /proc has only totals."""
    counters: dict[Hashable, Sequence[int]] = {"": _totals(table)}
    for service in table.services:
        if service.counters:
            name = _name(service)
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


def _name(service: Service) -> str:
    """Return the virtual service as in ipvsadm."""
    if service.mark:
        return f"firewall mark {int(service.mark, 16)}"
    return f"{service.proto} {_endpoint(service.address, service.port)}"


def _endpoint(address: str, port: int) -> str:
    if not port:  # of a service by mark: the client's
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _mark(item: _Item) -> Mark:
    return _LIVE if item.server.weight > 0 else _QUIET


def _rate(number: int, rate: float | None, write: Callable[[float], str]) -> Cell:
    return Cell(write(number)) if rate is None else Cell(speed(rate, write), f"Σ {write(number)}")


def _counted(place: int) -> Callable[[_Item], float]:
    return lambda item: item.server.counters[place] if item.server.counters else 0


def _counter(place: int) -> Callable[[_Item], Cell]:
    def cell(item: _Item) -> Cell:
        known, server = item
        if not server.counters:
            return Cell("-")
        rate = known.growth.of((known.name, (server.address, str(server.port))))[place]
        return _rate(server.counters[place], rate, _WRITE[place])

    return cell


def _weight(item: _Item) -> Cell:
    weight, service = item.server.weight, item.service
    return Cell(count(weight), share=None if service.is_even or weight <= 0 else round(100 * weight / service.total))


def _inactive(item: _Item) -> Cell:
    persistent = item.server.persistent
    return Cell(count(item.server.inactive), f"{count(persistent)} persistent" if persistent else "")


def _row(item: _Item) -> Row:
    return Row(key("ipvs", item.service.name, item.name), _mark(item), item.name, item.server.forward)


_TABLE = Table(
    "reals",
    "Real server",
    Column("Weight", "number", _weight, lambda item: item.server.weight),
    Column("Active", "number", lambda item: Cell(count(item.server.active)), lambda item: item.server.active),
    Column("Inactive", "number", _inactive, lambda item: item.server.inactive),
    *(Column(name, "number bytes", _counter(place), _counted(place)) for place, name in enumerate(_COUNTED)),
    row=_row,
)
