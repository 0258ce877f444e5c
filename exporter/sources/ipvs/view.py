"""What does the kernel balance to whom, and how fast?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.view import Cell, Group, Problem, Row, is_wrong, key
from exporter.render.words import Mark, count, size, speed, things

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from exporter.render.rates import Growth
    from exporter.render.view import Room
    from vipwarden.node.ipvs.read import Server, Service, Table

_WRITE = (count, count, count, size, size)  # of each of COUNTERS
TOTAL = ("Connections", "Packets in", "Packets out", "Received", "Sent")


def counters(table: Table) -> dict[Hashable, Sequence[int]]:
    """Return every counter of the table by what it counts for; /proc has those of the whole alone."""
    totals = table.totals
    found: dict[Hashable, Sequence[int]] = {
        "": (
            totals.connections,
            totals.incoming_packets,
            totals.outgoing_packets,
            totals.incoming_bytes,
            totals.outgoing_bytes,
        )
    }
    for service in table.services:
        if service.counters:
            found[name(service)] = service.counters
            for endpoint, *numbers in zip(service.columns.endpoints, *service.columns.counters, strict=True):
                found[name(service), endpoint] = numbers
    return found


def totals(table: Table, growth: Growth) -> list[tuple[str, Cell]]:
    """Show the totals of all services."""
    return list(zip(TOTAL, _counted(counters(table)[""], growth.of("")), strict=True))


def groups(services: Iterable[Service], growth: Growth, room: Room) -> list[Group]:
    """Show the virtual services, what is wrong first."""
    found = sorted(services, key=_rank)  # so that they have room
    return [_group(one, growth, room) for one in found if room.wants(name(one)) or _names(one, room)]


def problems(services: Iterable[Service]) -> list[Problem]:
    """Return the services that nobody answers, and the real servers that get no new connections."""
    found = []
    for one in services:
        where, live = name(one), sum(int(weight) > 0 for weight in one.columns.weight)
        servers = len(one.columns.endpoints)
        if not live:
            text = f"{things(servers, 'real server')}, none of them with a weight above 0"
            found.append(
                Problem(_mark(live), f"IPVS {where}", text if servers else "no real servers", key("ipvs", where))
            )
        elif live < servers:
            quiet = [_endpoint(server.address, server.port) for server in one.servers if server.weight <= 0]
            text = ", ".join(quiet[:3]) + (f" and {count(len(quiet) - 3)} more" if len(quiet) > 3 else "")
            mark = Mark("warn", f"{count(len(quiet))} of {count(servers)} at weight 0")
            found.append(Problem(mark, f"IPVS {where}", text, key("ipvs", where)))
    return found


def name(service: Service) -> str:
    """Return the virtual service as ipvsadm would have it."""
    if service.mark:
        return f"firewall mark {int(service.mark, 16)}"
    return f"{service.proto} {_endpoint(service.address, service.port)}"


def _group(service: Service, growth: Growth, room: Room) -> Group:
    where = name(service)
    servers = service.servers
    total = sum(server.weight for server in servers if server.weight > 0)
    live = sum(server.weight > 0 for server in servers)
    rows = [_row(where, server, total, growth) for server in servers]
    listing = room.listing(rows, all_wanted=room.wants(where))
    numbers = zip(service.counters, growth.of(where), strict=True) if service.counters else ()
    pairs = [(speed(rate, write), write(number)) for (number, rate), write in zip(numbers, _WRITE, strict=False)]
    facts = [
        ("active", count(sum(one.active for one in servers))),
        ("inactive", count(sum(one.inactive for one in servers))),
    ]
    if pairs and growth.seconds:
        facts += [("connections", pairs[0][0]), ("in", pairs[3][0]), ("out", pairs[4][0])]
    elif pairs:
        facts += [("connections", pairs[0][1]), ("in", pairs[3][1]), ("out", pairs[4][1])]
    text = f"{service.scheduler}{', persistent' if service.persistent else ''}, {live} of {len(servers)} live"
    is_open = is_wrong(_mark(live)) or any(is_wrong(row.mark) for row in rows) or bool(room.find)
    return Group(key("ipvs", where), _mark(live), where, text, facts, listing, is_open)


def _row(where: str, server: Server, total: int, growth: Growth) -> Row:
    endpoint = _endpoint(server.address, server.port)
    mark = Mark("good", "live") if server.weight > 0 else Mark("warn", "weight 0")
    share = round(100 * server.weight / total) if total and server.weight > 0 else 0
    rates = growth.of((where, (server.address, str(server.port))))
    cells = (
        Cell(count(server.weight), share=share),
        Cell(count(server.active)),
        Cell(count(server.inactive), f"{count(server.persistent)} persistent" if server.persistent else ""),
        *(_counted(server.counters, rates) if server.counters else [Cell("-")] * len(_WRITE)),
    )
    return Row(key("ipvs", where, endpoint), mark, endpoint, server.forward, cells=cells)


def _counted(numbers: Sequence[int], rates: Sequence[float | None]) -> list[Cell]:
    """Show the rates, and the counters themselves below."""
    triples = zip(numbers, rates, _WRITE, strict=True)
    return [
        Cell(write(number)) if rate is None else Cell(speed(rate, write), f"Σ {write(number)}")
        for number, rate, write in triples
    ]


def _names(service: Service, room: Room) -> bool:
    return any(room.wants(_endpoint(address, int(port))) for address, port in service.columns.endpoints)


def _rank(service: Service) -> int:
    live = [int(weight) > 0 for weight in service.columns.weight]
    return 0 if not any(live) else 2 if all(live) else 1


def _mark(live: int) -> Mark:
    return Mark("good", "served") if live else Mark("bad", "no live server")


def _endpoint(address: str, port: int) -> str:
    if not port:  # of a service by mark: whichever the client asked for
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
