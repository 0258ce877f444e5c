"""How is a verdict written, and when are old verdicts removed?"""

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
    """Write a verdict and return the verdict before it, or None; raises OSError, and then the old file stays.

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
    """Remove old verdicts, free locks and half-written files from a folder of verdicts.

    Files of the last 15 minutes are not even opened, as a folder may hold thousands. Files that cannot be removed stay,
    and the locks of chk_service, which guard restarts.
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
    """Remove an old file, unless its verdict still counts; raises OSError, also where its lock is held."""
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
        verdict = read(path)
        if verdict is not None and not verdict.ttl and standing(verdict).word in (LEFT, FUTURE):
            posix.unlink(path)
