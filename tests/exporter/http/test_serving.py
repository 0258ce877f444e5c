"""What does a scrape get, and what does it cost the others? Over real HTTP; a collector of the tests reads nothing."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, TCPConnector
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from exporter.http import server
from exporter.http.answer import deadline
from exporter.render.exposition import Family
from exporter.source import Source
from tests.exporter.http.test_accept import PROMETHEUS_2, PROMETHEUS_3
from tests.exporter.running import Answer, ask, nowhere, request, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.settings import Settings

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Sources:
    """Two collectors: one that answers at once, and one that waits until it may go on."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        self.reads = {"quick": 0, "slow": 0}

    def collectors(self) -> tuple[Source[Any], ...]:
        """Return them."""
        return (
            Source("quick", lambda _: self._read("quick"), self._write, up="quick_up"),
            Source("slow", self._wait, self._write, up="slow_up"),
        )

    def _read(self, name: str) -> str:
        self.reads[name] += 1
        return name

    def _wait(self, _: Settings) -> str:
        self.asked.set()
        name = self._read("slow")
        self.go.wait(20)
        return name

    def _write(self, name: str) -> Iterator[Family]:
        family = Family(f"{name}_reads_total", "counter", "How often it was read.", ("odd",))
        family.add(self.reads[name], 'a "b"\n\\')
        yield family


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """Put them in the place of the real ones."""
    made = Sources()
    monkeypatch.setattr(server, "sources", made.collectors)
    yield made
    made.go.set()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, TEXT),
        ("*/*", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", OPENMETRICS.replace("1.0.0", "0.0.1")),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.1", TEXT),
        ("nonsense;;;", TEXT),
    ],
)
def test_both_formats_are_what_their_parsers_read(
    sources: Sources, tmp_path: Path, accept: str | None, kind: str
) -> None:
    """With the same samples in both, and a label that is hard to write."""
    sources.go.set()
    answer = ask(nowhere(tmp_path), "/metrics", headers={"Accept": accept} if accept else {})[0]
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert answer.headers["Cache-Control"] == "no-store"
    parse = text if kind == TEXT else openmetrics
    found = {one.name: one for family in parse(answer.body) for one in family.samples}
    assert found["slow_reads_total"].value == 1
    assert found["slow_reads_total"].labels == {"odd": 'a "b"\n\\'}
    assert found["slow_up"].value == 1


@pytest.mark.parametrize("path", ["/metrics", "/"])
def test_it_is_packed_for_who_wants_that(tmp_path: Path, path: str) -> None:
    """And is the same inside."""

    async def fetch(port: int, encoding: str) -> tuple[str | None, bytes]:
        connector = TCPConnector(force_close=True)
        async with (
            ClientSession(connector=connector, auto_decompress=False) as session,
            session.get(f"http://127.0.0.1:{port}{path}", headers={"Accept-Encoding": encoding}) as answer,
        ):
            return answer.headers.get("Content-Encoding"), await answer.read()

    def work(port: int) -> list[tuple[str | None, bytes]]:
        return [asyncio.run(fetch(port, encoding)) for encoding in ("identity", "gzip", "gzip;q=0", "deflate, *;q=0.1")]

    plain, packed, refused, anything = serving(nowhere(tmp_path), work)
    assert [one[0] for one in (plain, packed, refused, anything)] == [None, "gzip", None, "gzip"]
    body = gzip.decompress(packed[1])
    assert len(packed[1]) < len(body)
    if path == "/metrics":
        assert _names(body) == _names(plain[1])


