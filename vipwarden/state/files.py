"""How is a small file written whole, and read without waiting?

A new file is written aside and renamed: readers see the old file or the new file, and a full disk keeps the old file.
Readers follow no links, wait for no FIFO, refuse files of other users, and read a bounded number of bytes.
"""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_READ = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
_OVER = posix.O_WRONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
_NEW = _OVER | posix.O_CREAT | posix.O_TRUNC
_LOCK = posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW
_EPERM, _EINVAL, _ENOSPC = 1, 22, 28
_TYPE, _PLAIN = 0o170000, 0o100000  # S_IFMT, S_IFREG


def ready(folder: str) -> None:
    """Make a folder and its parent where they are missing; raises OSError, also where another user owns either."""
    own = (0, posix.geteuid())
    for step in (folder.rpartition("/")[0], folder):
        try:
            status = posix.lstat(step)  # not stat(): in /tmp another user may lay a link to a folder of ours
        except FileNotFoundError:
            try:
                posix.mkdir(step, 0o700)
                # keepalived runs its scripts with umask 0177, which would leave a folder without the x bit
                posix.chmod(step, 0o700 if step.startswith("/tmp/") else 0o755)  # noqa: S108
            except FileExistsError:
                pass  # another run was faster
            status = posix.lstat(step)
        if status.st_uid not in own:
            raise PermissionError(_EPERM, f"{step} belongs to another user")


def write(path: str, data: bytes, *, durable: bool = False) -> None:
    """Write a file whole, readable by all; raises OSError, and then the old file stays.

    ``durable`` waits for the disk, so that the file survives a crash of the node.
    """
    folder, _, name = path.rpartition("/")
    aside = f"{folder}/.{posix.getpid()}.{name}"
    out = posix.open(aside, _NEW, 0o644)
    try:
        try:
            if posix.write(out, data) != len(data):
                raise OSError(_ENOSPC, "no space left")
            posix.fchmod(out, 0o644)  # the umask may be narrower
            if durable:
                posix.fsync(out)
        finally:
            posix.close(out)
        posix.rename(aside, path)
    except BaseException:  # a signal among them
        posix.unlink(aside)
        raise
    if durable:
        _sync(folder)


def sync(path: str) -> None:
    """Wait until the disk has a file that was written before; raises OSError."""
    _sync(path)
    _sync(path.rpartition("/")[0])


def _sync(path: str) -> None:
    place = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        posix.fsync(place)
    finally:
        posix.close(place)


def overwrite(path: str, data: bytes, at: int = 0) -> None:
    """Overwrite a few bytes of an existing file in place, which also works on a full disk; raises OSError."""
    out = posix.open(path, _OVER)
    try:
        if posix.pwrite(out, data, at) != len(data):
            raise OSError(_ENOSPC, "no space left")
    finally:
        posix.close(out)


def read(path: str, most: int, by: tuple[int, ...] | None = None, *, closed: bool = False) -> bytes:
    """Return the first ``most`` bytes of a plain file of one of the users ``by``, by default root and this user.

    Raises OSError: PermissionError for files of other users, and with ``closed`` for files that others may write.
    """
    source = posix.open(path, _READ)
    try:
        status = posix.fstat(source)
        if status.st_uid not in ((0, posix.geteuid()) if by is None else by):
            raise PermissionError(_EPERM, f"{path} belongs to another user")
        if closed and status.st_mode & 0o022:
            raise PermissionError(_EPERM, f"{path} can be written by others")
        if status.st_mode & _TYPE != _PLAIN:
            raise OSError(_EINVAL, f"{path} is no plain file")
        return posix.read(source, min(most, status.st_size))
    finally:
        posix.close(source)


def names(folder: str) -> list[str]:
    """Return the names of the files in a folder, sorted, without hidden files: locks and half-written files."""
    return sorted(name for name in posix.listdir(folder) if name[0] != ".")


def whole(folder: str, read: Callable[[str, tuple[int, ...]], T | None]) -> list[T]:
    """Return what ``read`` makes of each file in a folder and the users in owners(), by name, but for None.

    A folder that is missing or not to be trusted holds nothing.
    """
    by = owners(folder)
    try:
        paths = [f"{folder}/{name}" for name in names(folder)] if by else []
    except OSError:
        return []
    return [content for path in paths if (content := read(path, by)) is not None]


def lock(path: str) -> int:
    """Open the file of a lock, which is made where it is missing, for flock() or lockf(); raises OSError."""
    return posix.open(path, _LOCK, 0o600)


def owners(folder: str) -> tuple[int, ...]:
    """Return the users whose files in a folder are trusted: root, this user and the folder's owner.

    None are trusted where another user may have made the folder or a parent, as in /tmp.
    """
    mine = (0, posix.geteuid())
    try:
        above = posix.stat("/")
        for place, letter in enumerate(folder + "/"):
            if letter == "/" and place:
                link = posix.lstat(folder[:place])
                if above.st_mode & 0o002 and link.st_uid not in mine:
                    return ()
                above = posix.stat(folder[:place])
    except OSError:
        return ()
    return () if above.st_mode & 0o002 else (*mine, above.st_uid)
