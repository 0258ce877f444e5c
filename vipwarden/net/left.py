"""Which process of an earlier run still waits in the kernel, where nothing can end it? No other follows it there.

keepalived runs a command each second. If each of them left a process behind, a dead disk would use up the processes
of the node, or of keepalived's unit, within hours, and then no script could run any more.
"""

from __future__ import annotations

import posix

from vipwarden.state import files, paths

_MOST = 64  # bytes


def left(what: str) -> int:
    """Return the process that an earlier run has left behind at ``what``, or 0."""
    try:
        pid, start = files.read(_note(what), _MOST).split()
        if start == _start(int(pid)):
            return int(pid)
        posix.unlink(_note(what))
    except (OSError, ValueError):
        pass
    return 0


def leave(what: str, pid: int) -> None:
    """Write down that a process that was killed waits at ``what``; it does no harm where it ends all the same."""
    start = _start(pid)
    try:
        if start:
            files.ready(paths.verdicts())  # refuses a folder that somebody else has made in /tmp
            files.write(_note(what), b"%d %s" % (pid, start))
    except OSError:
        pass  # then the next run leaves another one behind


def _note(what: str) -> str:
    return f"{paths.verdicts()}/.{paths.file_name(what)}.left"


def _start(pid: int) -> bytes:
    """Return when a process was started, in ticks since the boot; nothing for one that has ended."""
    try:
        source = posix.open(f"/proc/{pid}/stat", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    try:
        words = posix.read(source, 4096).rpartition(b")")[2].split()
        return b"" if words[0] in (b"Z", b"X") else words[19]
    except (OSError, IndexError):
        return b""
    finally:
        posix.close(source)
