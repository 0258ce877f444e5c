"""What is the state of a failed unit, and how is it restarted without waiting?

A child in its own session, out of reach of keepalived's kill, writes the memory and reports that; only then does it
start the command, in its own process group, and clients do not wait for the disk meanwhile. It holds the lock of its
run until the memory is written, so that no other run acts on the old memory. If the command fails, or does not end in
time, the child logs it to syslog and writes the reason beside the memory for later runs.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select
from time import monotonic

from keepalived_scripts.service import memory
from keepalived_scripts.service.rules import BROKEN, BUSY, STOPPED
from vipwarden.core.result import one_line
from vipwarden.core.syslog import ERROR, log
from vipwarden.net.oneshot import within
from vipwarden.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_POLITE = 1  # second from SIGTERM to SIGKILL
_MOST = 4096  # bytes of systemctl's output
_SHOW = ("systemctl", "show", "--property=LoadState,ActiveState,ActiveEnterTimestampMonotonic,Result,Job")
_AT_WORK = ("activating", "deactivating", "reloading", "refreshing")


def fate(unit: str, until: float, grace: float) -> tuple[str, str]:
    """Return BUSY, STOPPED, BROKEN or "" for a unit, and the text for it; "" also without an answer in time.

    A unit that is inactive after a successful run was stopped, by ``systemctl stop`` or by its own clean end. One
    that died has failed, or is about to be started again (systemd.service(5), Restart= and Result=). One that was
    started less than ``grace`` seconds ago may not listen yet: Type=simple counts as started before it does anything.
    """
    values = dict(line.split("=", 1) for line in _show(unit, until).splitlines() if "=" in line)
    state, result = values.get("ActiveState", ""), values.get("Result", "")
    if state in _AT_WORK or values.get("Job", "0") not in ("", "0"):
        return BUSY, f"unit {unit} is {state}"
    started = values.get("ActiveEnterTimestampMonotonic", "")
    if state == "active" and started.isdigit() and 0 <= (age := monotonic() - int(started) / 1e6) < grace:
        return BUSY, f"unit {unit} was started {age:.1f} s ago"
    if state == "inactive" and result == "success" and values.get("LoadState") == "loaded":
        return STOPPED, f"unit {unit} is inactive"
    if state == "failed":
        return BROKEN, f"unit {unit} has failed ({result})"
    return "", ""


def _show(unit: str, until: float) -> str:
    """Return systemctl's output for a unit; "" if it is not complete in time."""
    reading, writing = posix.pipe()
    null = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
    actions = [(posix.POSIX_SPAWN_DUP2, *pair) for pair in ((null, 0), (writing, 1), (null, 2))]
    try:
        child = posix.posix_spawnp(_SHOW[0], [*_SHOW, unit], posix.environ, file_actions=actions, setsigmask=())
    except OSError:
        return ""  # no systemd here
    finally:
        posix.close(writing)
        posix.close(null)
    poll, output = select.poll(), b""
    poll.register(reading, select.POLLIN)
    while len(output) < _MOST and poll.poll(max(0.0, until - monotonic()) * 1000):
        more = posix.read(reading, _MOST)
        if not more:
            break
        output += more
    else:
        output = b""  # incomplete
    posix.close(reading)
    posix.kill(child, _signal.SIGKILL)
    posix.waitpid(child, 0)
    return output.decode("utf-8", "replace")


def record(path: str, data: bytes, lock: int, until: float, restart: Restart | None = None) -> str:
    """Write a memory, then restart if there is a restart; return why this failed by ``until``, or ""."""
    reading, writing = posix.pipe()
    if posix.fork() == 0:
        code = 1
        try:
            posix.setsid()
            posix.close(reading)
            _detach()
            code = _recorded(path, data, writing, lock, durable=restart is None)
            if restart is not None and not code:
                restart.supervise(path)
        finally:
            posix._exit(code)
    posix.close(writing)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    if not poll.poll(max(0.0, until - monotonic()) * 1000):
        return f"{path} could not be written in time"
    reply = posix.read(reading, 1000).decode("utf-8", "replace")
    posix.close(reading)
    return "" if reply == "recorded" else reply or f"{path} was not written"


def failure(path: str, at: float, seconds: float) -> str:
    """Return why the last restart of the memory at ``path``, begun at ``at``, failed; "" if it did not.

    Also "" where the disk does not say it within so many seconds.
    """
    note = _note(path)
    try:
        begun, _, reason = (
            within(seconds, note, lambda: files.read(note, 1000)).decode("utf-8", "replace").partition(" ")
        )
    except OSError:
        return ""
    return one_line(reason, 300) if begun == f"{at:.2f}" else ""


class Restart:
    """A command that restarts a service, begun at ``at`` (Memory.at), with ``timeout`` seconds to end."""

    __slots__ = ("at", "command", "program", "timeout")

    def __init__(self, program: str, command: Sequence[str], timeout: float, at: float) -> None:
        self.program = program
        self.command = command
        self.timeout = timeout
        self.at = at

    def supervise(self, path: str) -> None:
        """Run the command to its end; log and record a failure, which no other process sees; wait for the disk."""
        reason = self._run()
        if reason:
            log(self.program, ERROR, f"restart failed: {reason}")
            memory.write(_note(path), f"{self.at:.2f} {reason}\n".encode("utf-8", "replace"))
        files.sync(path)

    def _run(self) -> str:
        """Return the failure, or ""."""
        command = repr(" ".join(self.command))
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCHLD,))
        try:
            child = posix.posix_spawnp(self.command[0], list(self.command), posix.environ, setpgroup=0, setsigmask=())
        except OSError as error:
            return f"cannot run {command}: {error.strerror}"
        if _ends(child, self.timeout):
            code = posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1])
            return f"{command} failed with code {code}: run it by hand to see why" if code else ""
        posix.killpg(child, _signal.SIGTERM)
        _ends(child, _POLITE)
        posix.killpg(child, _signal.SIGKILL)
        posix.waitpid(child, 0)
        return f"{command} did not end within {self.timeout:g} s: it was killed with its process group"


def _note(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.failed"


def _detach() -> None:
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGALRM, _signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    null = posix.open("/dev/null", posix.O_RDWR)
    for descriptor in (0, 1, 2):
        posix.dup2(null, descriptor)


def _recorded(path: str, data: bytes, writing: int, lock: int, *, durable: bool) -> int:
    try:
        memory.write(path, data, durable=durable)
    except OSError as error:
        posix.write(writing, f"{path} cannot be written: {error.strerror}".encode())
        return 1
    posix.close(lock)
    posix.write(writing, b"recorded")
    posix.close(writing)
    return 0


def _ends(child: int, seconds: float) -> bool:
    """Return whether a child ends in time; it stays a zombie, so that its PID remains that of the group."""
    until = monotonic() + seconds
    while posix.waitid(posix.P_PID, child, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT) is None:
        left = until - monotonic()
        if left <= 0:
            return False
        _signal.sigtimedwait((_signal.SIGCHLD,), left)
    return True
