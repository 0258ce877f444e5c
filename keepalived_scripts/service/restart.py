"""How is a restart recorded and begun without waiting for it, and out of reach of keepalived's kill?

A child in a session of its own writes the memory to the disk and tells so; only then it starts the command, in a
process group of its own. The child holds the lock of the run that it comes from until the memory is safe, so that no
other run acts on the old one. A command that fails, or has not ended in its time, is told to syslog and noted beside
the memory for the runs that follow.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select
from time import monotonic

from keepalived_scripts.service import memory
from vipwarden.core.result import one_line
from vipwarden.core.syslog import ERROR, log
from vipwarden.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_POLITE = 1  # second from SIGTERM to SIGKILL


def record(path: str, data: bytes, lock: int, until: float, restart: Restart | None = None) -> str:
    """Write a memory and then restart, if that is wanted; return why it was not done by ``until``, or nothing."""
    reading, writing = posix.pipe()
    if posix.fork() == 0:
        code = 1
        try:
            posix.setsid()
            posix.close(reading)
            _detach()
            code = _recorded(path, data, writing, lock)
            if restart is not None and not code:
                restart.supervise(path)
        finally:
            posix._exit(code)
    posix.close(writing)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    if not poll.poll(max(0.0, until - monotonic()) * 1000):
        return f"{path} could not be written in time"
    said = posix.read(reading, 1000).decode("utf-8", "replace")
    posix.close(reading)
    return "" if said == "recorded" else said or f"{path} was not written"


def failure(path: str, at: float) -> str:
    """Return why the restart that the memory at ``path`` tells of, begun at ``at``, failed, or nothing."""
    try:
        begun, _, why = files.read(_note(path), 1000).decode("utf-8", "replace").partition(" ")
    except OSError:
        return ""
    return one_line(why, 300) if begun == f"{at:.2f}" else ""


class Restart:
    """A command that restarts a service, begun at ``at`` (as the memory has it), with ``timeout`` seconds to end."""

    __slots__ = ("at", "command", "program", "timeout")

    def __init__(self, program: str, command: Sequence[str], timeout: float, at: float) -> None:
        self.program = program
        self.command = command
        self.timeout = timeout
        self.at = at

    def supervise(self, path: str) -> None:
        """Run the command to its end, and tell where it failed: nobody else sees that."""
        why = self._run()
        if why:
            log(self.program, ERROR, f"restart failed: {why}")
            memory.write(_note(path), f"{self.at:.2f} {why}\n".encode("utf-8", "replace"))

    def _run(self) -> str:
        """Return what went wrong, or nothing."""
        asked = repr(" ".join(self.command))
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCHLD,))
        try:
            child = posix.posix_spawnp(self.command[0], list(self.command), posix.environ, setpgroup=0, setsigmask=())
        except OSError as error:
            return f"cannot run {asked}: {error.strerror}"
        code = _wait(child, self.timeout)
        if code is None:
            _end(child)
            return f"{asked} did not end within {self.timeout:g} s: it was ended, with all that it had started"
        return f"{asked} failed with code {code}: run it by hand to see why" if code else ""


def _note(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.failed"


def _detach() -> None:
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGALRM, _signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    nothing = posix.open("/dev/null", posix.O_RDWR)
    for descriptor in (0, 1, 2):
        posix.dup2(nothing, descriptor)


def _recorded(path: str, data: bytes, writing: int, lock: int) -> int:
    try:
        memory.write(path, data)
    except OSError as error:
        posix.write(writing, f"{path} cannot be written: {error.strerror}".encode())
        return 1
    posix.close(lock)
    posix.write(writing, b"recorded")
    posix.close(writing)
    return 0


def _wait(child: int, seconds: float) -> int | None:
    """Return the exit code of a child, below 0 for a signal, or None where it has not ended in so many seconds."""
    until = monotonic() + seconds
    while True:
        pid, status = posix.waitpid(child, posix.WNOHANG)
        if pid:
            return posix.waitstatus_to_exitcode(status)
        left = until - monotonic()
        if left <= 0:
            return None
        _signal.sigtimedwait((_signal.SIGCHLD,), left)


def _end(child: int) -> None:
    """End a child and what is left of its process group."""
    for number in (_signal.SIGTERM, _signal.SIGKILL):
        try:
            posix.killpg(child, number)
        except ProcessLookupError:
            return
        if number == _signal.SIGTERM:
            _leave_time(child)
    posix.waitpid(child, 0)


def _leave_time(child: int) -> None:
    """Wait a moment for a child to end, and leave it a zombie, so that its number stays the group's."""
    until = monotonic() + _POLITE
    while posix.waitid(posix.P_PID, child, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT) is None:
        left = until - monotonic()
        if left <= 0:
            return
        _signal.sigtimedwait((_signal.SIGCHLD,), left)
