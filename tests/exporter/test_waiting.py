"""Do clients that wait for the next event hold up each other, or anybody else?"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.events.make import until
from tests.exporter.running import nowhere, request, serving
from vipwarden.events.event import line
from vipwarden.events.segments import Segments

if TYPE_CHECKING:
    from pathlib import Path


def some(number: int) -> bytes:
    """Return the line of an event."""
    return line("test", number, "check", f"{number}", state="OK")


def test_many_who_wait_hold_nobody_up(tmp_path: Path) -> None:
    """More than may read at once: each gets the next event, and others are answered meanwhile."""
    record = Segments(str(tmp_path / "events"))
    record.add(some(1))

    def poll(port: int) -> list[str]:
        after = json.loads(request(port, "/api/events").body)["after"]
        with ThreadPoolExecutor(30) as clients:
            waiting = [clients.submit(request, port, f"/api/events?after={after}&wait=30") for _ in range(30)]
            for path in ("/api/events", "/metrics", "/events", "/api/events?after=0-0"):
                assert request(port, path).status == 200
            assert not any(it.done() for it in waiting)
            record.add(some(2))
            return [json.loads(it.result(60).body)["events"][0]["name"] for it in waiting]

    assert serving(nowhere(tmp_path, max_scrapes=8, max_connections=100), poll) == ["2"] * 30
    record.close()


def test_so_many_wait_that_others_find_a_connection(tmp_path: Path) -> None:
    """Who comes when half of the connections wait is told that it is busy."""
    record = Segments(str(tmp_path / "events"))
    record.add(some(1))

    def poll(port: int) -> list[int]:
        after = json.loads(request(port, "/api/events").body)["after"]
        with ThreadPoolExecutor(13) as clients:
            waiting = [clients.submit(request, port, f"/api/events?after={after}&wait=30") for _ in range(13)]
            until(lambda: sum(it.done() for it in waiting) >= 3)
            assert request(port, "/api/events").status == 200
            record.add(some(2))
            return sorted(it.result(60).status for it in waiting)

    assert serving(nowhere(tmp_path, max_connections=20), poll) == [200] * 10 + [503] * 3
    record.close()
