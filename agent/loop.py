"""How are the configured checks run again and again? Each in a task of its own, at its own interval."""

from __future__ import annotations

import asyncio
import random
from time import monotonic
from typing import TYPE_CHECKING

from agent.net import AsyncioNet
from checks.core import verdict
from checks.core.result import Result, bug, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checks.core.config import Entry


class Loop:
    """Runs entries until it is cancelled, publishes every verdict and tells ``changed`` of each new state."""

    def __init__(self, entries: Sequence[Entry], folder: str, changed: Callable[[str], None]) -> None:
        self.entries = entries
        self.folder = folder
        self.changed = changed
        self._failing = False

    async def run(self) -> None:
        """Run all entries for ever."""
        async with asyncio.TaskGroup() as group:
            for entry in self.entries:
                group.create_task(self._watch(entry))

    async def _watch(self, entry: Entry) -> None:
        # spread the starts, so that checks of one interval do not all fall due at once for ever
        due = monotonic() + random.uniform(0, min(entry.interval, 1.0))  # noqa: S311 - no secret
        while True:
            await asyncio.sleep(due - monotonic())
            begun = monotonic()
            result = await self.check(entry)
            self._publish(entry, result, monotonic() - begun)
            late = monotonic() - due
            due += entry.interval * (1 + late // entry.interval)  # what was missed is not made up for

    async def check(self, entry: Entry) -> Result:
        """Run one entry once; a bug in it is an UNKNOWN result of that entry alone."""
        try:
            result = await entry.function(AsyncioNet(), **entry.values)
        except Exception as error:  # noqa: BLE001 - one check must not take the others down
            result = bug(entry.check, error)
        result.text = one_line(result.text)
        return result

    def _publish(self, entry: Entry, result: Result, duration: float) -> None:
        try:
            verdict.ready(self.folder)
            before = verdict.publish(self.folder, entry.name, entry.check, result, duration)
        except OSError as error:
            if not self._failing:
                self.changed(f"cannot publish verdicts in {self.folder}: {error.strerror}")
            self._failing = True
            return
        self._failing = False
        old = before.result.state if before is not None else "first run"
        if old != result.state:
            self.changed(f"{entry.name}: {old} -> {result.state}: {result.text}")
