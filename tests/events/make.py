"""Events for tests, and the real recorder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import BIN, environment
from vipwarden.events.event import Event, line
from vipwarden.events.read import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

EPOCH = 1_700_000_000.0
_numbers = count(1)


def event(
    at: float,
    kind: str = "check",
    name: str = "web",
    *,
    node: str = "lb1",
    bid: str = "b1",
    ahead: float = 0.0,
    **words: str,
) -> Event:
    """Return an event ``at`` so many seconds since boot, by a wall clock that is ``ahead`` of EPOCH + at."""
    fields = {"of": "", "state": "", "before": "", "text": "", **words}
    numbers = {"wall": EPOCH + at + ahead, "boot": at, "mono": at, "pid": 1, "n": next(_numbers)}
    return Event({**numbers, **fields, "kind": kind, "name": name, "node": node, "bid": bid, "by": "test"})


def vrrp(
    at: float, before: str, state: str, *, node: str = "lb1", name: str = "VI_1", ahead: float = 0.0, text: str = ""
) -> Event:
    """Return a transition of an instance."""
    words = {"of": "INSTANCE", "before": before, "state": state, "text": text}
    return event(at, "vrrp", name, node=node, ahead=ahead, bid=node, **words)


def some(count: int, begin: int = 0) -> bytes:
    """Return the lines of so many events, whose texts are numbers."""
    return b"".join(line("test", place, "check", "web", text=str(place)) for place in range(begin, begin + count))


def jsonl(path: Path, events: list[Event]) -> str:
    """Write events into a file, and return its path."""
    path.write_bytes(b"".join(it.as_line() for it in events))
    return str(path)


class Recording:
    """A recorder that runs, with its folders."""

    def __init__(self, folder: Path, history: Path) -> None:
        self.spool = folder / "run" / "events"
        self.history = history / "events"
        self.env = environment(folder) | {"VIPWARDEN_STATE_DIR": str(history)}
        self.process: subprocess.Popen[str]

    def events(self) -> list[Event]:
        """Return what is recorded."""
        return read(str(self.history)) if self.history.exists() else []

    def texts(self) -> list[str]:
        """Return the texts of the events of the test's own writers."""
        return [it.text for it in self.events() if it.by == "test"]


@contextlib.contextmanager
def recording(
    folder: Path,
    *options: str,
    history: Path | None = None,
    before: Sequence[str] = (),
    confs: Sequence[str] | None = None,
) -> Iterator[Recording]:
    """Run the recorder until the end of the block, where it ends by SIGTERM; ``before`` is in front of its command.

    ``confs`` are the options of the configurations, by default those in the folder.
    """
    conf = folder / "keepalived.conf"
    if not conf.exists():
        conf.write_text("")
    run = Recording(folder, history or folder / "state")
    if confs is None:
        confs = ("--keepalived-conf", str(conf), "--haproxy-conf", str(folder / "haproxy.cfg"))
    command = [*before, str(BIN / "vipwarden"), "recorder", *confs, *options]
    run.process = subprocess.Popen(command, env=run.env, stderr=subprocess.PIPE, text=True)
    try:
        until((run.spool / ".bell").exists, run.process)
        yield run
    finally:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGCONT)
            run.process.terminate()
        run.process.communicate(timeout=60)


def until(test: Callable[[], object], process: subprocess.Popen[str] | None = None, seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, "it did not come"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.01)


class Said(NamedTuple):
    """What a source has told, without its time."""

    kind: str
    name: str
    of: str = ""
    before: str = ""
    state: str = ""


class Heard(list[Said]):
    """Takes what a source tells."""

    def tell(self, kind: str, name: str, *, of: str = "", state: str = "", before: str = "", **_: object) -> None:
        """Take an event."""
        self.append(Said(kind, name, of, before, state))

    give = tell  # as a Hand

    def flush(self) -> None:
        """Have nothing to hand over."""

    def after(self, look: Callable[[Callable[..., None]], None]) -> list[Said]:
        """Return what a look tells."""
        self.clear()
        look(self.tell)
        return list(self)
