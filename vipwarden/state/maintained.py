"""Where are the records of maintenance, and how are they written, read and removed?

The records survive a reboot. Commands read their copies in the runtime folder, and wait for no disk.
"""

from __future__ import annotations

import posix

from vipwarden.state import files, paths
from vipwarden.state.clock import wall
from vipwarden.state.maintenance import Maintenance, decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_BYTES = 8192
_JUST = 2.0  # seconds: some file systems have whole seconds


def write(record: Maintenance) -> None:
    """Write a record in place of an earlier one of the same name and person; raises OSError, and then all is as before.

    It waits for the disk: the file survives a crash of the node. Its copy in the runtime folder is for commands.
    """
    before = _read(path(record), (0, posix.geteuid()))
    try:
        for place in (path(record), _place_of_copy(record)):
            files.ready(place.rpartition("/")[0])
            files.write(place, encode(record), durable=place == path(record))
    except OSError as error:
        _take_back(record, before)
        raise OSError(error.errno, error.strerror, place) from None


def _take_back(record: Maintenance, before: Maintenance | None) -> None:
    try:
        if before is None:
            posix.unlink(path(record))
        else:
            files.write(path(record), encode(before))
    except OSError:
        pass  # it was not written


def path(record: Maintenance) -> str:
    """Return the path of its file."""
    return f"{paths.maintenance()}/{_file(record)}"


def _file(record: Maintenance) -> str:
    return paths.file_name(f"{record.kind} {record.name} {record.by}")


def _place_of_copy(record: Maintenance) -> str:
    return f"{paths.maintained()}/{_file(record)}"


def remove(record: Maintenance) -> None:
    """Remove its files, where they are there: the record, and then its copy; raises OSError."""
    for place in (path(record), _place_of_copy(record)):
        try:
            posix.unlink(place)
        except FileNotFoundError:
            pass


def restore(records: Iterable[Maintenance]) -> None:
    """Make the copies what the records are: after a reboot, or a command that was killed. As far as it can be done."""
    if paths.maintained() == paths.maintenance():
        return
    copies = {_file(record): record for record in files.whole(paths.maintained(), _read)}
    try:
        own = set(posix.listdir(paths.maintenance()))
        for name in copies.keys() - own:
            posix.unlink(f"{paths.maintained()}/{name}")
        files.ready(paths.maintained())
        for record in records:
            if record.left > 0 and _file(record) in own and copies.get(_file(record)) != record:
                files.write(_place_of_copy(record), encode(record))
    except OSError:
        pass


def read_copies() -> list[Maintenance]:
    """Return all whole copies that a command of this user has to follow; a disk that hangs does not matter to it."""
    folders = dict.fromkeys((paths.maintained(), paths.maintained(paths.ROOT)))
    return [record for folder in folders for record in files.whole(folder, _read)]


def read_all() -> list[Maintenance]:
    """Return all whole records that this user has to follow: own records and root's, also those that are over."""
    return [record for folder in _folders() for record in files.whole(folder, _read)]


def read_own() -> list[Maintenance]:
    """Return all whole records that this user has written, also those that are over."""
    return files.whole(paths.maintenance(), _read)


def stamp() -> tuple[int, ...] | None:
    """Return what changes with the records, as each is written aside and renamed; None where they have just changed."""
    found: tuple[int, ...] = ()
    for folder in _folders():
        try:
            status = posix.stat(folder)
        except OSError:
            continue
        found += status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
        if abs(wall() - status.st_mtime) < _JUST:  # another change may get the same time
            return None
    return found


def _folders() -> Iterable[str]:
    return dict.fromkeys((paths.maintenance(), paths.maintenance(root=True)))


def _read(path: str, by: tuple[int, ...]) -> Maintenance | None:
    try:
        return decode(files.read(path, _MOST_BYTES, by))
    except (OSError, ValueError):
        return None
