"""Which HAProxy was told drain or maint by us, and so has to be told ready once the maintenance is over?

``ready`` takes back drain and maint of anybody, also an operator's ``disable server``: it is said to nobody else. What
is owed is on the disk before drain or maint is said, as a dead agent, or a reboot, may lie between the two.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from agent.away import Job
from vipwarden.state import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.away import Away

_READY_FOR = 10.0  # seconds from the first ``ready``: one HAProxy may ask for several servers by the same address
_DISK = 2.0  # seconds that the disk may take
_MOST = 10_000
_MOST_BYTES = 4 << 20
_HEAD = "vipwarden-agent-check-1"


class Owed:
    """What is owed to whom, by a text of one line without blanks at its ends, kept in the file ``path``."""

    def __init__(self, path: str, away: Away, say: Callable[[str], None]) -> None:
        self._path = path
        self._away = away
        self._say = say
        self._told: dict[str, float | None] = {}  # when ``ready`` was said first
        self._asked: dict[str, float] = {}  # since when drain or maint waits for the disk
        self._safe: set[str] = set()  # on the disk
        self._job: Job | None = None
        self._is_failing = False

    def read(self) -> None:
        """Begin with what an earlier agent owed."""
        try:
            head, *lines = files.read(self._path, _MOST_BYTES).decode("utf-8", "replace").split("\n")
        except FileNotFoundError:
            return
        except OSError as error:
            self._say(f"cannot read what HAProxy was told: {self._path}: {error.strerror}")
            return
        if head == _HEAD:
            self._safe = {line for line in lines[:-1][:_MOST] if line}
            self._told = dict.fromkeys(sorted(self._safe))

    def may_set(self, who: str) -> bool:
        """Return whether drain or maint may be said now: not before it is written down, unless the disk fails."""
        if who not in self._told:
            since = self._asked.setdefault(who, monotonic())
            self._save()
            if who not in self._safe and not self._is_failing and monotonic() - since < _DISK:
                return False
            if who not in self._safe:
                self._fail(f"the disk does not take it within {_DISK:.0f} s")
            del self._asked[who]
        self._told[who] = None
        return True

    def must_undo(self, who: str) -> bool:
        """Return whether ready has to be said."""
        self._asked.pop(who, None)
        if who not in self._told:
            return False
        now = monotonic()
        since = self._told[who]
        if since is None:
            self._told[who] = now
        elif now - since >= _READY_FOR:
            del self._told[who]
            self._save()
            return False
        return True

    def _save(self) -> None:
        while len(self._told) > _MOST:
            del self._told[next(iter(self._told))]
        wanted = {*self._told, *self._asked}
        if wanted == self._safe or (self._job is not None and not self._job.done):
            return
        text = "".join(f"{line}\n" for line in (_HEAD, *sorted(wanted)))
        what = "what HAProxy was told"
        self._job = job = Job(what, lambda: self._write(text), float("inf"), lambda: self._saved(job, wanted))
        self._away.begin(job)

    def _write(self, text: str) -> None:
        files.ready(self._path.rpartition("/")[0])
        files.write(self._path, text.encode("utf-8", "replace"), durable=True)

    def _saved(self, job: Job, wanted: set[str]) -> None:
        if isinstance(job.error, OSError):
            self._fail(job.error.strerror or str(job.error))
        elif job.error is None:
            self._safe = wanted
            self._is_failing = False
            self._save()  # what has changed meanwhile

    def _fail(self, why: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._say(f"cannot write {self._path}: {why}; an agent that starts anew would not end drain in HAProxy")
