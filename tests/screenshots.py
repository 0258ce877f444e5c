"""Takes the pictures of the documentation, docs/page.png and docs/page-phone.png: python -m tests.screenshots, as root.

They show pages of the lab's cluster, of a HAProxy node and of a director: a guest plays it and saves what their
exporters answered, and a real browser looks at that.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tests.commands import CODE
from tests.exporter.render.browser import chromium, tab_of
from tests.lab.guest import Guest, NoGuestError, needed
from tests.palette import smaller

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 900
_SETTLED = "document.readyState === 'complete' && document.fonts.status === 'loaded'"
# page of a node, width, and most of its height
_PICTURES = {"page.png": ("ha1.html", 1280, 3200), "page-phone.png": ("lvs1.html", 390, 1700)}


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _played(folder: Path) -> None:
    """Have a guest save the pages; raises NoGuestError."""
    needed()
    guest = Guest(folder, "guest", [sys.executable, "-m", "tests.lab.pictured", str(folder)], CODE)
    end = time.monotonic() + _SECONDS
    try:
        while guest.running():
            if time.monotonic() > end:
                raise TimeoutError(f"the guest is not ready after {_SECONDS} s: {guest.tail('said')}")
            time.sleep(0.5)
        if guest.status() != 0:
            raise RuntimeError(f"the guest ended with {guest.status()}: {guest.tail('said')}")
    finally:
        guest.end()


async def _look(browser: int, url: str) -> None:
    async with tab_of(browser) as tab:
        for name, (page, width, most) in _PICTURES.items():
            await tab.look(width, motion="reduce")
            await tab.open(f"{url}/{page}")
            await tab.until(_SETTLED)
            height = await tab.run("document.documentElement.scrollHeight")
            picture = CODE / "docs" / name
            await tab.picture(picture, (width, min(most, height)))
            picture.write_bytes(smaller(picture.read_bytes()))


def main() -> int:
    """Take them; return 0, or 1 where no guest can run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the guest is ended on the way out
    with tempfile.TemporaryDirectory(prefix="lab.") as name:
        folder = Path(name)
        try:
            _played(folder)
        except NoGuestError as error:
            sys.stderr.write(f"screenshots: no guest can run here:\n{error}\n")
            return 1
        shutil.copytree(CODE / "exporter" / "static", folder / "static")
        with _served(folder) as url, chromium() as browser:
            asyncio.run(_look(browser, url))
    sys.stdout.write(f"docs: {', '.join(_PICTURES)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
