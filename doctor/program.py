"""Would keepalived run this command, as whom, and what would it hold against it?

As check_script_secure() and check_security() in keepalived's lib/notify.c decide. Up to 2.2.8 a command is run by
the path that realpath(3) gives; from 2.3.0 the path as it was written is walked as well, and a folder in it that is
a link counts as a wrong type of file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os.path import normpath
from stat import S_ISDIR, S_ISGID, S_ISLNK, S_ISREG, S_ISUID, S_ISVTX, S_IWGRP, S_IWOTH, S_IXGRP, S_IXOTH, S_IXUSR
from typing import TYPE_CHECKING

from doctor.host import SEARCHED

if TYPE_CHECKING:
    import os

    from doctor.commands import Command
    from doctor.host import Host
    from vipwarden.node.keepalived.version import Version

_KEEPS_LINKS = (2, 3, 0)


@dataclass(slots=True)
class Program:
    """A command as keepalived finds it.

    ``missing`` says why it cannot be found, ``real`` is its path without links. ``unsafe`` has the elements of the
    path that others than root may change and how, ``odd`` the first one that is of a wrong type. What is hidden from
    us is taken for good.
    """

    command: Command
    uid: int
    gid: int
    given: str
    real: str = ""
    missing: str = ""
    is_executable: bool = False
    is_hidden: bool = False
    unsafe: dict[str, str] = field(default_factory=dict)
    odd: str = ""


def find(host: Host, command: Command, user: tuple[int, int], version: Version | None) -> Program:
    """Look for the program of a command that ``user`` (uid and gid) runs."""
    found = Program(command, *user, command.argv[0])
    if "/" not in found.given:
        paths = (f"{folder}/{found.given}" for folder in SEARCHED)
        path = next((path for path in paths if _runs(host, path, user)), None)
        if path is None:
            found.missing = f"there is no program {found.given} in {':'.join(SEARCHED)}"
            return found
        found.given = path
    if not found.given.startswith("/"):
        found.missing = f"{found.given} is no absolute path"
        return found
    real = host.real(found.given)
    seen = None if real is None else host.lstat(real)
    if (real is None or seen is None) and host.is_hidden(found.given):
        found.is_hidden = found.is_executable = True
        return found
    if real is None or seen is None:
        found.missing = f"{found.given} does not exist"
        return found
    barred = _barred(host, real, user)
    if barred:
        found.missing = f"{found.given} cannot be reached by uid {found.uid}, which may not enter {barred}"
        return found
    found.real = real
    found.is_executable = is_executable(seen, *user)
    if found.is_executable and (0 in user or _rises(seen)):
        for path in _walked(host, found.given, real, version):
            _walk(host, path, found)
    elif not S_ISREG(seen.st_mode):
        found.odd = real
    return found


def is_executable(seen: os.stat_result, uid: int, gid: int) -> bool:
    """Return whether a user may run it, as lib/notify.c decides: supplementary groups do not count."""
    mode = seen.st_mode
    if uid == 0 and mode & (S_IXUSR | S_IXGRP | S_IXOTH):
        return True
    if uid == seen.st_uid:
        return bool(mode & S_IXUSR)
    return bool(mode & (S_IXGRP if gid == seen.st_gid else S_IXOTH))


def _runs(host: Host, path: str, user: tuple[int, int]) -> bool:
    real = host.real(path)
    seen = None if real is None else host.lstat(real)
    return seen is not None and S_ISREG(seen.st_mode) and is_executable(seen, *user)


def _rises(seen: os.stat_result) -> bool:
    """Return whether it becomes root by itself."""
    mode = seen.st_mode
    as_user = seen.st_uid == 0 and mode & S_IXUSR and mode & S_ISUID
    return bool(as_user or (seen.st_gid == 0 and mode & S_IXGRP and mode & S_ISGID))


def _barred(host: Host, path: str, user: tuple[int, int]) -> str:
    """Return the first folder of the path that the user may not enter."""
    if user[0] == 0:
        return ""
    for folder in _elements(path)[:-1]:
        seen = host.lstat(folder)
        if seen is None or not is_executable(seen, *user):
            return folder
    return ""


def _elements(path: str) -> list[str]:
    """Return the root folder, each folder below it, and the path itself."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[:end]) for end in range(1, len(parts) + 1))]


def _walked(host: Host, given: str, real: str, version: Version | None) -> list[str]:
    """Return the paths whose elements keepalived looks at."""
    if version is not None and version >= _KEEPS_LINKS:
        clean = normpath(given)
        return [clean] if clean == real else [clean, real]
    # the name that was given is kept where it is a link beside its target: some programs look at their name
    beside = f"{real.rpartition('/')[0]}/{given.rpartition('/')[2]}"
    return [real] if beside == real or host.real(beside) != real else [beside, real]


def _walk(host: Host, path: str, found: Program) -> None:
    elements = _elements(path)
    for element in elements:
        seen = host.lstat(element)
        if seen is None:
            return
        mode = seen.st_mode
        if not (S_ISREG(mode) or S_ISLNK(mode) if element == elements[-1] else S_ISDIR(mode)):
            found.odd = found.odd or element
            return
        if seen.st_uid:
            found.unsafe[element] = f"belongs to uid {seen.st_uid}"
        elif S_ISREG(mode) or (S_ISDIR(mode) and not mode & S_ISVTX):
            if seen.st_gid and mode & S_IWGRP:
                found.unsafe[element] = f"can be written by group {seen.st_gid}"
            elif mode & S_IWOTH:
                found.unsafe[element] = "can be written by everybody"
