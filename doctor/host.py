"""What does the node tell: its files, users, kernel settings, addresses and SELinux labels?

``root`` and ``proc`` may be folders that stand in for those of a node; links are then followed inside of them.
Nothing is ever written.
"""

from __future__ import annotations

import grp
import os
import pwd
from functools import cached_property
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from vipwarden.node.netlink.addresses import AddressesError, Own, own_addresses

SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")  # as systemd has it
_MOST_BYTES = 1 << 20
_MOST_LINKS = 40


class Host:
    """The node, or folders in its place."""

    def __init__(self, root: str = "", proc: str = "", addresses: str = "") -> None:
        """Take ``root`` for /, ``proc`` for /proc (by default that of the root), and a text of ``ip -o address``."""
        self.root = root.rstrip("/")
        self.proc = proc.rstrip("/") or f"{self.root}/proc"
        self.addresses = addresses

    @property
    def is_live(self) -> bool:
        """Whether this is the node itself."""
        return not self.root and self.proc == "/proc"

    def shown(self, path: str) -> str:
        """Return a path of this machine as the node has it."""
        return path[len(self.root) :] if self.root and path.startswith(f"{self.root}/") else path

    def lstat(self, path: str) -> os.stat_result | None:
        """Return what is at a path, or None; the links that lead there stay inside the root."""
        folder, _, name = path.rpartition("/")
        real = self.real(folder) if self.root and folder else folder
        try:
            return None if real is None else os.lstat(f"{self.root}{real}/{name}")
        except (OSError, ValueError):
            return None

    def real(self, path: str) -> str | None:
        """Return the path without links, dots and doubled slashes as realpath(3), or None where it leads nowhere."""
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
        """Return whether we are not root enough to see what is at a path."""
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

    def sysctl(self, key: str) -> int | None:
        """Return the first number of a kernel setting such as ``net/ipv4/ip_forward``, or None."""
        numbers = self.numbers(f"sys/{key}")
        return numbers[0] if numbers else None

    def numbers(self, name: str) -> list[int]:
        """Return the whole numbers in a file of procfs."""
        words = (slurp(f"{self.proc}/{name}", 4096) or b"").split()
        return [int(word) for word in words if word.removeprefix(b"-").isdigit() and len(word) < 12]

    def effective(self, key: str, interface: str) -> int | None:
        """Return net.ipv4.conf.INTERFACE.KEY as it is in effect: the higher one of ``all`` and the interface."""
        found = [self.sysctl(f"net/ipv4/conf/{name}/{key}") for name in ("all", interface)]
        return max((value for value in found if value is not None), default=None)

    @cached_property
    def interfaces(self) -> frozenset[str]:
        """The names in /proc/net/dev; none where it cannot be read."""
        text = (slurp(f"{self.proc}/net/dev", _MOST_BYTES) or b"").decode("utf-8", "replace")
        return frozenset(line.partition(":")[0].strip() for line in text.splitlines() if ":" in line)

    @cached_property
    def own(self) -> list[Own] | None:
        """The addresses that the node holds, or None where that cannot be told."""
        if self.addresses:
            return _listed((slurp(self.addresses, _MOST_BYTES) or b"").decode("utf-8", "replace"))
        try:
            return own_addresses() if self.is_live else None
        except AddressesError:
            return None

    def user(self, name: str) -> tuple[int, int] | None:
        """Return uid and gid of a user, or None where there is none of that name."""
        if not self.root:
            try:
                entry = pwd.getpwnam(name)
            except (KeyError, ValueError):
                return None
            return entry.pw_uid, entry.pw_gid
        fields = self._entry("/etc/passwd", name)
        return (int(fields[2]), int(fields[3])) if len(fields) > 3 and (fields[2] + fields[3]).isdigit() else None

    def group(self, name: str) -> int | None:
        """Return the gid of a group, or None where there is none of that name."""
        if not self.root:
            try:
                return grp.getgrnam(name).gr_gid
            except (KeyError, ValueError):
                return None
        fields = self._entry("/etc/group", name)
        return int(fields[2]) if len(fields) > 2 and fields[2].isdigit() else None

    def _entry(self, path: str, name: str) -> list[str]:
        text = (self.read(path) or b"").decode("utf-8", "replace")
        return next((line.split(":") for line in text.splitlines() if line.startswith(f"{name}:")), [])

    def label(self, path: str) -> str:
        """Return the SELinux type of a file, such as bin_t, or an empty text."""
        try:
            raw = os.getxattr(f"{self.root}{path}", "security.selinux")
        except (OSError, ValueError):
            return ""
        parts = raw.rstrip(b"\0").decode("utf-8", "replace").split(":")
        return parts[2] if len(parts) > 2 else ""

    @property
    def is_enforcing(self) -> bool:
        """Whether SELinux keeps programs from doing things."""
        return self.read("/sys/fs/selinux/enforce", 16) == b"1"

    def boolean(self, name: str) -> bool | None:
        """Return whether an SELinux boolean is on, or None where there is none of that name."""
        words = (self.read(f"/sys/fs/selinux/booleans/{name}", 16) or b"").split()
        return words[0] == b"1" if words else None


def slurp(path: str, most: int) -> bytes | None:
    """Return the first bytes of a regular file, or None; a FIFO or a device holds nobody up."""
    try:
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    data = b""
    try:
        if not S_ISREG(os.fstat(source).st_mode):
            return None
        while len(data) < most and (more := os.read(source, most - len(data))):
            data += more
    except OSError:
        return None
    finally:
        os.close(source)
    return data


def exists(path: str) -> bool:
    """Return whether something is at a path of this machine."""
    return Path(path).exists()


def _listed(text: str) -> list[Own]:
    """Read lines such as ``2: eth0    inet 192.0.2.1/24 brd ...``."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[2] in ("inet", "inet6"):
            address, _, prefix = words[3].partition("/")
            found.append(Own(words[1].partition("@")[0], address, int(prefix) if prefix.isdigit() else 0))
    return found
