"""Who shows pages to the tests, as text or in a browser?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.exporter import sample
from tests.exporter.render.browser import chromium, tab_of
from tests.exporter.render.reading import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from exporter.http.server import Server
    from tests.exporter.render.browser import Tab


@pytest.fixture(name="show")
def _show(tmp_path: Path) -> Shown:
    return Shown(tmp_path)


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[int]:
    with chromium() as port:
        yield port


@pytest.fixture(name="seen")
def _seen(browser: int, tmp_path: Path) -> Callable[..., None]:
    """Open the page of a sample node, look at it, and hold it to its policies."""

    def seen(look: Callable[[Tab, str, Server], Coroutine[Any, Any, None]], **collectors: Callable[[], object]) -> None:
        async def run() -> None:
            async with sample.serving(tmp_path, sample.node(**collectors)) as (url, server), tab_of(browser) as tab:
                await tab.look(1280)
                await tab.open(url)
                await look(tab, url, server)
                assert not tab.said
                assert all(address.startswith(url) for address in tab.asked)

        asyncio.run(run())

    return seen
