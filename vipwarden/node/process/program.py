"""What does a program say, and with which code does it end? It runs for so long as its check, and no longer."""

from __future__ import annotations

import posix
from time import monotonic

from vipwarden.net.stream import NetError
from vipwarden.node.process.running import MOST_READ, Program, stuck_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.net.net import Net
    from vipwarden.node.process.running import Ended

_RESERVE = 0.1  # of the deadline, at most so many seconds, to kill what has not ended
_AGAIN = 0.05  # seconds between two tries to start it, or between two looks where the kernel has no pidfds
_TYPE, _FILE, _MAY_RUN = 0o170000, 0o100000, 0o111  # S_IFMT, S_IFREG
_FOR_NOW = (11, 12, 23, 24)  # EAGAIN, ENOMEM, ENFILE, EMFILE
_kept: list[bool] = []


async def run(net: Net, words: Sequence[str]) -> Ended:
    """Run a program to its end, by its absolute path; raises OSError where it cannot be started, and NetError.

    Those are expired, for one that was killed at the deadline; local, for one that writes without end; and stuck, for
    one whose file does not answer, or whose last copy cannot even be killed.
    """
    _keep_descriptors()
    if pid := stuck_copy(words):
        raise NetError("stuck", f"its last copy (pid {pid}) was killed and has not ended yet: is a mount dead?")
    mode, _ = await net.file(words[0], 1)  # an exec() on a dead mount would hold up the whole agent
    if mode & _TYPE != _FILE or not mode & _MAY_RUN:
        raise OSError(13, "it is no program")
    limit = net.deadline - min(_RESERVE, net.timeout / 4)
    while True:
        try:
            program = Program(words)
            break
        except OSError as error:
            if error.errno not in _FOR_NOW or net.remaining() < 2 * _AGAIN:
                raise
        await net.pause(_AGAIN)
    try:
        while not program.has_ended and monotonic() < limit:
            until = limit if program.pidfd >= 0 else min(limit, monotonic() + _AGAIN)
            await net.wait(program, False, until)  # type: ignore[arg-type]  # it has a fileno()
            while program.take() and monotonic() < limit:
                await net.pause(0)
        if program.size > MOST_READ:
            raise NetError("local", f"it wrote more than {MOST_READ >> 20} MiB and was killed")
        if program.has_ended:
            return program.end()
        program.kill()
        await net.wait(program, False, net.deadline)  # type: ignore[arg-type]
        raise NetError("expired", f"it did not end within {net.timeout:.3g} s and was killed")
    finally:
        program.close()


def _keep_descriptors() -> None:
    """Once: no program gets the descriptors that this process itself was started with."""
    if _kept:
        return
    _kept.append(True)
    try:
        numbers = [int(name) for name in posix.listdir("/proc/self/fd")]
    except OSError:
        return
    for number in numbers:
        try:
            posix.set_inheritable(number, number < 3)
        except OSError:  # that of the folder
            pass
