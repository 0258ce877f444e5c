"""Which files, users, kernel settings, addresses and SELinux labels has the node? Nothing is ever written.

``root`` and ``proc`` may be folders in place of a node's own; links are then followed inside them.
"""

from __future__ import annotations

import grp
import os
import pwd
from functools import cached_property
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from vipwarden.net.file import look
from vipwarden.node.clock import kernel_clock
from vipwarden.node.netlink.addresses import AddressesError, Own, listed, own_addresses

SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")  # as systemd has it
_MOST_BYTES = 1 << 20
_MOST_LINKS = 40


class Host:
    """The node: ``root`` is /, ``proc`` by default its /proc, ``addresses`` a file with ``ip -o address``."""

    def __init__(self, root: str = "", proc: str = "", addresses: str = "") -> None:
        self.root = root.rstrip("/")
        self.proc = proc.rstrip("/") or f"{self.root}/proc"
        self.addresses = addresses

    @property
    def is_live(self) -> bool:
        """Whether this is the node itself."""
        return not self.root and self.proc == "/proc"

    def shown(self, path: str) -> str:
        """Return a path without the root before it."""
        return path[len(self.root) :] if self.root and path.startswith(f"{self.root}/") else path

    def lstat(self, path: str) -> os.stat_result | None:
        """Return the status of a path, None where nothing is there; links on the way stay inside the root."""
        folder, _, name = path.rpartition("/")
        real = self.real(folder) if self.root and folder else folder
        try:
            return None if real is None else os.lstat(f"{self.root}{real}/{name}")
        except (OSError, ValueError):
            return None

    def real(self, path: str) -> str | None:
        """Return realpath(3) of a path inside the root, None where nothing is there."""
        done: list[str] = []
        rest = [part for part in reversed(path.split("/")) if part]
        links = 0
        while rest:
            part = rest.pop()
            if part in (".", ".."):
                del done[len(done) - (part == "..") :]
                continue
            here = "/".join(["", *done, part])
            try:
                if not S_ISLNK(os.lstat(self.root + here).st_mode):
                    done.append(part)
                    continue
                links += 1
                target = str(Path(self.root + here).readlink())
            except (OSError, ValueError):
                return None
            if links > _MOST_LINKS:
                return None
            if target.startswith("/"):
                done.clear()
            rest += [step for step in reversed(target.split("/")) if step]
        return "/" + "/".join(done)

    def is_hidden(self, path: str) -> bool:
        """Return whether this user may not look at a path."""
        try:
            os.lstat(self.root + path)
        except PermissionError:
            return True
        except (OSError, ValueError):
            pass
        return False

    def read(self, path: str, most: int = _MOST_BYTES) -> bytes | None:
        """Return the first bytes of a regular file, or None."""
        real = self.real(path)
        return None if real is None else slurp(self.root + real, most)

    def text(self, path: str, most: int = _MOST_BYTES) -> str:
        """Return the beginning of a regular file as text, "" where it cannot be read."""
        return (self.read(path, most) or b"").decode("utf-8", "replace")

    def names(self, folder: str) -> list[str]:
        """Return what is in a folder, none where it cannot be listed."""
        real = self.real(folder)
        try:
            return [] if real is None else sorted(path.name for path in Path(self.root + real).iterdir())
        except OSError:
            return []

    def sysctl(self, key: str) -> int | None:
        """Return the first number of a kernel setting such as ``net/ipv4/ip_forward``, or None."""
        numbers = self.numbers(f"sys/{key}")
        return numbers[0] if numbers else None

    def numbers(self, name: str) -> list[int]:
        """Return the whole numbers in a file of procfs."""
        words = (slurp(f"{self.proc}/{name}", 4096) or b"").split()
        return [int(word) for word in words if word.removeprefix(b"-").isdigit() and len(word) < 12]

    def effective(self, key: str, interface: str) -> int | None:
        """Return the effective net.ipv4.conf.INTERFACE.KEY: the higher value of ``all`` and the interface."""
        values = [self.sysctl(f"net/ipv4/conf/{name}/{key}") for name in ("all", interface)]
        return max((value for value in values if value is not None), default=None)

    @cached_property
    def interfaces(self) -> frozenset[str]:
        """The interfaces in /proc/net/dev; none where it cannot be read."""
        text = (slurp(f"{self.proc}/net/dev", _MOST_BYTES) or b"").decode("utf-8", "replace")
        return frozenset(line.partition(":")[0].strip() for line in text.splitlines() if ":" in line)

    @cached_property
    def own(self) -> list[Own] | None:
        """The addresses of the node, None where they are not known."""
        if self.addresses:
            return listed((slurp(self.addresses, _MOST_BYTES) or b"").decode("utf-8", "replace"))
        try:
            return own_addresses() if self.is_live else None
        except AddressesError:
            return None

    @cached_property
    def clock_is_kept(self) -> bool | None:
        """Whether the kernel says that its clock is synchronised (adjtimex(2)), None where that is not known."""
        if not self.is_live:
            return None
        try:
            return kernel_clock().synchronised
        except OSError:
            return None

    def user(self, name: str) -> tuple[int, int] | None:
        """Return uid and gid of a user, None where it does not exist."""
        if self.root:
            ids = self._ids("/etc/passwd", name, 2)
            return (ids[0], ids[1]) if ids else None
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):
            return None
        return entry.pw_uid, entry.pw_gid

    def group(self, name: str) -> int | None:
        """Return the gid of a group, None where it does not exist."""
        if self.root:
            return next(iter(self._ids("/etc/group", name, 1)), None)
        try:
            return grp.getgrnam(name).gr_gid
        except (KeyError, ValueError):
            return None

    def _ids(self, path: str, name: str, count: int) -> list[int]:
        for line in self.text(path).splitlines():
            fields = line.split(":")[2 : 2 + count]
            if line.startswith(f"{name}:") and len(fields) == count and all(map(str.isdecimal, fields)):
                return list(map(int, fields))
        return []

    def label(self, path: str) -> str:
        """Return the SELinux type of a file such as bin_t, or nothing."""
        try:
            raw = os.getxattr(f"{self.root}{path}", "security.selinux")
        except (OSError, ValueError):
            return ""
        parts = raw.rstrip(b"\0").decode("utf-8", "replace").split(":")
        return parts[2] if len(parts) > 2 else ""

    @property
    def is_enforcing(self) -> bool:
        """Whether SELinux is enforcing."""
        return self.read("/sys/fs/selinux/enforce", 16) == b"1"

    def boolean(self, name: str) -> bool | None:
        """Return whether an SELinux boolean is on, None where it does not exist."""
        words = (self.read(f"/sys/fs/selinux/booleans/{name}", 16) or b"").split()
        return words[0] == b"1" if words else None


def slurp(path: str, most: int) -> bytes | None:
    """Return the first bytes of a regular file, or None; a FIFO or device does not block."""
    try:
        mode, data = look(path, most)
    except (OSError, ValueError):
        return None
    return data[:most] if S_ISREG(mode) else None
