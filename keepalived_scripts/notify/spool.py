"""How does work get from the script that keepalived started to a process that outlives it?

Through a folder of small files, in the order of their names. Who adds one also starts a worker, and the one worker
that gets the lock works them off. It looks again after it has let go of the lock, so that what came in between, and
whose worker found the lock taken, is not left lying. A second one waits for the lock, in case the first one dies.
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
        """Add a piece of work and return how many of the oldest had to make room for it; raises OSError."""
        name = f"{int(boot() * 1e9):020d}"
        while (self.path / name).exists():
            name = f"{int(name) + 1:020d}"
        files.write(f"{self.path}/{name}", json.dumps(data).encode())
        surplus = self.names()[:-_MOST_FILES]
        for old in surplus:
            self.done(old)
        return len(surplus)

    def names(self) -> list[str]:
        """Return the names of what is to be done, oldest first."""
        return files.names(str(self.path))

    def get(self, name: str) -> dict[str, Any]:
        """Return a piece of work, or nothing where it is gone or broken."""
        try:
            data = json.loads(files.read(f"{self.path}/{name}", _MOST_BYTES))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def done(self, name: str) -> None:
        """Forget a piece of work."""
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

    def work_off(self, one: Callable[[Spool, str], None]) -> None:
        """Do what there is with ``one``, unless others do; raises OSError.

        Who holds the lock may be about to die, and one process waits for that: it takes up what is left.
        """
        while self.names():
            with self.alone() as mine:
                while mine and (names := self.names()):
                    one(self, names[0])
            if not mine:
                with self.alone(place="next") as is_next:
                    if not is_next:
                        return
                    with self.alone(wait=True):
                        pass


def background(work: Callable[[], None]) -> None:
    """Run ``work`` in a process that belongs to nobody: no parent, session, terminal or descriptor is shared."""
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
    except Exception as error:  # noqa: BLE001 - nobody else would hear of it
        journal.log(journal.ERROR, f"internal error: {type(error).__name__}: {error}")
    finally:
        os._exit(0)


def read_event(spool: Spool, name: str) -> Event | None:
    """Return the event of a piece of work, None with a word in the journal where it is broken."""
    try:
        return Event.from_dict(spool.get(name))
    except EventError as error:
        journal.log(journal.ERROR, f"{spool.path / name} is dropped: {error}")
        return None
