"""What are the virtual services on the page, their real servers and their problems?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from exporter.render.model import BACKEND, Cell, Column, Group, Problem, Row, key, named
from exporter.render.table import Table, drawn
from exporter.render.words import Mark, count, size, speed, things
from exporter.sources.ipvs.history import ACTIVE, CONNECTIONS, LIVE, WHOLE, name
from vipwarden.core.result import OK
from vipwarden.core.values import endpoint
from vipwarden.state.standing import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from exporter.render.history import Past
    from exporter.render.model import Room
    from exporter.render.rates import Growth
    from vipwarden.node.ipvs.read import Server, Service
    from vipwarden.state.verdict import Verdict

    Endpoint = tuple[str, str]
    Ticks = Mapping[Hashable, Sequence[tuple[int, bytes]]]

WRITE = (count, count, count, size, size)  # of each of COUNTERS
COUNTED = ("Connections", "Packets in", "Packets out", "Received", "Sent")
_LIVE, _QUIET, _KEPT = Mark("good", "live"), Mark("warn", "weight 0"), Mark("maint", "weight 0")
_CHECKED = re.compile(r"[^@]+@\[?([^]@]+?)\]?(?:@.+)?:([0-9]+)")  # NAME@ADDRESS:PORT or NAME@ADDRESS@VIP:PORT


def causes(verdicts: Iterable[Verdict]) -> dict[Endpoint, bool]:
    """Return the real servers whose own checks are not OK or, True, in maintenance: of these is the weight 0."""
    known: dict[Endpoint, bool] = {}
    for verdict in verdicts:
        if (match := _CHECKED.fullmatch(verdict.name)) and (verdict.maintenance or standing(verdict).state != OK):
            known[match[1], match[2]] = known.get((match[1], match[2]), False) or bool(verdict.maintenance)
    return known


class Known:
    """A virtual service with its sums; ``causes`` are those of weights of 0."""

    def __init__(
        self, service: Service, growth: Growth, hour: Past, ticks: Ticks, causes: Mapping[Endpoint, bool]
    ) -> None:
        self.service = service
        self.growth = growth
        self.name = title(service)
        self._key = name(service)
        self._hour = hour
        self._ticks = ticks
        self.causes = causes
        self.servers = [_Item(self, server) for server in service.servers]
        weights = [item.server.weight for item in self.servers if item.server.weight > 0]
        self.live, self.total, self.is_even = len(weights), sum(weights), len(set(weights)) < 2
        self.mark = Mark("good", "served") if self.live else Mark("bad", "no live server")

    def line(self, what: int, server: Endpoint = WHOLE) -> tuple[str, str]:
        """Return the outline of ACTIVE or CONNECTIONS in the last quarter of an hour, and what it says."""
        is_rate = what == CONNECTIONS
        return self._hour.outline((self._key, server), what, speed if is_rate else count, is_rate=is_rate)

    def ticks(self, server: Endpoint) -> list[tuple[int, str]]:
        """Return when the weight of a real server has become 0 in the last hour, or is so no more."""
        known = self._ticks.get((self._key, server), ())
        return [(minute, (_LIVE if state == LIVE else _QUIET).tone) for minute, state in known]

    def rank(self) -> int:
        """Return the key for sorting: no live server first, all live last."""
        return 0 if not self.live else 2 if self.live == len(self.servers) else 1

    def group(self, room: Room) -> Group | None:
        """Show it with its real servers, None if the reader wants none of them."""
        service, place, number = self.service, key("ipvs", self.name), len(self.servers)
        is_named = room.wants(self.name)
        names = None if is_named else lambda it: (it.name, it.server.forward)
        items = room.listing(self.servers, _mark, names, TABLE.order(room))
        if (not items and (room.choices.state or not is_named)) or not room.admits(items):
            return None
        facts = [
            ("active", count(sum(item.server.active for item in self.servers)), drawn(self.line(ACTIVE))),
            ("inactive", count(sum(item.server.inactive for item in self.servers)), ""),
        ]
        if service.counters:
            rates = self.growth.of(self.name)
            for index, label in ((0, "connections"), (3, "in"), (4, "out")):
                write = WRITE[index]
                number_ = speed(rates[index], write) if self.growth.seconds else write(service.counters[index])
                facts.append((label, number_, drawn(self.line(CONNECTIONS)) if not index else ""))
        text = f"{service.scheduler}{', persistent' if service.persistent else ''}, {self.live} of {number} live"
        is_open = not self.live or self.live < number or any(room.choices)
        rows = TABLE.listing(place, f"Real servers of {self.name}", items, self.name)
        share = round(100 * self.live / number) if self.live < number else None
        return Group(place, self.mark, self.name, text, facts, rows, is_open, share)

    def problems(self) -> Iterator[Problem]:
        """Yield that no real server is live, or which get no new connections, though no check says why."""
        number = len(self.servers)
        if not self.live:
            text = f"{things(number, 'real server')}, none of them with a weight above 0"
            row = key("ipvs", self.name)
            yield Problem(self.mark, f"IPVS {self.name}", text if number else "no real servers", row, BACKEND)
        elif quiet := [it.name for it in self.servers if it.server.weight <= 0 and it.endpoint not in self.causes]:
            mark = Mark("warn", f"{count(len(quiet))} of {count(number)} at weight 0")
            yield Problem(mark, f"IPVS {self.name}", named(quiet), key("ipvs", self.name))


class _Item(NamedTuple):
    """A real server of a virtual service."""

    service: Known
    server: Server

    @property
    def name(self) -> str:
        return _endpoint(self.server.address, self.server.port)

    @property
    def endpoint(self) -> Endpoint:
        """Address and port as the table has them."""
        return self.server.address, str(self.server.port)


def title(service: Service) -> str:
    """Return the virtual service as in ipvsadm."""
    if service.mark:
        return f"firewall mark {int(service.mark, 16)}"
    return f"{service.proto} {_endpoint(service.address, service.port)}"


def _endpoint(address: str, port: int) -> str:
    if not port:  # of a service by mark: the client's
        return address
    return endpoint(address, port)


def _mark(item: _Item) -> Mark:
    if item.server.weight > 0:
        return _LIVE
    return _KEPT if item.service.causes.get(item.endpoint) else _QUIET


def rated(number: int, rate: float | None, write: Callable[[float], str]) -> Cell:
    """Return a counter, and its rate if that is known."""
    return Cell(write(number)) if rate is None else Cell(speed(rate, write), f"Σ {write(number)}")


def _counted(place: int) -> Callable[[_Item], float]:
    return lambda item: item.server.counters[place] if item.server.counters else 0


def _counter(place: int) -> Callable[[_Item], Cell]:
    def cell(item: _Item) -> Cell:
        known, server = item
        if not server.counters:
            return Cell("-")
        rate = known.growth.of((known.name, item.endpoint))[place]
        shown = rated(server.counters[place], rate, WRITE[place])
        return shown._replace(line=known.line(CONNECTIONS, item.endpoint)) if not place else shown

    return cell


def _active(item: _Item) -> Cell:
    return Cell(count(item.server.active), line=item.service.line(ACTIVE, item.endpoint))


def _weight(item: _Item) -> Cell:
    weight, service = item.server.weight, item.service
    return Cell(count(weight), share=None if service.is_even or weight <= 0 else round(100 * weight / service.total))


def _inactive(item: _Item) -> Cell:
    persistent = item.server.persistent
    return Cell(count(item.server.inactive), f"{count(persistent)} persistent" if persistent else "")


def _row(item: _Item) -> Row:
    ticks = item.service.ticks(item.endpoint)
    return Row(key("ipvs", item.service.name, item.name), _mark(item), item.name, item.server.forward, ticks=ticks)


TABLE = Table(
    "reals",
    "Real server",
    Column("Weight", "number", _weight, lambda item: item.server.weight),
    Column("Active", "number", _active, lambda item: item.server.active),
    Column("Inactive", "number", _inactive, lambda item: item.server.inactive),
    *(Column(name, "number bytes", _counter(place), _counted(place)) for place, name in enumerate(COUNTED)),
    row=_row,
)
