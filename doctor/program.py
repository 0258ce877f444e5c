"""Does keepalived run this program, as which user, and can the kernel start it?

As check_script_secure() and check_security() in keepalived's lib/notify.c decide. Up to 2.2.8 a command is run by
its realpath(3); from 2.3.0 the path as written is walked as well, where a link among the folders is a wrong type of
file. The first line of a script is read as the kernel's binfmt_script does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os.path import normpath
from stat import S_ISDIR, S_ISGID, S_ISLNK, S_ISREG, S_ISUID, S_ISVTX, S_IWGRP, S_IWOTH, S_IXGRP, S_IXOTH, S_IXUSR
from typing import TYPE_CHECKING

from doctor.host import SEARCHED
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    import os

    from doctor.commands import Command
    from doctor.host import Host
    from vipwarden.node.keepalived.version import Version

_KEEPS_LINKS = (2, 3, 0)
_LINE = 255  # bytes of it that the kernel reads
_TEXT = frozenset(range(32, 127)) | {9, 10, 13}
MISSING, ENV, UNNAMED = "missing", "env", "unnamed"


@dataclass(slots=True)
class Program:
    """A command as keepalived resolves it.

    ``missing`` is why there is no program, ``real`` its path without links, ``unsafe`` the elements of the path that
    others than root may change and how, ``odd`` the first element of a wrong type. What this user may not look at
    (``is_hidden``) counts as sound.
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
    """Resolve the program of a command that ``user`` (uid and gid) runs."""
    program = Program(command, *user, command.argv[0])
    if "/" not in program.given:
        path = next((path for path in _places(program.given) if _runs(host, path, user)), None)
        if path is None:
            program.missing = f"there is no program {program.given} in {':'.join(SEARCHED)}"
            return program
        program.given = path
    real = host.real(program.given)
    seen = None if real is None else host.lstat(real)
    if not program.given.startswith("/"):
        program.missing = f"{program.given} is not an absolute path"
    elif real is None or seen is None:
        program.is_hidden = program.is_executable = host.is_hidden(program.given)
        program.missing = "" if program.is_hidden else f"{program.given} does not exist"
    elif closed := _closed(host, real, user):
        program.missing = f"{program.given} cannot be reached by uid {program.uid}, which may not enter {closed}"
    else:
        program.real = real
        program.is_executable = _is_executable(seen, *user)
        if program.is_executable and (0 in user or _becomes_root(seen)):
            for path in _walked(host, program.given, real, version):
                _walk(host, path, program)
        elif not S_ISREG(seen.st_mode):
            program.odd = real
    return program


def _places(name: str) -> list[str]:
    return [name] if "/" in name else [f"{folder}/{name}" for folder in SEARCHED]


def _is_executable(seen: os.stat_result, uid: int, gid: int) -> bool:
    """Return whether a user may run a file, as lib/notify.c decides: supplementary groups do not count."""
    mode = seen.st_mode
    if uid == 0 and mode & (S_IXUSR | S_IXGRP | S_IXOTH):
        return True
    if uid == seen.st_uid:
        return bool(mode & S_IXUSR)
    return bool(mode & (S_IXGRP if gid == seen.st_gid else S_IXOTH))


def _runs(host: Host, path: str, user: tuple[int, int]) -> bool:
    real = host.real(path) if path.startswith("/") else None
    seen = None if real is None else host.lstat(real)
    return seen is not None and S_ISREG(seen.st_mode) and _is_executable(seen, *user)


def _becomes_root(seen: os.stat_result) -> bool:
    mode = seen.st_mode
    as_user = seen.st_uid == 0 and mode & S_IXUSR and mode & S_ISUID
    return bool(as_user or (seen.st_gid == 0 and mode & S_IXGRP and mode & S_ISGID))


def _closed(host: Host, path: str, user: tuple[int, int]) -> str:
    """Return the first folder of the path that the user may not enter."""
    for folder in _elements(path)[:-1] if user[0] else ():
        seen = host.lstat(folder)
        if seen is None or not _is_executable(seen, *user):
            return folder
    return ""


def _elements(path: str) -> list[str]:
    """Return the root folder, each folder below it, and the path itself."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[:end]) for end in range(1, len(parts) + 1))]


def _walked(host: Host, given: str, real: str, version: Version | None) -> list[str]:
    """Return the paths whose elements keepalived checks."""
    if version is not None and version >= _KEEPS_LINKS:
        return list(dict.fromkeys((normpath(given), real)))
    # the given name is kept where it is a link beside its target: some programs look at their name
    beside = f"{real.rpartition('/')[0]}/{given.rpartition('/')[2]}"
    return [real] if beside == real or host.real(beside) != real else [beside, real]


def _walk(host: Host, path: str, program: Program) -> None:
    elements = _elements(path)
    for element in elements:
        seen = host.lstat(element)
        if seen is None:
            return
        mode = seen.st_mode
        if not (S_ISREG(mode) or S_ISLNK(mode) if element == elements[-1] else S_ISDIR(mode)):
            program.odd = program.odd or element
            return
        if seen.st_uid:
            program.unsafe[element] = f"belongs to uid {seen.st_uid}"
        elif S_ISREG(mode) or (S_ISDIR(mode) and not mode & S_ISVTX):
            if seen.st_gid and mode & S_IWGRP:
                program.unsafe[element] = f"is writable by group {seen.st_gid}"
            elif mode & S_IWOTH:
                program.unsafe[element] = "is writable by everybody"


def start_failure(host: Host, program: Program) -> tuple[str, str, str] | None:
    """Return kind, text and fix of why the kernel does not start it; None where it does or this is not known."""
    real, user = program.real, (program.uid, program.gid)
    head = host.read(real, _LINE)
    if head == b"":
        return UNNAMED, f"{real} is empty", "Write the script."
    if not head or b"\0" in head or not (head.startswith(b"#!") or set(head) <= _TEXT):
        return None
    if not head.startswith(b"#!"):
        return UNNAMED, f"{real} does not begin with #!", "Begin it with #!/bin/sh"
    line = head[2:].split(b"\n")[0].strip(b" \t")
    interpreter = line.split(b" ")[0].split(b"\t")[0].decode("utf-8", "replace")
    if interpreter.endswith("\r"):
        text = f"{real} has Windows line ends: no interpreter is called {one_line(interpreter)}\\r"
        return MISSING, text, f"sed -i 's/\\r$//' {real}"
    if not _runs(host, interpreter, user):
        text = f"{real} names an interpreter that cannot be run: {one_line(interpreter) or 'none'}"
        return MISSING, text, "Install it, or correct the first line of the script."
    if interpreter.rpartition("/")[2] == "env":  # [-S] [NAME=VALUE] PROGRAM
        words = line.decode("utf-8", "replace").split()[1:]
        name = next((word for word in words if not word.startswith("-") and "=" not in word), "")
        if name and not any(_runs(host, path, user) for path in _places(name)):
            text = f"{real} is started by env, which finds no {one_line(name)} in {':'.join(SEARCHED)}"
            return ENV, text, "Install it, or give the full path of the interpreter in the first line."
    return None
