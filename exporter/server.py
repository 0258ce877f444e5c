"""How does the exporter answer over HTTP?"""

from __future__ import annotations

import errno
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.exposition import CONTENT_TYPE, render
from exporter.frame import Frame, families, in_thread
from exporter.health import HEALTHY
from exporter.page import page
from exporter.registry import COLLECTORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exporter.settings import Settings

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "vipwarden",  # and no word of versions
}

_FRESH = {"Cache-Control": "no-store"}


class ListenError(Exception):
    """The exporter cannot listen where it is told to."""


async def start(settings: Settings) -> web.AppRunner:
    """Listen and answer from now on; raises ListenError.

    ``addresses`` of what is returned tells where, and its ``cleanup()`` ends it.
    """
    runner = web.AppRunner(create_app(settings), access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    listen = settings.listen
    try:
        await web.TCPSite(runner, listen.host or None, listen.port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno == errno.EADDRINUSE:
            advice = f"see who has it by 'ss -ltnp sport = :{listen.port}', and stop that or listen elsewhere"
            raise ListenError(f"cannot listen on {listen}: the port is in use; {advice}") from None
        raise ListenError(f"cannot listen on {listen}: {error.strerror or error}") from None
    return runner


def create_app(settings: Settings) -> web.Application:
    """Return the application: the page, the metrics, and what tells that it lives."""
    frame = Frame(settings, COLLECTORS)

    async def metrics(_: web.Request) -> web.Response:
        outcomes = await frame.collect()
        text, _thread = in_thread(lambda: render(families(outcomes, settings.version)))
        return web.Response(body=await text, headers={"Content-Type": CONTENT_TYPE, **_FRESH})

    async def root(_: web.Request) -> web.Response:
        outcomes = await frame.collect()
        text, _thread = in_thread(lambda: page(outcomes, settings))
        return web.Response(body=await text, headers={"Content-Type": "text/html; charset=utf-8", **_FRESH})

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(body=HEALTHY, content_type="text/plain")

    async def ready(_: web.Request) -> web.Response:
        return web.Response(text="vipwarden is ready\n")

    app = web.Application(middlewares=[_same_machine] if _is_loopback(settings.listen.host) else [])
    app.on_response_prepare.append(_harden)
    app.router.add_get("/", root)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", ready)
    app.router.add_static("/static/", Path(__file__).parent / "static")
    return app


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


@web.middleware
async def _same_machine(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a request by a name that is none of this machine's own.

    Else a web site could have its own name resolve to 127.0.0.1 and read this page in the operator's browser.
    """
    if not _is_loopback(request.url.host or ""):
        text = "This exporter answers to localhost and loopback addresses; have a proxy send 'Host: localhost'.\n"
        raise web.HTTPMisdirectedRequest(text=text)
    return await handler(request)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
