"""How does the run of a check become the verdict that others read, and where do old ones go?"""

from __future__ import annotations

import posix

from vipwarden.state import files
from vipwarden.state.clock import wall
from vipwarden.state.paths import file_name
from vipwarden.state.verdict import encode, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.result import Result
    from vipwarden.state.verdict import Verdict


def publish(folder: str, name: str, check: str, result: Result, duration: float) -> Verdict | None:
    """Write a verdict and return the one before it, or None; raises OSError, and then the old one stands.

    A new name sweeps the folder.
    """
    path = f"{folder}/{file_name(name)}"
    before = read(path)
    since = before.since if before is not None and before.result.state == result.state else wall()
    files.write(path, encode(check, result, since, duration))
    if before is None:
        sweep(folder)
    return before


def sweep(folder: str) -> None:
    """Remove from a folder of verdicts what is left over: verdicts, locks that nobody holds, files half written.

    A file that was written within the last quarter of an hour is not even opened, for a folder may hold thousands.
    What cannot be removed stays. The locks of chk_service stay as well: a restart hangs on them.
    """
    from vipwarden.state.standing import LEFT_AFTER

    try:
        names = posix.listdir(folder)
    except OSError:
        return
    long_ago = wall() - LEFT_AFTER
    for name in names:
        path = f"{folder}/{name}"
        try:
            if posix.lstat(path).st_mtime <= long_ago and not name.startswith(".service."):
                _remove(path, name)
        except OSError:
            continue


def _remove(path: str, name: str) -> None:
    """Remove a file that was not written for long, if it is left over; raises OSError, also where its lock is held."""
    from vipwarden.state.standing import FUTURE, LEFT, standing

    if name.endswith(".lock"):
        lock = files.lock(path)
        try:
            posix.lockf(lock, posix.F_TLOCK, 0)
            posix.unlink(path)
        finally:
            posix.close(lock)
    elif name[0] == ".":
        posix.unlink(path)
    else:
        found = read(path)
        if found is not None and not found.ttl and standing(found).word in (LEFT, FUTURE):
            posix.unlink(path)
