"""How are several files replaced, all or none, so that nothing is ever half written?

Each new file is written aside, in the folder of the old one, with its owner, mode and extended attributes (SELinux
context and ACL among them), and each old file is kept under a name that no backup has. Only when all of that is on the
disk are the files renamed; if one cannot be, those before it are taken back.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convert.conversion import Change

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_BACKUPS = 10_000
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)  # they wait until all files are renamed, or none


@dataclass(slots=True)
class _Step:
    """A file that is replaced: its real path, and where the new and the old content lie beside it."""

    change: Change
    path: str
    aside: str = ""
    backup: str = ""
    is_done: bool = False


def write(changes: Sequence[Change], check: Callable[[], None]) -> list[str]:
    """Replace the files and return the backups; raises OSError and what ``check`` raises, and then all is as before.

    ``check`` is asked last, before the first file is renamed: whether the old files are still what was read.
    """
    steps = [_Step(change, os.path.realpath(change.path)) for change in changes]
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        for step in steps:
            _prepare(step)
        check()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        for step in steps:
            os.rename(step.aside, step.path)  # noqa: PTH104
            step.aside, step.is_done = "", True
    except BaseException:  # a signal among them
        for step in reversed(steps):
            _undo(step)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    for step in steps:
        _sync(os.path.dirname(step.path) or ".")  # noqa: PTH120
    return [step.backup for step in steps if step.backup]


def _prepare(step: _Step) -> None:
    """Write the new content aside, and the old content into a backup; raises OSError."""
    folder, name = os.path.split(step.path)
    if step.change.before is not None:
        step.backup = _backup(step)
    step.aside = os.path.join(folder, f".{name}.vipwarden-new-{os.getpid()}")  # noqa: PTH118
    _put(step.aside, step.change.after, step.path if step.backup else None)
    _sync(folder or ".")


def _backup(step: _Step) -> str:
    for number in range(1, _MOST_BACKUPS):
        path = f"{step.path}.before-convert-{number}"
        try:
            _put(path, step.change.before or b"", step.path)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{step.path} has {_MOST_BACKUPS} backups")


def _put(path: str, data: bytes, like: str | None) -> None:
    """Write a new file, with owner, mode and attributes of another; raises OSError, and then there is no file."""
    out = os.open(path, _NEW, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(out, view) :]
            _dress(out, like)
            os.fsync(out)
        finally:
            os.close(out)
    except BaseException:
        os.unlink(path)  # noqa: PTH108
        raise


def _dress(out: int, like: str | None) -> None:
    """Give a file the owner, mode and attributes of another; raises OSError where the owner cannot be kept."""
    if like is None:
        os.fchmod(out, 0o644)
        return
    status = os.stat(like)  # noqa: PTH116
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(out, status.st_uid, status.st_gid)
    os.fchmod(out, status.st_mode & 0o7777)
    try:
        names = os.listxattr(like)
    except OSError:  # no file system with attributes
        return
    for name in names:
        try:
            os.setxattr(out, name, os.getxattr(like, name))
        except OSError:  # security.* of a file that is not ours to label: it gets the folder's
            continue


def _undo(step: _Step) -> None:
    """Put the old file back, and remove what was written beside it."""
    try:
        if step.is_done and step.backup:
            os.rename(step.backup, step.path)  # noqa: PTH104
            step.backup = ""
        elif step.is_done:
            os.unlink(step.path)  # noqa: PTH108
    finally:
        for path in (step.aside, step.backup):
            try:
                if path:
                    os.unlink(path)  # noqa: PTH108
            except OSError:
                pass


def _sync(folder: str) -> None:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(place)
    finally:
        os.close(place)
