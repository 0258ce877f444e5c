"""What is the answer to a path: /metrics, the page and its files, /-/healthy, /-/ready?"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.frame import families
from exporter.http.accept import preferred
from exporter.http.answer import FRESH, HTML, Answer, all_of, busy, deadline, error, file, packed
from exporter.http.counts import READ_AT
from exporter.http.happened import API, PAGE, Happened
from exporter.peers import Peers
from exporter.render.changes import Versions
from exporter.render.choices import Choices
from exporter.render.exposition import CONTENT_TYPE, OPENMETRICS_TYPE, render
from exporter.tasks import shared
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from exporter.frame import Collected, Frame
    from exporter.http.aiohttp_server import BaseRequest
    from exporter.page import Page
    from exporter.render.exposition import Metric

HEALTHY = b"vipwarden is healthy\n"  # whose digest the default check of `vipwarden run` compares
READING = ("/", "/metrics", PAGE, API)  # paths that read sources
PAGES = 4  # for each page that may be written at once, so many scrapes may
_FORMATS = (
    (("text/plain", "0.0.4"), CONTENT_TYPE),
    (("application/openmetrics-text", "1.0.0"), OPENMETRICS_TYPE),
    (("application/openmetrics-text", "0.0.1"), OPENMETRICS_TYPE.replace("1.0.0", "0.0.1")),
)


class Answers:
    """The paths of one exporter."""

    def __init__(self, frame: Frame, own: Callable[[], Iterable[Metric]] = tuple) -> None:
        self.frame = frame
        self.is_ready = False
        self._own = own
        # apart: no page delays a scrape; one at a time: each takes memory while it is written
        self._lanes = {"page": asyncio.Lock(), "metrics": asyncio.Lock()}
        self._view: Page | None = None
        self._pages: dict[Choices, asyncio.Task[tuple[Collected, bytes]]] = {}
        self._versions = Versions()
        self._peers = Peers()
        self.happened = Happened(frame, lambda: self.is_ready)
        self._paths: dict[str, Callable[[BaseRequest], Awaitable[Answer]]] = {
            "/": self._page,
            "/metrics": self._metrics,
            PAGE: self.happened.answer,
            API: self.happened.answer,
            "/-/healthy": self._healthy,
            "/-/ready": self._ready,
        }
        static = Path(__file__).parents[1] / "static"
        for path in static.rglob("*.*"):
            self._paths[f"/static/{path.relative_to(static)}"] = file(path)

    async def answer(self, request: BaseRequest) -> Answer:
        """Return the answer to an admitted request."""
        if request.method not in ("GET", "HEAD"):
            return error(request, 405, "Only GET and HEAD are answered.", {"Allow": "GET, HEAD"})
        if request.body_exists:
            return error(request, 413, "A request has no body here.")
        if len(request.raw_path) > 4096:
            return error(request, 414, "This address is too long.")
        path = self._paths.get(request.path)
        if path is None:
            return error(request, 404, f"There is no {one_line(request.path, 200)} here. Try / or /metrics.")
        return await path(request)

    async def _metrics(self, request: BaseRequest) -> Answer:
        known = [source.name for source in self.frame.sources]
        only, but = request.query.getall("collect[]", []), request.query.getall("exclude[]", [])
        if only and but:
            return error(request, 400, "collect[] and exclude[] exclude each other.")
        if unknown := set(only + but) - set(known):
            names = ", ".join(one_line(name, 100) for name in sorted(unknown)[:10])
            return error(request, 400, f"There is no collector {names}; there are {', '.join(known)}.")
        wanted = set(only or known) - set(but)
        offered = [form for form, _ in _FORMATS]
        kind = _FORMATS[preferred(all_of(request, "Accept"), offered)][1]
        openmetrics = kind != CONTENT_TYPE
        version, own = self.frame.settings.version, list(self._own())

        def write(collected: Collected) -> bytes:
            return render(families(collected, version, own, self.frame.note), openmetrics=openmetrics)

        seconds = deadline(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"))
        form, lane = ("metrics", openmetrics), self._lanes["metrics"]
        collected = await self.frame.collect(wanted, seconds)
        body = await collected.written(form, write, lane)
        return await packed(request, Answer(200, body, kind), collected, form, lane)

    async def _page(self, request: BaseRequest) -> Answer:
        choices, lane = Choices.of(request.query), self._lanes["page"]
        if choices not in self._pages and len(self._pages) >= max(1, self.frame.settings.max_scrapes // PAGES):
            return busy(request)
        collected, body = await asyncio.shield(shared(self._pages, choices, partial(self._written, choices, lane)))
        version = await collected.written(("version", choices), lambda _: self._versions.note(body), lane)
        kind, form, answer = HTML, ("page", choices, ""), body
        if self._versions.knows(base := request.query.get("version", "")):
            kind, form = "application/json", ("changes", choices, base)
            answer = await collected.written(form, lambda _: self._versions.changes(base, body), lane)
        whole = Answer(200, answer, kind, {"Page-Version": version.decode()})
        return await packed(request, whole, collected, form, lane)

    async def _written(self, choices: Choices, lane: asyncio.Lock) -> tuple[Collected, bytes]:
        """Read and write a page: who asks meanwhile gets the same, so many lookers cost little more than one."""
        settings = self.frame.settings
        peers = self._peers.look(settings.peers, settings.peer_access, self._identity()) if settings.peers else []

        def write(collected: Collected) -> bytes:
            if self._view is None:
                from exporter.page import Page  # noqa: PLC0415 - scrapes need no templates

                self._view = Page(self.frame.note)
            return self._view.write(collected, settings, choices, peers)

        collected = await self.frame.collect(sparing=True)
        return collected, await collected.written(("page", choices), write, lane)

    def _identity(self) -> bytes:
        """Return a line that no other exporter has: the time of its last reload, in microseconds."""
        return next((metric.lines().rstrip() for metric in self._own() if metric.name == READ_AT), b"")

    async def _healthy(self, _: BaseRequest) -> Answer:
        return Answer(200, HEALTHY, headers=FRESH)

    async def _ready(self, request: BaseRequest) -> Answer:
        if self.is_ready:
            return Answer(200, b"vipwarden is ready\n", headers=FRESH)
        return error(request, 503, "vipwarden is not ready: it is starting or ending.")
