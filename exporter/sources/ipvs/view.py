"""What does the kernel balance to whom, and how fast?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.render.model import Cell, Column, Group, Problem, Row, Section, key
from exporter.render.rates import Rates
from exporter.render.table import Table
from exporter.render.words import Mark, count, size, span, speed, things

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from exporter.render.model import Room
    from exporter.render.rates import Growth
    from exporter.source import Look
    from vipwarden.node.ipvs.read import Service
    from vipwarden.node.ipvs.read import Table as Ipvs

_WRITE = (count, count, count, size, size)  # of each of COUNTERS
_COUNTED = ("Connections", "Packets in", "Packets out", "Received", "Sent")
_LIVE, _QUIET = Mark("good", "live"), Mark("warn", "weight 0")


class View:
    """Shows the table, with rates from one look to the next."""

    def __init__(self) -> None:
        self._rates = Rates()

    def show(self, look: Look) -> Section:
        """Return the section: virtual services of which something is wrong come first."""
        facts: Ipvs | None = look.facts("ipvs")
        if facts is None:
            return Section({"totals": (), "services": (), "source": ""})
        growth = self._rates.take(look.outcomes["ipvs"].when, _counters(facts))
        known = [_Known(service, growth) for service in facts.services]
        values = {
            "totals": list(zip(_COUNTED, _rated(_totals(facts), growth.of("")), strict=True)),
            "services": [
                service.group(look.room) for service in sorted(known, key=_rank) if service.is_wanted(look.room)
            ],
            "source": _source(facts, growth.seconds),
        }
        problems = [problem for service in known for problem in service.problems()]
        return Section(values, problems, [("Services served", sum(one.live > 0 for one in known), len(known))])


class _Server(NamedTuple):
    """A real server: a place in the columns of its service."""

    service: _Known
    place: int

    @property
    def name(self) -> str:
        return _endpoint(*self.service.columns.endpoints[self.place])

    def value(self, column: str) -> int:
        return int(getattr(self.service.columns, column)[self.place])

    @property
    def forward(self) -> str:
        return self.service.columns.forward[self.place]

    @property
    def mark(self) -> Mark:
        return self.service.marks[self.place]


class _Known:
    """A virtual service and what is reckoned of it once."""

    def __init__(self, service: Service, growth: Growth) -> None:
        self.service = service
        self.growth = growth
        self.columns = service.columns
        self.name = _name(service)
        self.weights = list(map(int, self.columns.weight))
        self.marks = [_LIVE if weight > 0 else _QUIET for weight in self.weights]
        self.live = sum(weight > 0 for weight in self.weights)
        self.total = sum(weight for weight in self.weights if weight > 0)
        self.mark = Mark("good", "served") if self.live else Mark("bad", "no live server")

    def is_wanted(self, room: Room) -> bool:
        return room.wants(self.name) or any(room.wants(_endpoint(*each)) for each in self.columns.endpoints)

    def group(self, room: Room) -> Group:
        """Show it with its real servers."""
        service, key_, number = self.service, key("ipvs", self.name), len(self.weights)
        servers = [_Server(self, place) for place in range(number)]
        found = room.listing(
            servers, lambda one: one.mark, None if room.wants(self.name) else lambda one: (one.name, one.forward)
        )
        facts = [(name, count(sum(map(int, getattr(self.columns, name))))) for name in ("active", "inactive")]
        if service.counters:
            rates = self.growth.of(self.name) if self.growth.seconds else [None] * len(_WRITE)
            for place, name in ((0, "connections"), (3, "in"), (4, "out")):
                write, value = _WRITE[place], service.counters[place]
                facts.append((name, speed(rates[place], write) if self.growth.seconds else write(value)))
        text = f"{service.scheduler}{', persistent' if service.persistent else ''}, {self.live} of {number} live"
        is_open = not self.live or self.live < number or bool(room.find)
        rows = _TABLE.listing(key_, f"Real servers of {self.name}", found, self.name)
        return Group(key_, self.mark, self.name, text, facts, rows, is_open)

    def problems(self) -> Iterator[Problem]:
        """Yield that no real server is live, or which of them get no new connections."""
        number = len(self.weights)
        if not self.live:
            text = f"{things(number, 'real server')}, none of them with a weight above 0"
            yield Problem(self.mark, f"IPVS {self.name}", text if number else "no real servers", key("ipvs", self.name))
        elif self.live < number:
            quiet = [
                _endpoint(*endpoint)
                for endpoint, weight in zip(self.columns.endpoints, self.weights, strict=True)
                if weight <= 0
            ]
            text = ", ".join(quiet[:3]) + (f" and {count(len(quiet) - 3)} more" if len(quiet) > 3 else "")
            mark = Mark("warn", f"{count(len(quiet))} of {count(number)} at weight 0")
            yield Problem(mark, f"IPVS {self.name}", text, key("ipvs", self.name))


def _totals(table: Ipvs) -> Sequence[int]:
    totals = table.totals
    packets = totals.incoming_packets, totals.outgoing_packets
    return totals.connections, *packets, totals.incoming_bytes, totals.outgoing_bytes


def _counters(table: Ipvs) -> dict[Hashable, Sequence[int]]:
    """Return every counter of the table by what it counts for; /proc has those of the whole alone."""
    found: dict[Hashable, Sequence[int]] = {"": _totals(table)}
    for service in table.services:
        if service.counters:
            name = _name(service)
            found[name] = service.counters
            for endpoint, *numbers in zip(service.columns.endpoints, *service.columns.counters, strict=True):
                found[name, endpoint] = numbers
    return found


def _source(facts: Ipvs, seconds: float) -> str:
    if facts.source == "proc":
        text = f"Read from /proc, which has no counters of single services: {facts.why}."
        return f"{text} Rates of the totals are over {span(seconds)}." if seconds else text
    if seconds:
        return f"Rates are over the last {span(seconds)}, from the kernel's counters; Σ is what they stand at."
    return "Rates come with the next look: this is the first, and shows totals."


def _name(service: Service) -> str:
    """Return the virtual service as ipvsadm would have it."""
    if service.mark:
        return f"firewall mark {int(service.mark, 16)}"
    return f"{service.proto} {_endpoint(service.address, str(service.port))}"


def _rank(one: _Known) -> int:
    return 0 if not one.live else 2 if one.live == len(one.weights) else 1


def _endpoint(address: str, port: str) -> str:
    if port == "0":  # of a service by mark: whichever the client asked for
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _rated(numbers: Sequence[int], rates: Sequence[float | None]) -> list[Cell]:
    """Show the rates, and the counters themselves below."""
    triples = zip(numbers, rates, _WRITE, strict=True)
    return [_rate(number, rate, write) for number, rate, write in triples]


def _rate(number: int, rate: float | None, write: Callable[[float], str]) -> Cell:
    return Cell(write(number)) if rate is None else Cell(speed(rate, write), f"Σ {write(number)}")


def _counter(place: int) -> Callable[[_Server], Cell]:
    def cell(server: _Server) -> Cell:
        columns, known = server.service.columns, server.service
        if not columns.counters:
            return Cell("-")
        rate = known.growth.of((known.name, columns.endpoints[server.place]))[place]
        return _rate(int(columns.counters[place][server.place]), rate, _WRITE[place])

    return cell


def _weight(server: _Server) -> Cell:
    weight, total = server.service.weights[server.place], server.service.total
    return Cell(count(weight), share=round(100 * weight / total) if total and weight > 0 else 0)


def _inactive(server: _Server) -> Cell:
    persistent = server.value("persistent") if server.service.columns.persistent else 0
    return Cell(count(server.value("inactive")), f"{count(persistent)} persistent" if persistent else "")


def _row(server: _Server) -> Row:
    return Row(key("ipvs", server.service.name, server.name), server.mark, server.name, server.forward)


_TABLE = Table(
    "reals",
    "Real server",
    Column("Weight", "number", _weight),
    Column("Active", "number", lambda server: Cell(count(server.value("active")))),
    Column("Inactive", "number", _inactive),
    *(Column(name, "number", _counter(place)) for place, name in enumerate(_COUNTED)),
    row=_row,
)
