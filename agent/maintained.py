"""Which records of maintenance are valid now? They are read again each second, beside the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.away import Job
from vipwarden.state.maintenance import Maintenance, chosen, read_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.away import Away
    from vipwarden.config.entry import Entry

_FIRST = 1.0  # seconds that the first reading may take


class Maintained:
    """The ``valid`` records; a disk that hangs leaves those that were read last, which still end by themselves.

    ``say`` takes a line for each record that begins or ends, ``event`` those that end by themselves.
    """

    def __init__(self, away: Away, say: Callable[[str], None], event: Callable[..., None]) -> None:
        self.valid: list[Maintenance] = []
        self._away = away
        self._say = say
        self._event = event
        self._read: list[Maintenance] = []
        self._job: Job | None = None
        self._there = asyncio.Event()

    async def begin(self) -> None:
        """Read them for the first time."""
        self.look()
        try:
            async with asyncio.timeout(_FIRST):
                await self._there.wait()
        except TimeoutError:
            self._say("the records of maintenance cannot be read yet: does the disk hang?")
        self.look()

    def look(self) -> bool:
        """Have them read again; return whether others are valid now than at the last look."""
        if self._job is None or self._job.done:
            self._job = job = Job("the records of maintenance", read_all, float("inf"), lambda: self._take(job))
            self._away.begin(job)
        before, self.valid = self.valid, [record for record in self._read if record.left > 0]
        if before == self.valid:
            return False
        for record in self.valid:
            if record not in before:
                self._say(f"{record.what}: {record.text}")
        now = {_key(record) for record in self.valid}
        past = [_key(record) for record in self._read if record.is_over]
        for record in before:
            if _key(record) not in now:
                self._say(f"{record.what}: the maintenance by {record.by} is over")
                if _key(record) in past:  # else somebody has ended it, and said so
                    self._event("maintenance", record.what, of=record.kind, state="end", text="its time is over")
        return True

    def of(self, entry: Entry) -> Maintenance | None:
        """Return the record that counts for a check, or None."""
        if not self.valid:
            return None
        return chosen(self.valid, entry.name, str(entry.values.get("host", "")))

    def _take(self, job: Job) -> None:
        if job.error is None and isinstance(job.value, list):
            self._read = job.value
        self._there.set()


def _key(record: Maintenance) -> tuple[str, str, str]:
    return record.kind, record.name, record.by
