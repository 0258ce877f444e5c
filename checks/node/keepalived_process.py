"""Which process is the keepalived of a configuration, and how is it asked for its dumps?

It is asked by signals, whose numbers differ between builds: the program itself tells them. A signal that a process
does not wait for would end it, so that none is sent before the kernel says that it waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from checks.node.keepalived_version import PLACES
from checks.node.procfs import GONE, Proc, Process, read

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_CONF = "/etc/keepalived/keepalived.conf"
_RUN = "/run"
_MOST_SECONDS = 5
_NUMBERS: dict[tuple[int, int, int], dict[str, int]] = {}
_LAST: dict[tuple[str, str], int] = {}  # which process it was: looking for it again costs a look at all of them


class NoProcessError(Exception):
    """No keepalived runs for this configuration."""


class CannotAskError(Exception):
    """It lives, but this process cannot ask it, or may not read what it answers."""


class Keepalived:
    """A running keepalived: its parent process, held by a pidfd so that no other can be taken for it."""

    def __init__(self, process: Process, proc: Proc) -> None:
        """Hold a process; raises OSError where it has gone."""
        self.pid = process.pid
        self.path = os.fsdecode(process.path)
        self._fd = os.pidfd_open(process.pid)
        try:
            self.start = process.stat.start
            self.uid = process.status.uid
            self.words = [os.fsdecode(word) for word in process.cmdline]
            self.age = proc.age(process)
            fresh = Process(process.pid, process.path)
            if fresh.stat.start != self.start:
                raise ProcessLookupError(3, "it has gone")
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Keepalived:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it works in another network namespace than this process; False where that may not be known."""
        try:
            return not Path(self.path, "ns/net").samefile("/proc/thread-self/ns/net")
        except OSError:
            return False

    @property
    def identity(self) -> tuple[int, int]:
        """What tells it from every other process since boot."""
        return self.pid, self.start

    def send(self, name: str) -> None:
        """Send the signal of that name (DATA, STATS, JSON); raises CannotAskError, NoProcessError, KeyError."""
        number = self.numbers()[name]
        try:
            status = read(f"{self.path}/status").split(b"\n")
            masks = [int(line.split()[1], 16) for line in status if line.startswith((b"SigBlk:", b"SigCgt:"))]
            if not any(mask >> (number - 1) & 1 for mask in masks):
                raise CannotAskError(f"keepalived (PID {self.pid}) has just started and does not wait for signals yet")
            signal.pidfd_send_signal(self._fd, number)
        except GONE:
            raise NoProcessError(f"keepalived (PID {self.pid}) has just ended") from None
        except PermissionError:
            raise CannotAskError(
                f"keepalived (PID {self.pid}) may not be sent signals by user {os.geteuid()}: run as root, or with "
                "CAP_KILL and CAP_DAC_READ_SEARCH"
            ) from None

    def numbers(self) -> dict[str, int]:
        """Return the numbers of the signals that it knows, by their names; raises CannotAskError."""
        for program in (f"{self.path}/exe", *(f"{place}/keepalived" for place in PLACES)):
            try:
                found = os.stat(program)  # noqa: PTH116 - by its kind
                key = (found.st_dev, found.st_ino, found.st_mtime_ns)
                if key not in _NUMBERS:
                    known = {name: number for name in ("DATA", "STATS", "JSON") if (number := _number(program, name))}
                    if not {"DATA", "STATS"} <= known.keys():
                        continue
                    _NUMBERS[key] = known
            except (OSError, subprocess.SubprocessError):
                continue
            return _NUMBERS[key]
        raise CannotAskError("no keepalived tells its signals: 'keepalived --signum=DATA' gave no number")

    def environment(self, name: str) -> str:
        """Return a variable of its environment; nothing where it has none or shows none."""
        with suppress(OSError):
            for word in read(f"{self.path}/environ").split(b"\0"):
                if word.startswith(name.encode() + b"="):
                    return os.fsdecode(word.partition(b"=")[2])
        return ""

    def seen(self, path: str) -> str:
        """Return the path under which a file of its own is seen here: with PrivateTmp it has another /tmp."""
        root = f"{self.path}/root"
        return root + path if os.access(f"{root}/.", os.X_OK) else path


