"""A real Chromium without a screen, driven by its DevTools protocol, that speaks to 127.0.0.1 alone."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.commands import program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--no-proxy-server",
    "--mute-audio",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
_SECONDS = 30


class Tab:
    """A page in the browser: ``said`` has what the console and the policies said, ``asked`` every address."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self.said: list[str] = []
        self.asked: list[str] = []
        self.loads = 0

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self._note(told["method"], told["params"])

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self.loads += 1
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif method == "Log.entryAdded":
            self.said.append(f"{told['entry']['source']}: {told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled":
            self.said.append(f"console: {[one.get('value') for one in told['args']]}")
        elif method == "Runtime.exceptionThrown":
            self.said.append(f"exception: {told['exceptionDetails']}")

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        told = await asyncio.wait_for(answer, _SECONDS)
        assert "error" not in told, f"{method}: {told['error']}"
        result: dict[str, Any] = told["result"]
        return result

    async def begin(self) -> None:
        """Listen to everything."""
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility", "DOM"):
            await self.call(f"{domain}.enable")
        await self.call("Performance.enable", timeDomain="threadTicks")

    async def cpu(self) -> float:
        """Return the seconds of CPU that the page's thread has used for its tasks."""
        metrics = (await self.call("Performance.getMetrics"))["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    async def open(self, url: str) -> None:
        """Go to an address and wait until all of it is there."""
        await self.loaded(self.call("Page.navigate", url=url))

    async def loaded(self, doing: Awaitable[object]) -> None:
        """Do something that loads a page, and wait until all of it is there."""
        self._loaded.clear()
        await doing
        await asyncio.wait_for(self._loaded.wait(), _SECONDS)

    async def run(self, code: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for."""
        told = await self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def key(self, key: str) -> None:
        """Press a key: a letter, Tab or Enter."""
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r" if key == "Enter" else key} if key != "Tab" else {}
        await self.call(
            "Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=codes.get(key, 0), **text
        )
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def until(self, code: str, seconds: float = _SECONDS) -> None:
        """Wait until an expression is true, looked at whenever the page changes."""
        watch = f"""new Promise((resolve, reject) => {{
            const look = () => {{ if ({code}) {{ watcher.disconnect(); resolve(true); }} }};
            const watcher = new MutationObserver(look);
            watcher.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});
            setTimeout(() => reject(new Error("it did not come: " + document.body.innerText)), {seconds * 1000});
            look();
        }})"""
        await self.run(watch)

    async def look(
        self, width: int, height: int = 900, *, scheme: str = "light", motion: str = "no-preference"
    ) -> None:
        """Be as wide, and as light or dark."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def violations(self) -> list[str]:
        """Return what axe-core finds against the rules of accessibility, but for contrast, which is slow."""
        await self.call("Runtime.evaluate", expression=_axe())
        found = await self.run("axe.run({rules: {'color-contrast': {enabled: false}}, resultTypes: ['violations']})")
        return [
            f"{it['id']}: {node['html'][:300]}: {node['failureSummary']}"
            for it in found["violations"]
            for node in it["nodes"]
        ]

    async def picture(self, path: Path, clip: tuple[int, int] | None = None) -> None:
        """Take a picture of the whole page, or of so much of its top, and keep it where $VIPWARDEN_ARTIFACTS says."""
        part = {} if clip is None else {"clip": {"x": 0, "y": 0, "width": clip[0], "height": clip[1], "scale": 1}}
        told = await self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png", **part)
        _keep(path, base64.b64decode(told["data"]))

    async def end(self) -> None:
        """Close it."""
        self._reader.cancel()
        await self._socket.close()


def _axe() -> str:
    """Return the script of axe-core."""
    found = find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        assert not os.environ.get("CI"), "axe-core is not installed: tests/axe.txt"
        pytest.skip("axe-core is not installed: make test")
    return Path(found.submodule_search_locations[0], "axe.min.js").read_text(encoding="utf-8")


def _keep(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    if kept := os.environ.get("VIPWARDEN_ARTIFACTS"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kept)


@asynccontextmanager
async def tab_of(port: int) -> AsyncIterator[Tab]:
    """Open a tab in the browser whose protocol is at that port."""
    base = f"http://127.0.0.1:{port}/json"
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{base}/new?about:blank") as answer:
            told = await answer.json()
        tab = Tab(await session.ws_connect(told["webSocketDebuggerUrl"], max_msg_size=0))
        try:
            await tab.begin()
            yield tab
        finally:
            await tab.end()
            await session.get(f"{base}/close/{told['id']}")


@contextmanager
def chromium() -> Iterator[int]:
    """Run a Chromium that knows nothing of any other, and yield the port of its protocol."""
    command = [program("chromium"), *_OPTIONS, _NOWHERE]
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [*command, f"--user-data-dir={folder}/profile", "about:blank"],
            env={"PATH": os.environ["PATH"], "HOME": folder, "XDG_RUNTIME_DIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield _port(Path(folder, "profile", "DevToolsActivePort"), process)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what is left of its helpers
            process.wait()


def _port(path: Path, process: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        if path.exists() and (words := path.read_text(encoding="ascii").split()):
            return int(words[0])
        assert process.poll() is None, "chromium ended at once"
        time.sleep(0.05)
    raise AssertionError("chromium did not start")
