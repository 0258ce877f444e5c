"""A real exporter on a loopback port, asked over real HTTP."""

from __future__ import annotations

import asyncio
import http.client
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from exporter.http.gate import Limits
from exporter.http.server import start
from exporter.settings import Settings, settings
from vipwarden.core.listen import Listen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exporter.http.server import Server

T = TypeVar("T")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: str


def nowhere(folder: Path, **others: Any) -> Settings:
    """Return settings of a node that has nothing, but for what is given."""
    known = {
        "listen": (Listen("127.0.0.1:0"),),
        "keepalived_conf": f"{folder}/keepalived.conf",
        "haproxy_conf": f"{folder}/haproxy.cfg",
        "proc": f"{folder}/proc",
        "verdicts": (f"{folder}/verdict",),
        "events": f"{folder}/events",
    }
    return settings(**{**known, **others})


def port_of(runner: Server) -> int:
    """Return the port that it got."""
    port: int = runner.addresses[0][1]
    return port


def request(port: int, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


def ask(known: Settings, *paths: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> list[Answer]:
    """Start an exporter, ask for each path, and end it."""
    return serving(known, lambda port: [request(port, path, method, headers) for path in paths])


def serving(
    known: Settings, work: Callable[[int], T], *, say: Callable[[str], None] | None = None, limits: Limits | None = None
) -> T:
    """Start an exporter, do something with its port in a thread, and end it."""

    async def run() -> T:
        server = await start(known, say or (lambda _: None), limits=limits or Limits())
        try:
            return await asyncio.to_thread(work, port_of(server))
        finally:
            await server.cleanup()

    return asyncio.run(run())


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the value of each sample by its name and the values of its labels."""
    return {
        (one.name, tuple(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def metrics(known: Settings) -> dict[tuple[str, tuple[str, ...]], float]:
    """Scrape once."""
    return samples(ask(known, "/metrics")[0].body)
