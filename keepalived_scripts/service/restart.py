"""How is a restart recorded and begun without waiting for it, and out of reach of keepalived's kill?

A child in a session of its own writes the memory to the disk and tells so; only then it starts the command. The
child holds the lock of the run that it comes from until the memory is safe, so that no other run acts on the old one.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select
from time import monotonic

from checks.core.syslog import ERROR, log
from keepalived_scripts.service import memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 60  # seconds after which nobody waits any more for the command's exit code


def record(path: str, data: bytes, command: Sequence[str], lock: int, until: float) -> str:
    """Write a memory and then run ``command``, if it has words; return why it was not done by ``until``, or nothing."""
    reading, writing = posix.pipe()
    if posix.fork() == 0:
        code = 1
        try:
            posix.setsid()
            posix.close(reading)
            _detach()
            code = _recorded(path, data, writing, lock)
            if command and not code:
                code = _supervise(command)
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


def _supervise(command: Sequence[str]) -> int:
    """Run the command to its end and tell syslog where it failed: nobody else sees that."""
    _signal.alarm(_LONGEST)
    asked = " ".join(command)
    try:
        child = posix.posix_spawnp(command[0], list(command), posix.environ, setsigmask=())
    except OSError as error:
        log("chk_service", ERROR, f"cannot run {asked!r}: {error.strerror}")
        return 1
    code = posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1])
    if code:
        log("chk_service", ERROR, f"{asked!r} failed with code {code}: run it by hand to see why")
    return code and 1
