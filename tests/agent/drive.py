"""Run checks by the agent's own driver, once or as an agent of this very process."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from agent.agent import Agent
from agent.driver import Driver
from agent.run import Run
from tests.agent.running import watchdogs
from vipwarden.config.document import SECTIONS, Document
from vipwarden.config.entries import checks
from vipwarden.config.panic import groups
from vipwarden.core.options import complete, options, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.asked import Ask
    from vipwarden.config.entry import Entry
    from vipwarden.core.registry import Check
    from vipwarden.core.result import Result


def resident(check: Check, *arguments: str) -> Result:
    """Run a check once on the agent's driver, with its options as on the command line."""
    known = options(check)
    values = complete(known, parse(known, arguments))
    limit = float(str(values.get("timeout", known["timeout"].default)))
    return asyncio.run(alone(check, values, limit))


async def once(driver: Driver, check: Check, values: Mapping[str, object], limit: float) -> Result:
    """Run a check once on a driver, with ``limit`` seconds."""
    end: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    driver.start(Run(driver, getattr(check, "__name__", "it"), check, values, limit, end.set_result))
    return await end


async def alone(check: Check, values: Mapping[str, object], limit: float) -> Result:
    """Run a check once on a driver of its own."""
    driver = Driver()
    try:
        return await once(driver, check, values, limit)
    finally:
        driver.close()


def entries(text: str) -> list[Entry]:
    """Return the entries of the section checks, given as YAML in braces."""
    return checks(Document("vipwarden.yaml", f"checks: {{{text}}}"))


class Inside:
    """An agent of this process, and what it has said; ``panic`` are the groups of that section."""

    def __init__(self, folder: Path, *text: str, panic: str = "") -> None:
        (folder / "run").mkdir(exist_ok=True)
        self.said: list[str] = []
        self.entries = entries(", ".join(text))
        document = Document("vipwarden.yaml", f"panic: {{{panic}}}\nexporter: {{peers: http://lb2}}", sections=SECTIONS)
        self.panics = groups(document, self.entries)
        self.asks: list[Ask] = []  # of the peers
        self.folder = folder / "run"
        self.tracks: dict[str, str] | None = None  # as they were when it was told to end
        self.agent: Agent

    def _say(self, line: str) -> None:
        if not line.startswith("was not running for"):  # a machine that is busy with other tests
            self.said.append(line)

    def run_until(self, done: Callable[[], object], change: Callable[[list[Entry]], None] = lambda _: None) -> None:
        """Run until something is true, for a minute at most; ``change`` may alter the entries before."""

        async def watch() -> None:
            change(self.entries)
            self.agent = Agent(self.entries, str(self.folder), self._say, 0.1, panics=self.panics, asks=self.asks)
            running = asyncio.ensure_future(self.agent.run())
            end = monotonic() + 60
            while not running.done() and not done() and monotonic() < end:  # noqa: ASYNC110 - it happens in files
                await asyncio.sleep(0.005)
            self.tracks = {path.name: path.read_text().strip() for path in (self.folder / "track").glob("[!.]*")}
            running.cancel()
            (outcome,) = await asyncio.gather(running, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError), outcome
            assert done(), self.said
            end = monotonic() + 60
            while watchdogs(self.folder):
                assert monotonic() < end, "the watchdog outlives the grace"
                await asyncio.sleep(0.01)

        asyncio.run(watch())
