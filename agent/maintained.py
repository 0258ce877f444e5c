"""Which records of maintenance are valid now? They are looked for again each second, beside the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.away import Job
from vipwarden.state.maintained import read_all, restore, stamp
from vipwarden.state.maintenance import ALL, CHECK, HOST, Maintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.away import Away
    from vipwarden.config.entry import Entry

_FIRST = 1.0  # seconds that the first reading may take
_SURE = 60  # looks after which the records are read although nothing seems to have changed


class Maintained:
    """The ``valid`` records; a disk that hangs leaves those that were read last, which still end by themselves.

    ``say`` takes a line for each record that begins or ends, ``event`` those that end by themselves.
    """

    def __init__(self, away: Away, say: Callable[[str], None], event: Callable[..., None]) -> None:
        self.valid: list[Maintenance] = []
        self._of: dict[tuple[str, str], list[Maintenance]] = {}  # by kind and name
        self._away = away
        self._say = say
        self._event = event
        self._read: list[Maintenance] = []
        self._stamp: object = None  # of the folders when they were read
        self._looks = 0
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
        """Have them read again where they have changed; return whether others are valid now than at the last look."""
        if self._job is None or self._job.done:
            known = self._stamp if self._looks % _SURE else None
            self._looks += 1
            self._job = job = Job(
                "the records of maintenance", lambda: _new(known), float("inf"), lambda: self._take(job)
            )
            self._away.begin(job)
        before, self.valid = self.valid, [record for record in self._read if record.left > 0]
        if before == self.valid:
            return False
        self._of = {}
        for record in self.valid:
            name = record.name.lower() if record.kind == HOST else record.name
            self._of.setdefault((record.kind, name), []).append(record)
        old, now = {_key(record): record for record in before}, {_key(record) for record in self.valid}
        for record in self.valid:
            if old.get(_key(record)) != record:
                self._say(f"{record.what}: {record.text}")
        past = {_key(record) for record in self._read if record.is_over}
        for record in before:
            if _key(record) not in now:
                self._say(f"{record.what}: the maintenance by {record.by} is over")
                if _key(record) in past:  # else somebody has ended it, and said so
                    self._event("maintenance", record.what, of=record.kind, state="end", text="its time is over")
        return True

    def of(self, entry: Entry) -> Maintenance | None:
        """Return the record that covers a check for the longest time from now, or None."""
        found = [record for key in _keys(entry) for record in self._of.get(key, ())] if self.valid else []
        return max(found, key=lambda record: record.left, default=None)

    def _take(self, job: Job) -> None:
        if job.error is None and isinstance(job.value, tuple):
            self._stamp, self._read = job.value
        self._there.set()


def _new(known: object) -> tuple[object, list[Maintenance]] | None:
    """Read the records, or return None where their folders still have a stamp that is known."""
    now = stamp()
    if now is not None and now == known:
        return None
    records = read_all()
    restore(records)
    return now, records


def _keys(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield what records that cover a check may be of: see Maintenance.covers()."""
    name = entry.name
    yield ALL, ""
    yield CHECK, name
    yield from ((CHECK, name[:at]) for at, letter in enumerate(name) if letter == "@")
    yield HOST, str(entry.values.get("host", "")).lower()


def _key(record: Maintenance) -> tuple[str, str, str]:
    return record.kind, record.name, record.by