def _number(program: str, name: str) -> int:
    done = subprocess.run(  # noqa: S603 - the very program that is to get the signal
        ["keepalived", f"--signum={name}"],  # noqa: S607 - only its name for itself
        executable=program,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    text = done.stdout.strip()
    return int(text) if done.returncode == 0 and text.isdigit() and 0 < int(text[:9]) < signal.NSIG else 0


def find(conf: str, proc: str = "/proc", pidfile: str = "") -> Keepalived:
    """Return the keepalived that runs with a configuration; raises NoProcessError and CannotAskError.

    The pidfile that is given names it, or else one in the usual places, or else the list of processes.
    """
    found = Proc(proc)
    if pidfile:
        pid = _pid(pidfile)
        if pid is None:
            raise NoProcessError(f"keepalived does not run: {pidfile} names no process")
        process = found.processes.get(pid)
        if process is None or not _is_keepalived(process):
            raise NoProcessError(f"keepalived does not run: PID {pid} of {pidfile} is not keepalived")
        return _hold(process, found)
    pids = [pid for path in _pidfiles() if (pid := _pid(path)) is not None]
    last = _LAST.get((conf, proc), 0)
    for pid in (last, *pids):
        if pid in found.processes and _is_ours(found.processes[pid], conf):
            return _hold(found.processes[pid], found)
    parents = [process for process in found.processes.values() if _is_ours(process, conf)]
    children = {process.pid for process in parents if _parent(process) in {one.pid for one in parents}}
    parents = [process for process in parents if process.pid not in children]
    if len(parents) > 1:
        raise NoProcessError(f"several keepalived run with {conf}: say which by the pidfile")
    if parents:
        _LAST[conf, proc] = parents[0].pid
        return _hold(parents[0], found)
    if found.hides:
        raise CannotAskError("other users' processes are hidden (hidepid): whether keepalived runs cannot be seen")
    raise NoProcessError(f"no keepalived runs with {conf}")


def _hold(process: Process, proc: Proc) -> Keepalived:
    try:
        return Keepalived(process, proc)
    except OSError:
        raise NoProcessError("keepalived has just ended") from None


def _pidfiles() -> Iterator[str]:
    """Yield the places of core/main.c: with an instance or a network namespace there is a folder of its own."""
    yield f"{_RUN}/keepalived.pid"
    with suppress(OSError):
        yield from sorted(map(str, Path(_RUN, "keepalived").glob("**/keepalived*.pid")))


def _pid(path: str) -> int | None:
    try:
        text = read(path, 64).split()
    except OSError:
        return None
    return int(text[0]) if text and text[0].isdigit() and len(text[0]) < 10 else None


def _is_keepalived(process: Process) -> bool:
    """Return whether it is a living keepalived of root's or our own: none other's program is ever run."""
    try:
        own = process.status.uid in (0, os.geteuid())
        return own and process.comm.startswith(b"keepalived") and not process.is_dead
    except OSError:
        return False


def _is_ours(process: Process, conf: str) -> bool:
    """Return whether it is a keepalived outside of containers with that configuration."""
    try:
        if not _is_keepalived(process) or process.status.nested:
            return False
        own = option(list(map(os.fsdecode, process.cmdline)), "f", "use-file") or DEFAULT_CONF
    except OSError:
        return False
    return os.path.normpath(own) == os.path.normpath(conf)


def _parent(process: Process) -> int | None:
    try:
        words = read(process.path + b"/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def option(words: list[str], short: str, long: str) -> str:
    """Return the value of an option in a command line of keepalived, as getopt_long() finds it; or nothing."""
    value = ""
    for index, word in enumerate(words[1:], 1):
        if word in (f"-{short}", f"--{long}"):
            value = words[index + 1] if index + 1 < len(words) else ""
        elif word.startswith(f"--{long}="):
            value = word.partition("=")[2]
        elif word.startswith(f"-{short}"):
            value = word[2:]
    return value
