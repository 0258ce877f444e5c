"""Does the page know the last quarter of an hour of each server, bounded, whatever the table does?"""

from __future__ import annotations

import asyncio
import tracemalloc
from threading import Event
from typing import Any

import pytest

from exporter.frame import Frame
from exporter.render.history import STEP, Change, Past, outline
from exporter.render.words import count
from exporter.source import Source
from exporter.sources.haproxy.history import ERRORS, SESSIONS, TOTAL, History
from exporter.sources.haproxy.source import Haproxies, Instance
from tests.exporter import sample
from tests.exporter.running import nowhere
from vipwarden.node.haproxy.table import Table, parse

A, B = (b"web", b"web-1"), (b"web", b"web-2")


def table(*lines: str) -> Table:
    """Return HAProxy's table."""
    return parse("\n".join([f"# {sample.HEADER},", *lines, ""]).encode())


def server(number: int, status: str = "UP", **others: Any) -> str:
    """Return the line of a server."""
    return sample.server("web", number, status, **{"lastchg": 5, **others})


def test_samples_are_taken_every_half_minute_and_kept_for_a_quarter_of_an_hour() -> None:
    """However often the table is read; a page just opened has them all."""
    history = History()
    past = Past()
    for second in range(0, 3000, 5):
        past = history.take(1000.0 + second, table(server(1, scur=second, stot=10 * second, econ=0, eresp=0)))
    sessions, rates = past.gauge(A, SESSIONS), past.rate(A, TOTAL)
    assert len(past.times) == len(sessions) == 31
    assert sessions[-1][0] == 30
    assert [value for _, value in sessions] == [30 * step for step in range(69, 100)]
    assert {value for _, value in rates} == {10.0}
    assert past.rate(A, ERRORS) == [(at, 0.0) for at in range(1, 31)]
    assert past.gauge(B, SESSIONS) == []


def test_numbers_without_measure_have_no_past() -> None:
    """Whatever a HAProxy tells, its other series are there: 2⁶³ is no counter, nor is a sum of two a larger one."""
    history = History()
    for when, digits in ((0, 18), (30, 19), (60, 40)):
        most = "9" * digits
        past = history.take(when, table(server(1, scur=most, stot=most, econ=most, eresp=most), server(2)))
    assert past.gauge(A, SESSIONS) == []
    assert past.gauge(A, ERRORS) == [(28, 2 * (10**18 - 1))]


def test_rows_that_come_go_and_move_keep_their_own_past() -> None:
    """And a gap stays one."""
    history = History()
    history.take(0, table(server(1, scur=1), server(2, scur=20)))
    history.take(30, table(server(2, scur=21)))
    past = history.take(90, table(server(2, scur=22), server(3, scur=3), server(1, scur=2)))
    assert past.gauge(B, SESSIONS) == [(27, 20), (28, 21), (30, 22)]
    assert past.gauge(A, SESSIONS) == [(30, 2)]  # what has gone has no past
    assert past.gauge((b"web", b"web-3"), SESSIONS) == [(30, 3)]


def test_counters_that_were_reset_and_lies_are_no_rates() -> None:
    """Words, signs, and numbers without end."""
    history = History()
    for step, total in enumerate(("10", "5", "65", "x", "-1", "9" * 400, "185", "215")):
        past = history.take(step * STEP, table(server(1, stot=total, scur="1e9", econ="", eresp="")))
    assert past.rate(A, TOTAL) == [(25, 2.0), (29, 1.0), (30, 1.0)]
    assert past.gauge(A, SESSIONS) == past.rate(A, ERRORS) == []