def _names(body: bytes) -> list[str]:
    return [line.split(" ")[0] for line in body.decode().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("query", "quick", "slow"),
    [
        ("", 1, 1),
        ("?collect[]=quick", 1, 0),
        ("?collect%5B%5D=quick", 1, 0),
        ("?collect[]=quick&collect[]=slow", 1, 1),
        ("?exclude[]=quick", 0, 1),
        ("?exclude[]=quick&exclude[]=slow", 0, 0),
        ("?other=1", 1, 1),
    ],
)
def test_a_scrape_may_choose_its_collectors(
    sources: Sources, tmp_path: Path, query: str, quick: int, slow: int
) -> None:
    """What is not asked for is not read."""
    sources.go.set()
    answer = ask(nowhere(tmp_path), f"/metrics{query}")[0]
    assert answer.status == 200
    assert sources.reads == {"quick": quick, "slow": slow}
    assert ("quick_up 1" in answer.body, "slow_up 1" in answer.body) == (bool(quick), bool(slow))
    assert 'vipwarden_build_info{version="' in answer.body


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("collect[]=quick&collect[]=nothing", "There is no collector nothing; there are quick, slow.\n"),
        ("exclude[]=nothing", "There is no collector nothing; there are quick, slow.\n"),
        ("collect[]=", "There is no collector ; there are quick, slow.\n"),
        ("collect[]=quick&exclude[]=slow", "collect[] and exclude[] exclude each other.\n"),
        ("collect[]=%0a%1b[31m<b>", "There is no collector [31m<b>; there are quick, slow.\n"),
    ],
)
def test_a_collector_that_is_not_there_is_refused(sources: Sources, tmp_path: Path, query: str, said: str) -> None:
    """With the list of those that are, and nothing is read."""
    answer = ask(nowhere(tmp_path), f"/metrics?{query}")[0]
    assert (answer.status, answer.body) == (400, said)
    assert sources.reads == {"quick": 0, "slow": 0}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 9.5),
        ("1.5", 1),
        ("0.5", 0.1),
        ("0.001", 0.1),
        (None, float("inf")),
        ("", float("inf")),
        ("0", float("inf")),
        ("-1", float("inf")),
        ("nan", float("inf")),
        ("inf", float("inf")),
        ("1e999", float("inf")),
        ("ten", float("inf")),
    ],
)
def test_half_a_second_is_left_for_the_way(header: str | None, seconds: float) -> None:
    """What makes no sense is as good as no header."""
    assert deadline(header) == pytest.approx(seconds)


@pytest.mark.alone
def test_the_scrape_timeout_is_honoured(sources: Sources, tmp_path: Path) -> None:
    """The slow source costs its own series, the quick one is there."""

    def work(port: int) -> tuple[Answer, float]:
        begun = time.monotonic()
        return request(port, "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "2"}), time.monotonic() - begun

    answer, seconds = serving(nowhere(tmp_path), work)
    assert answer.status == 200
    assert 0.25 < seconds < 2
    assert "slow_up 0" in answer.body
    assert 'success{collector="slow"} 0' in answer.body
    assert "slow_reads_total" not in answer.body
    assert "quick_up 1" in answer.body
    assert "quick_reads_total" in answer.body


def test_a_short_deadline_cuts_short_nobody_else(sources: Sources, tmp_path: Path) -> None:
    """Who has more time waits for the same run, and gets what it read."""

    def work(port: int) -> list[Answer]:
        with ThreadPoolExecutor(2) as pool:
            short = pool.submit(request, port, "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.6"})
            assert sources.asked.wait(60)
            long = pool.submit(request, port, "/metrics?collect[]=slow")
            first = short.result()
            sources.go.set()
            return [first, long.result()]

    short, long = serving(nowhere(tmp_path), work)
    assert "slow_up 0" in short.body
    assert "slow_up 1" in long.body
    assert sources.reads["slow"] == 1


