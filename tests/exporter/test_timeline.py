"""What do /events and /api/events answer?"""

from __future__ import annotations

import json
import time
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from exporter.peer import Peer
from exporter.timeline import MOST
from tests.exporter.running import ask, metrics, nowhere, request, serving
from tests.servers.raw_http import raw_http
from vipwarden.events.event import decode, line
from vipwarden.events.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Segments]:
    """Yield the segments of the node."""
    segments = Segments(str(tmp_path / "events"))
    yield segments
    segments.close()


def some(begin: int, end: int, kind: str = "check", text: str = "") -> bytes:
    """Return the lines of events whose names are numbers."""
    return b"".join(line("test", number, kind, f"{number}", state="OK", text=text) for number in range(begin, end))


def names(body: str) -> list[str]:
    """Return the names of the events of an answer."""
    return [event["name"] for event in json.loads(body)["events"]]


def test_without_a_recorder_there_is_nothing(tmp_path: Path) -> None:
    """No series, and an error that says why."""
    page, api = ask(nowhere(tmp_path), "/events", "/api/events")
    assert (page.status, api.status) == (404, 404)
    assert "No recorder has written events" in api.body
    assert not [name for name, _ in metrics(nowhere(tmp_path)) if name.startswith("vipwarden_events")]


def test_the_counters_are_the_recorders(tmp_path: Path, record: Segments) -> None:
    """What is no kind is left out."""
    record.add(some(0, 1))
    (tmp_path / "events" / ".totals").write_text('{"check": 3, "evil\\n": 1, "vip": -1, "vrrp": "x"}')
    found = {
        labels: value for (name, labels), value in metrics(nowhere(tmp_path)).items() if "vipwarden_events" in name
    }
    assert found == {("check",): 3}


def test_the_last_events_are_served(tmp_path: Path, record: Segments) -> None:
    """As many as are allowed, in their order, and each choice."""
    record.add(some(0, MOST + 10))
    record.add(some(5000, 5001, "vip"))
    whole, vips, named = ask(
        nowhere(tmp_path), "/api/events", "/api/events?kind=vip", "/api/events?name=7&since=1700000000"
    )
    assert names(whole.body) == [*map(str, range(11, MOST + 10)), "5000"]
    assert names(vips.body) == ["5000"]
    assert names(named.body) == ["7"]
    assert whole.headers["Content-Type"] == "application/json"
    assert [json.loads(it.body)["missed"] for it in (whole, vips, named)] == [True, False, False]


def test_a_page_shows_them_escaped(tmp_path: Path, record: Segments) -> None:
    """What a peer has said is no HTML."""
    record.add(some(0, 2, text="<script>alert(1)</script>"))
    (page,) = ask(nowhere(tmp_path), "/events")
    assert page.status == 200
    assert "<script>" not in page.body
    assert "&lt;script&gt;alert(1)" in page.body


def test_a_long_poll_waits_for_the_next_event(tmp_path: Path, record: Segments) -> None:
    """And goes on after it."""

    def poll(port: int) -> list[list[str]]:
        first = json.loads(request(port, "/api/events").body)
        later = Timer(0.2, lambda: record.add(some(10, 12)))
        later.start()
        second = request(port, f"/api/events?after={first['after']}&wait=30")
        later.join()
        third = request(port, f"/api/events?after={json.loads(second.body)['after']}")
        return [[event["name"] for event in first["events"]], names(second.body), names(third.body)]

    record.add(some(0, 2))
    assert serving(nowhere(tmp_path), poll) == [["0", "1"], ["10", "11"], []]


@pytest.mark.parametrize(
    "query", ["since=x", "since=-1", "since=nan", "kind=nonsense", "after=..", "after=1-x", "wait=inf"]
)
def test_a_wrong_query_is_refused(tmp_path: Path, record: Segments, query: str) -> None:
    """With 400."""
    record.add(some(0, 1))
    assert ask(nowhere(tmp_path), f"/api/events?{query}")[0].status == 400


