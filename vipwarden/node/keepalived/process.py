"""How is a running keepalived asked for its dumps?

By signals, whose numbers the program itself prints, as they differ between builds. A signal without a handler would
end keepalived, so signals are sent only after /proc shows the handler.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from vipwarden.node.keepalived.version import PLACES
from vipwarden.node.process.procfs import GONE, Process, read

ADVICE = "run as root, or with CAP_KILL, CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE"
_MOST_SECONDS = 5
_NUMBERS: dict[tuple[int, int, int], dict[str, int]] = {}


class NoProcessError(Exception):
    """No keepalived runs for this configuration."""


class CannotAskError(Exception):
    """It lives, but this process cannot ask it, or may not read its answer."""


class Keepalived:
    """A running keepalived: its parent process, held by a pidfd.

    Where the kernel has none (before 5.3, so on EL8), its start time is compared right before a signal.
    """

    def __init__(self, process: Process) -> None:
        """Hold a process; raises OSError where it has ended."""
        self.pid = process.pid
        self.path = os.fsdecode(process.path)
        self._fd = _pidfd(process.pid)
        try:
            self.start = process.stat.start
            self.uid = process.status.uid
            self.words = [os.fsdecode(word) for word in process.cmdline]
            self._must_be_itself()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Keepalived:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _must_be_itself(self) -> None:
        if Process(self.pid, os.fsencode(self.path)).stat.start != self.start:
            raise ProcessLookupError(3, "it has gone")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs in another network namespace than this process; False where this is not visible."""
        try:
            return not Path(self.path, "ns/net").samefile("/proc/thread-self/ns/net")
        except OSError:
            return False

    @property
    def identity(self) -> tuple[int, int]:
        """What no other process since boot has: its PID and start time."""
        return self.pid, self.start

    def send(self, name: str) -> None:
        """Send the signal of that name (DATA, STATS, JSON); raises CannotAskError, NoProcessError, KeyError."""
        number = self.numbers()[name]
        try:
            status = read(f"{self.path}/status").split(b"\n")
            masks = [int(line.split()[1], 16) for line in status if line.startswith((b"SigBlk:", b"SigCgt:"))]
            if not any(mask >> (number - 1) & 1 for mask in masks):
                raise CannotAskError(f"keepalived (PID {self.pid}) has just started and does not wait for signals yet")
            if self._fd >= 0:
                signal.pidfd_send_signal(self._fd, number)
            else:
                self._must_be_itself()
                os.kill(self.pid, number)
        except GONE:
            raise NoProcessError(f"keepalived (PID {self.pid}) has just ended") from None
        except PermissionError:
            raise CannotAskError(
                f"keepalived (PID {self.pid}) may not be sent signals by user {os.geteuid()}: {ADVICE}"
            ) from None

    def numbers(self) -> dict[str, int]:
        """Return the numbers of its signals by name; raises CannotAskError."""
        for program in (f"{self.path}/exe", *(f"{place}/keepalived" for place in PLACES)):
            try:
                status = os.stat(program)  # noqa: PTH116 - by its kind
                key = (status.st_dev, status.st_ino, status.st_mtime_ns)
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
        """Return a variable of its environment, or nothing."""
        with suppress(OSError):
            for word in read(f"{self.path}/environ").split(b"\0"):
                if word.startswith(name.encode() + b"="):
                    return os.fsdecode(word.partition(b"=")[2])
        return ""

    @property
    def is_open(self) -> bool:
        """Whether this process sees its root: with PrivateTmp it has another /tmp."""
        try:
            Path(self.path, "root/.").stat()  # access(2) would leave capabilities out
        except OSError:
            return False
        return True

    def seen(self, path: str) -> str:
        """Return the path by which this process sees one of its files."""
        return f"{self.path}/root{path}" if self.is_open else path


def _pidfd(pid: int) -> int:
    """Return a pidfd, -1 without support; raises OSError where there is no such process."""
    if not hasattr(os, "pidfd_open"):  # Python was built where the kernel had none
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM, errno.EINVAL):
            return -1
        raise


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


def option(words: list[str], short: str, long: str) -> str:
    """Return the value of an option of keepalived as getopt_long() finds it, or nothing."""
    value = ""
    for index, word in enumerate(words[1:], 1):
        if word in (f"-{short}", f"--{long}"):
            value = words[index + 1] if index + 1 < len(words) else ""
        elif word.startswith(f"--{long}="):
            value = word.partition("=")[2]
        elif word.startswith(f"-{short}"):
            value = word[2:]
    return value