def test_a_hundred_scrapes_share_one_collection(sources: Sources, tmp_path: Path) -> None:
    """Whatever their format and whichever collectors they choose, each source is read once."""
    forms = [("", TEXT), ("", OPENMETRICS), ("?collect[]=slow", TEXT), ("?exclude[]=quick", OPENMETRICS)]

    async def ask_all(port: int) -> list[str]:
        async with ClientSession(connector=TCPConnector(limit=200)) as session:

            async def one(number: int) -> str:
                query, kind = forms[number % len(forms)]
                url = f"http://127.0.0.1:{port}/metrics{query}"
                async with session.get(url, headers={"Accept": kind.partition(";")[0]}) as answer:
                    return await answer.text()

            tasks = [asyncio.create_task(one(number)) for number in range(100)]
            await asyncio.to_thread(sources.asked.wait, 5)
            # a quick source is read again by a scrape that comes when the first reading is over
            await asyncio.sleep(0.3)
            sources.go.set()
            return await asyncio.gather(*tasks)

    bodies = serving(nowhere(tmp_path), lambda port: asyncio.run(ask_all(port)))
    assert sources.reads["slow"] == 1
    assert sources.reads["quick"] <= 2
    assert all("slow_up 1" in body for body in bodies)
    assert len(set(bodies)) <= 6


def test_nothing_is_kept_from_one_scrape_to_the_next(sources: Sources, tmp_path: Path) -> None:
    """Each reads anew, also when the one before has failed."""
    sources.go.set()
    answers = ask(nowhere(tmp_path), "/metrics", "/metrics", "/metrics")
    assert [answer.body.count("slow_reads_total{") for answer in answers] == [1, 1, 1]
    assert sources.reads == {"quick": 3, "slow": 3}


def test_its_health_is_told_at_once_while_a_source_is_slow(sources: Sources, tmp_path: Path) -> None:
    """Fifty times, and the scrape still waits for that source."""

    def work(port: int) -> None:
        with ThreadPoolExecutor(1) as pool:
            scrape = pool.submit(request, port, "/metrics")
            assert sources.asked.wait(60)
            for _ in range(50):
                assert request(port, "/-/healthy").status == 200
            assert not scrape.done()
            sources.go.set()
            scrape.result()

    serving(nowhere(tmp_path), work)


def test_a_failure_and_its_end_are_logged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each scrape."""
    failures = iter(["broken", "broken", "", "", "torn"])

    def read(_: Settings) -> None:
        if text := next(failures):
            raise OSError(text)

    monkeypatch.setattr(server, "sources", lambda: (Source("some", read, lambda _: ()),))
    said: list[str] = []
    serving(nowhere(tmp_path), lambda port: [request(port, "/metrics") for _ in range(5)], say=said.append)
    assert said == [
        "collector some failed: broken",
        "collector some works again",
        "collector some failed: torn",
    ]


def test_a_lying_source_breaks_no_scrape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are no Unicode, newlines and quotes stay inside their label."""
    family = Family("lie", "gauge", "Lie.", ("said",))
    lies = ['"} 1\nevil{a="', "\udcff\ud800", "\0\x1b", "\\", "é" * 10000]
    for lie in lies:
        family.add(1, lie)
    monkeypatch.setattr(server, "sources", lambda: (Source("liar", lambda _: None, lambda _: [family]),))
    plain, other = (
        ask(nowhere(tmp_path), "/metrics", headers={"Accept": accept})[0].body
        for accept in ("text/plain", "application/openmetrics-text")
    )
    for found in (list(text(plain)), list(openmetrics(other))):  # type: ignore[no-untyped-call]
        (lied,) = (one for one in found if one.name == "lie")
        assert len(lied.samples) == len(lies)


def test_a_browser_is_told_of_an_error_on_a_page(tmp_path: Path) -> None:
    """With what was asked for as text, and a way back."""
    answer = ask(nowhere(tmp_path), "/<script>alert(1)</script>", headers={"Accept": "text/html,*/*;q=0.8"})[0]
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;" in answer.body
    assert "<script" not in answer.body
    assert '<a href="/">' in answer.body


def test_what_a_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    """By the digest of the file."""

    def work(port: int) -> tuple[Answer, Answer]:
        first = request(port, "/static/page.css")
        return first, request(port, "/static/page.css", headers={"If-None-Match": str(first.headers["ETag"])})

    first, second = serving(nowhere(tmp_path), work)
    assert (first.status, second.status, second.body) == (200, 304, "")
    assert first.body