def test_the_page_has_the_events_of_peers(tmp_path: Path, record: Segments) -> None:
    """Asked in the background; a peer that is dead is named, and holds nothing up."""
    record.add(some(0, 1))
    other = tmp_path / "lb2" / "events"
    segments = Segments(str(other))
    segments.add(some(0, 1, text="from lb2").replace(b'"node":"', b'"node":"of-'))
    segments.close()

    def with_peer(port: int) -> None:
        peers = tuple(map(Peer, (f"lb2=http://127.0.0.1:{port}", "lb3=http://127.0.0.1:1")))

        def look(own: int) -> str:
            end = time.monotonic() + 60
            while "from lb2" not in (body := request(own, "/events").body) or "lb3: no answer yet" in body:
                assert time.monotonic() < end, body
                time.sleep(0.1)
            return body

        body = serving(nowhere(tmp_path, peers=peers), look)
        assert "lb3: " in body
        assert "its clock is not compared" in body

    serving(nowhere(tmp_path / "lb2"), with_peer)


def test_what_a_peer_says_in_the_name_of_this_node_is_shown_as_the_peers(tmp_path: Path, record: Segments) -> None:
    """Neither the order nor the times of this node's own events depend on it."""
    record.add(some(0, 1, text="own"))
    segments = Segments(str(tmp_path / "lb2" / "events"))
    segments.add(b"".join(some(0, 1, text="forged").replace(b'"boot":', b'"boot":9') for _ in range(2)))
    segments.close()

    def with_peer(port: int) -> None:
        def look(own: int) -> str:
            end = time.monotonic() + 60
            while "forged" not in (body := request(own, "/events").body):
                assert time.monotonic() < end, body
                time.sleep(0.1)
            return body + request(own, "/events").body

        body = serving(nowhere(tmp_path, peers=(Peer(f"lb2=http://127.0.0.1:{port}"),)), look)
        row = next(line for line in body.splitlines() if "forged" in line)
        assert "<td>lb2 (" in row
        assert all("(lb2" not in line and "lb2 (lb2" not in line for line in body.splitlines())

    serving(nowhere(tmp_path / "lb2"), with_peer)


MANY = b'{"events": [' + b"{}," * 2_000_000 + b"{}]}"  # which would take 180 MiB


@pytest.mark.parametrize(
    "answer",
    [b"[]", b"{}", b'{"events": 1}', b'{"events": [{}]}', b"[" * 100_000, b"\xff", pytest.param(MANY, id="many")],
)
def test_a_peer_that_answers_nonsense_is_named(tmp_path: Path, record: Segments, answer: bytes) -> None:
    """And the page has the events of this node."""
    record.add(some(0, 1, text="own"))
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
    with raw_http({"/api/events": (whole,)}) as server:

        def look(own: int) -> str:
            end = time.monotonic() + 60
            while "cannot be read" not in (body := request(own, "/events").body):
                assert time.monotonic() < end, body
                time.sleep(0.1)
            return body

        peer = Peer(f"lb2=http://127.0.0.1:{server.port}")
        assert "own" in serving(nowhere(tmp_path, peers=(peer,)), look)


def test_a_peer_with_events_of_the_future_crowds_nobody_out(tmp_path: Path, record: Segments) -> None:
    """Nor does one that names a thousand nodes, or writes HTML into each word."""
    record.add(some(0, 600, text="own"))
    fields = {**decode(some(0, 1)).as_dict(), "text": "<b>forged"}  # type: ignore[union-attr]
    forged = [
        {**fields, "wall": 9e10 + place, "boot": place, "n": place, "node": f"<i>{place}", "kind": "<u>"}
        for place in range(MOST)
    ]
    answer = json.dumps({"events": forged}).encode()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
    with raw_http({"/api/events": (whole,)}) as server:

        def look(own: int) -> str:
            end = time.monotonic() + 60
            while "forged" not in (body := request(own, "/events").body):
                assert time.monotonic() < end, body
                time.sleep(0.1)
            return body

        peer = Peer(f"lb2=http://127.0.0.1:{server.port}")
        body = serving(nowhere(tmp_path, peers=(peer,)), look)
    assert body.count(": own") == 500
    assert body.count("forged") == 500
    assert body.count("its clock is not compared") < 20
    assert not [tag for tag in ("<b>", "<i>", "<u>") if tag in body]