def test_changes_of_a_state_are_known_for_an_hour() -> None:
    """From the time that HAProxy tells; the way to a state is none, nor is a start."""
    history = History()
    past = history.take(0, table(server(1), server(2, "DOWN", lastchg=60, chkdown=1)))
    assert past.changes == (Change(-60, B, b"DOWN"),)
    history.take(5, table(server(1, "UP 1/2"), server(2, "DOWN 1/2", chkdown=1)))
    history.take(10, table(server(1, "DOWN", lastchg=2), server(2, "UP", lastchg=0)))
    past = history.take(15, table(server(2, "UP"), server(1, "DOWN", lastchg=7)))
    assert past.changes == (Change(-60, B, b"DOWN"), Change(8, A, b"DOWN"), Change(10, B, b"UP"))
    assert past.ticks(600) == {A: [(50, b"DOWN")], B: [(49, b"DOWN"), (50, b"UP")]}
    past = history.take(3595, table(server(2, "UP"), server(1, "DOWN", lastchg=7)))
    assert past.changes == (Change(8, A, b"DOWN"), Change(10, B, b"UP"))


def test_the_memory_is_bounded() -> None:
    """At most 20 MB for 5000 servers: 2 kB for each, and the changes; nothing is kept of a table without bounds."""
    history = History()
    head = "# pxname,svname,type,status,scur,stot,econ,eresp,check_duration,lastchg,chkdown,"
    rows = "be-{},s{},2,{},1,1,1,1,1,1,1,"
    tables = [
        parse("\n".join([head, *(rows.format(row // 50, row + begin, state) for row in range(1000)), ""]).encode())
        for begin in (0, 50)
        for state in ("UP", "DOWN")
    ]
    for step in range(28):
        history.take(step * STEP, tables[step % 2])
    tracemalloc.start()
    try:
        for step in range(28, 28 + 32):  # until nothing is left of before
            past = history.take(step * STEP, tables[2 + step % 2])
        assert len(past.times) == 31
        assert len(past.changes) == 10_000
        del past
        assert tracemalloc.get_traced_memory()[0] < 6_000_000
    finally:
        tracemalloc.stop()
    assert history.take(9999, table(*(server(row) for row in range(20_001)))) == Past()


def test_a_line_is_drawn_where_there_is_something_to_see() -> None:
    """With what it says."""
    assert outline([(28, 0), (29, 5), (30, 20)], count) == ("28 10 28 10 29 8 30 0 30 10", "15 min: 0 to 20")
    assert outline([(29, 5), (30, 5)], count) == outline([(30, 5)], count) == ("", "")


def test_a_source_with_a_history_is_read_where_nobody_else_does(tmp_path: Any) -> None:
    """And no other source; a reading of somebody else counts."""
    read: list[str] = []
    enough = Event()

    def note(name: str) -> None:
        read.append(name)
        if len(read) == 3:
            enough.set()

    def source(name: str, *, remembers: bool) -> Source[Any]:
        return Source(name, lambda _: note(name), lambda _: [], remembers=remembers)

    async def run() -> None:
        frame = Frame(nowhere(tmp_path), [source("one", remembers=True), source("two", remembers=False)])
        keeping = asyncio.create_task(frame.keep(0.2))
        assert await asyncio.to_thread(enough.wait, 60)
        keeping.cancel()

    asyncio.run(run())
    assert set(read) == {"one"}


@pytest.mark.parametrize("width", [1, 3])
def test_the_page_has_the_lines_and_the_ticks(width: int, tmp_path: Any) -> None:
    """Below the numbers, and in the state."""
    from exporter.choice import Choice
    from exporter.page import Page
    from exporter.source import Outcome

    history = History()
    for step in range(width + 1):
        lines = [
            server(1, "DOWN" if step else "UP", scur=step, lastchg=0, check_duration=7),
            sample.row("web", "BACKEND", 1, "UP", scur=2 * step),
        ]
        past = history.take(step * STEP, table(*lines))
    instance = Instance((), sample.report(lines, {}), past=past)
    node = [one for one in sample.node() if one.name == "haproxy"]
    html = (
        Page()
        .write([Outcome(node[0], 0.1, Haproxies([instance], Choice()), when=width * STEP)], nowhere(tmp_path))
        .decode()
    )
    assert f'aria-label="15 min: 0 to {width}"' in html
    assert f'aria-label="15 min: 0 to {2 * width}"' in html  # of the backend, in its summary
    assert html.count('class="line"') == 2
    assert 'aria-label="1 change in the last hour"' in html
    assert '<path class="bad" d="M' in html
