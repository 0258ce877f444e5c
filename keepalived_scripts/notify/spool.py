"""How does work get from keepalived's script to a process that outlives it?

By a folder of small files, in the order of their names. Each process that adds a file also starts a worker; the worker
that gets the lock works the files off. After the release of the lock it looks again, for files whose worker did not
get the lock. A second worker waits for the lock, in case the first worker dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.event import Event, EventError
from vipwarden.state import files, paths
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_FILES = 1000
_MOST_BYTES = 65536


class Spool:
    """The files of one kind of work: ``hooks`` or ``outbox``."""

    def __init__(self, name: str) -> None:
        """Make the folder; raises OSError."""
        top = paths.spool()
        files.ready(top)
        self.path = Path(top, name)
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.path.chmod(0o700)
        self.lock = f"{top}/.{name}"

    def add(self, data: dict[str, object]) -> int:
        """Add a file and return how many of the oldest files it displaced; raises OSError."""
        name = f"{int(boot() * 1e9):020d}"
        while (self.path / name).exists():
            name = f"{int(name) + 1:020d}"
        files.write(f"{self.path}/{name}", json.dumps(data).encode())
        surplus = self.names()[:-_MOST_FILES]
        for old in surplus:
            self.done(old)
        return len(surplus)

    def names(self) -> list[str]:
        """Return the names of the files, oldest first."""
        return files.names(str(self.path))

    def get(self, name: str) -> dict[str, Any]:
        """Return the content of a file, {} if it is gone or broken."""
        try:
            data = json.loads(files.read(f"{self.path}/{name}", _MOST_BYTES))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def done(self, name: str) -> None:
        """Delete a file."""
        (self.path / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self, *, wait: bool = False, place: str = "lock") -> Iterator[bool]:
        """Hold a lock, or yield False where another process does; raises OSError."""
        with open(files.lock(f"{self.lock}.{place}"), "rb") as file:  # noqa: PTH123 - a descriptor
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def work_off(self, work: Callable[[Spool, str], None]) -> None:
        """Call ``work`` for each file, unless another process does; raises OSError.

        The holder of the lock may be about to die, so one process waits for the lock and takes over.
        """
        while self.names():
            with self.alone() as mine:
                while mine and (names := self.names()):
                    work(self, names[0])
            if not mine:
                with self.alone(place="next") as is_next:
                    if not is_next:
                        return
                    with self.alone(wait=True):
                        pass


def background(work: Callable[[], None]) -> None:
    """Run ``work`` in a daemon process, with its own session and without shared descriptors."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            os.closerange(3, 1024)
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            work()
    except Exception as error:  # noqa: BLE001 - no other process would log it
        journal.log(journal.ERROR, f"internal error: {type(error).__name__}: {error}")
    finally:
        os._exit(0)


def read_event(spool: Spool, name: str) -> Event | None:
    """Return the event of a file; None, with a log entry, if it is broken."""
    try:
        return Event.from_dict(spool.get(name))
    except EventError as error:
        journal.log(journal.ERROR, f"{spool.path / name} is dropped: {error}")
        return None
