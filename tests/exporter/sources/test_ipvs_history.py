"""Does the page know the last quarter of an hour of each real server and of its service?"""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from exporter.page import Page
from exporter.render.history import STEP, Change
from exporter.source import Outcome
from exporter.sources.ipvs import source
from exporter.sources.ipvs.history import ACTIVE, CONNECTIONS, WHOLE, History
from tests.exporter import sample
from tests.exporter.running import nowhere

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from vipwarden.node.ipvs.read import Table

WEB = "TCP", "192.0.2.10", 80, ""
A, B = ("198.51.100.21", "80"), ("198.51.100.22", "80")


def table(step: int, *servers: tuple[str, int, int]) -> Table:
    """Return the kernel's table after so many steps; servers are address, weight and active connections."""
    return sample.ipvs(step, [sample.service("192.0.2.10", 80, list(servers), step)])


def test_servers_and_their_service_have_a_past() -> None:
    """Active connections, and new ones a second; of a server that comes later from then on."""
    history = History()
    history.take(0, table(0, (A[0], 10, 4)))
    history.take(STEP, table(1, (A[0], 10, 6)))
    past = history.take(2 * STEP, table(2, (B[0], 10, 1), (A[0], 10, 8)))
    assert past.gauge((WEB, A), ACTIVE) == [(28, 4), (29, 6), (30, 8)]
    assert past.gauge((WEB, B), ACTIVE) == [(30, 1)]
    assert past.gauge((WEB, WHOLE), ACTIVE) == [(28, 4), (29, 6), (30, 9)]
    assert past.rate((WEB, A), CONNECTIONS)[0] == (29, 31 / STEP)
    assert past.rate((WEB, B), CONNECTIONS) == []


def test_a_weight_that_becomes_0_is_a_change_of_the_state() -> None:
    """And its return; a server that comes is none."""
    history = History()
    history.take(0, table(0, (A[0], 10, 4)))
    history.take(5, table(0, (A[0], 0, 4), (B[0], 0, 4)))
    past = history.take(9, table(0, (A[0], 7, 4), (B[0], 0, 4)))
    assert past.changes == (Change(5, (WEB, A), b"weight 0"), Change(9, (WEB, A), b"live"))


def test_a_table_of_proc_has_no_counters_and_words_for_numbers() -> None:
    """What it has is kept."""
    history = History()
    for step in range(3):
        known = table(step, (A[0], 10, 4))
        known.services[0].counters = ()
        columns = known.services[0].columns
        columns.counters, columns.active, columns.weight = (), [b"%d" % step], [b"10"]
        past = history.take(step * STEP, known)
    assert past.gauge((WEB, A), ACTIVE) == [(28, 0), (29, 1), (30, 2)]
    assert past.rate((WEB, A), CONNECTIONS) == past.rate((WEB, WHOLE), CONNECTIONS) == []


def test_the_memory_is_bounded() -> None:
    """At most 20 MB for 5000 real servers: 4 MB here for 1000, all of which change at once, again and again."""
    history = History()
    tables = [table(0, *((f"198.18.{one // 250}.{one % 250}", weight, 3) for one in range(1000))) for weight in (0, 1)]
    tracemalloc.start()
    try:
        for step in range(64):
            past = history.take(step * STEP, tables[step % 2])
        assert len(past.times) == 31
        assert len(past.changes) == 10_000
        assert tracemalloc.get_traced_memory()[0] < 4_000_000
    finally:
        tracemalloc.stop()


def test_the_page_has_the_lines_of_servers_and_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the marks of a weight that went to 0."""
    known = nowhere(tmp_path)
    history = History()
    monkeypatch.setitem(source._MEMORY.histories, known.proc, history)
    for step in range(4):
        facts = table(step * step, (A[0], 0 if step == 3 else 10, step), (B[0], 10, 5))
        history.take(step * STEP, facts)
    node = [one for one in sample.node() if one.name == "ipvs"]
    html = Page().write([Outcome(node[0], 0.1, facts, when=3 * STEP)], known).decode()
    assert 'aria-label="15 min: 0 to 3"' in html
    assert 'aria-label="15 min: 5 to 8"' in html
    assert html.count('class="line"') == 2 + 3  # active of A and the service, connections of all three
    assert 'aria-label="1 change in the last hour"' in html
