"""What does the page cost beside HAProxy's own: bytes, the first paint in a browser, a refresh after few changes?"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import socket
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.exporter import _vipwarden
from bench.scrape import _cpu, get, serving
from tests.exporter.render.browser import chromium, tab_of
from tests.servers.haproxy import running
from tests.servers.ports import free_ports

SERVERS = (330, 5000)
MOST_RUNS = 9
_BACKEND = 50  # servers of each
_CHANGED = 100  # one of so many servers changes between two refreshes
_SECONDS = 2.5  # between two readings of which the page knows the rates
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


class Cost(NamedTuple):
    """Bytes of a page and of a refresh, compressed; the first paint and the CPU of both in ms."""

    page: int
    paint: float
    refresh: int = 0
    page_cpu: float = 0.0
    refresh_cpu: float = 0.0


def main(runs: int) -> None:
    """Print the table and the targets."""
    runs = min(runs, MOST_RUNS)
    print(f"\nThe page beside HAProxy's own (medians of {runs}; compressed bytes; a refresh after 1 % have changed)\n")
    print(f"  {'servers':>8}  {'':14} {'kB':>7} {'paint ms':>9} {'page CPU ms':>12} {'refresh kB':>11} {'CPU ms':>7}")
    for servers in SERVERS:
        theirs, ours = _costs(servers, runs)
        print(f"  {servers:>8}  {'HAProxy':14} {theirs.page / 1000:7.0f} {theirs.paint:9.0f}")
        each = f"{ours.page / 1000:7.0f} {ours.paint:9.0f} {ours.page_cpu:12.0f} {ours.refresh / 1000:11.1f}"
        print(f"  {servers:>8}  {'vipwarden':14} {each} {ours.refresh_cpu:7.0f}")
    _target("bytes / HAProxy's", ours.page / theirs.page, 1.5)
    _target("first paint / HAProxy's", ours.paint / theirs.paint, 1.5)
    _target("bytes of a refresh / of the page", ours.refresh / ours.page, 0.1)


def _costs(servers: int, runs: int) -> tuple[Cost, Cost]:
    own, port = free_ports(2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-")))
        path, _ = stack.enter_context(running(_configuration(own, servers)))
        exporter = stack.enter_context(serving(port, *_vipwarden(folder, port), "--haproxy", path))
        browser = stack.enter_context(chromium())
        theirs, ours = asyncio.run(_paints(browser, (f"http://127.0.0.1:{own}/", f"http://127.0.0.1:{port}/"), runs))
        stats = Cost(len(gzip.compress(get(own, "/"), 1)), theirs)
        version, pages, refreshes = "", [], []
        time.sleep(_SECONDS)
        _answer(port, "/")  # the first with rates
        for turn in range(runs):
            begun = _cpu(exporter)
            pages.append((len(_answer(port, "/")[0]), _cpu(exporter) - begun))
            _, version = _answer(port, "/")
            _change(path, servers, turn)
            begun = _cpu(exporter)
            refreshes.append((len(_answer(port, f"/?version={version}")[0]), _cpu(exporter) - begun))
    page, refresh = ([statistics.median(column) for column in zip(*them, strict=True)] for them in (pages, refreshes))
    return stats, Cost(int(page[0]), ours, int(refresh[0]), page[1] * 1000, refresh[1] * 1000)


def _answer(port: int, path: str) -> tuple[bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        return answer.read(), answer.headers["Page-Version"]
    finally:
        connection.close()


async def _paints(browser: int, urls: tuple[str, str], runs: int) -> tuple[float, float]:
    """Return the times until something of each page is seen, in ms."""
    found: dict[str, list[float]] = {url: [] for url in urls}
    for _ in range(runs):
        for url in urls:
            async with tab_of(browser) as tab:
                await tab.look(1280)
                await tab.open(url)
                await tab.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
                found[url].append(await tab.run(_PAINT))
    first, second = (statistics.median(times) for times in found.values())
    return first, second


def _change(path: str, servers: int, turn: int) -> None:
    """Change the weight of one in a hundred servers by HAProxy's socket."""
    for number in range(turn % _CHANGED, servers, _CHANGED):
        backend, server = divmod(number, _BACKEND)
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(path)
            stats.sendall(f"set server be{backend}/s{server} weight {50 + turn}%\n".encode())
            stats.recv(4096)


def _configuration(own: int, servers: int) -> str:
    lines = ["global", "  nbthread 1", "frontend own", f"  bind 127.0.0.1:{own}", "  stats enable", "  stats uri /"]
    for number in range(servers):
        if not number % _BACKEND:
            lines.append(f"backend be{number // _BACKEND}")
        lines.append(f"  server s{number % _BACKEND} 127.0.0.1:{own} weight 100")
    return "\n".join(lines) + "\n"


def _target(what: str, value: float, most: float) -> None:
    print(f"  {'met' if value <= most else 'MISSED':<7} {what} at {SERVERS[-1]} servers: {value:.3f}, at most {most:g}")
