"""Where does a path of a node lie in its view of the files, seen from outside?

Links are followed as the node follows them: nothing outside of its root is ever read or written.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs")
_OWN = ("/dev/", "/proc/", "/sys/", "/run/", "/tmp/", "/var/run/")  # noqa: S108 - these are of the node alone
_ODD = frozenset("\\:,")  # an escape in /proc/mounts, and what separates the layers of an overlay
_MOST_DISKS = 20
_MOST_LINKS = 40
_MOST_TEXT = 65536


def inside(root: Path, path: str, *, last: bool = True) -> Path:
    """Return where a path of the node is; ``last`` says whether a link at its end is followed. Raises OSError."""
    parts = [it for it in reversed(path.split("/")) if it not in ("", ".")]
    at: list[str] = []
    links = 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at[:-1]
            continue
        place = root.joinpath(*at, part)
        if not place.is_symlink() or (not parts and not last):
            at.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"{path}: too many links")
        target = str(place.readlink())
        at = [] if target.startswith("/") else at
        parts += [it for it in reversed(target.split("/")) if it not in ("", ".")]
    return root.joinpath(*at)


def disks(mounts: str) -> list[str]:
    """Return where other file systems of the machine lie that cannot hang, by what is in /proc/mounts.

    An overlay of ``/`` has nothing of them. Those in memory that a node has of its own are left out.
    """
    found: dict[str, None] = {}
    for line in mounts.splitlines():
        point, kind = line.split(" ")[1:3]
        is_own = any(f"{point}/".startswith(it) for it in _OWN)
        if kind in _DISKS and point != "/" and not is_own and not _ODD.intersection(point):
            found[point] = None
    return [*found][:_MOST_DISKS]


def program(root: Path, name: str) -> Path:
    """Return where a program is, or would be, by its path or in the PATH; a link at its end is not followed."""
    if "/" in name:
        return inside(root, name, last=False)
    places = [inside(root, f"{folder}/{name}", last=False) for folder in _PATH]
    return next((it for it in places if os.path.lexists(it)), places[3])


def text(root: Path, path: str) -> str:
    """Return the begin of a script, or nothing where it is no text."""
    with suppress(OSError):
        descriptor = os.open(inside(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(_MOST_TEXT) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
        return "" if b"\0" in data else data.decode("utf-8", "replace")
    return ""


def user_of(root: Path, words: Sequence[str]) -> tuple[int, ...] | None:
    """Return UID and GID of a user and group, nothing for root, None where there is no such user.

    Without words it is keepalived_script where there is such a user, else root (set_default_script_user()).
    """
    if words and all(it.isdigit() for it in words):
        return tuple(map(int, (*words, *words)[:2]))
    users = {it[0]: it for it in _entries(root, "/etc/passwd", 7)}
    user = users.get(words[0] if words else "keepalived_script")
    if user is None:
        return None if words else ()
    groups = {it[0]: it[2] for it in _entries(root, "/etc/group", 4)}
    group = groups.get(words[1]) if len(words) > 1 else user[3]
    return (int(user[2]), int(group)) if group is not None and user[2].isdigit() and group.isdigit() else None


def _entries(root: Path, path: str, count: int) -> list[list[str]]:
    lines = (line.split(":") for line in text(root, path).splitlines())
    return [it for it in lines if len(it) == count]


def copy(source: Path, target: Path) -> None:
    """Copy a file or a link; what was there is replaced at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.fresh")
    fresh.unlink(missing_ok=True)
    if source.is_symlink():
        fresh.symlink_to(source.readlink())
    else:
        shutil.copy2(source, fresh)
    fresh.replace(target)


def give_to_root(root: Path, path: str) -> None:
    """Let a script and its folders belong to root: the owner of a copy says nothing of the node's."""
    place = root
    for part in inside(root, path).relative_to(root).parts:
        place /= part
        with suppress(OSError):
            status = place.lstat()
            if status.st_uid or status.st_gid:
                os.chown(place, 0, 0, follow_symlinks=False)
                place.chmod(stat.S_IMODE(status.st_mode) & ~0o022)
