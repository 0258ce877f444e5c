"""A root that is booted: systemd as its first process, in namespaces and a network of its own."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.packaging.roots import Root

_BOOT = 60.0  # seconds
_LONGEST = 240  # of one command, however busy the machine is


def eventually(look: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so; fails the test where it never comes to be."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"not within {seconds} s: {found!r}"
        time.sleep(0.05)


class Container:
    """A booted root; ``leader`` is the number of its first process, seen from here."""

    def __init__(self, root: Root, leader: int) -> None:
        self.root = root
        self.path = root.path
        self.leader = leader

    def run(self, *command: str, code: int | None = 0) -> str:
        """Run a command in it and return what it said; any code but ``code`` fails the test."""
        inside = [program("nsenter"), "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid"]
        done = subprocess.run(
            [*inside, "--root", "--wdns=/", "--", *command], capture_output=True, check=False, text=True,
            timeout=_LONGEST, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": ""},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{command} left with {done.returncode}: {said}"
        return said

    def sh(self, line: str, code: int | None = 0) -> str:
        """Run a line of sh in it."""
        return self.run("sh", "-c", line, code=code)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file into it."""
        self.run("mkdir", "-p", str(Path(path).parent))
        self.run("sh", "-c", 'umask 022; printf %s "$2" > "$1.new"; chmod "$3" "$1.new"; mv "$1.new" "$1"',
                 "sh", path, text, f"{mode:o}")  # fmt: skip

    def read(self, path: str) -> str:
        """Return what a file holds; nothing where there is none."""
        return self.run("sh", "-c", 'cat "$1" 2>/dev/null || :', "sh", path)

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def drop_in(self, unit: str, *lines: str) -> None:
        """Put a drop-in beside a unit."""
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", "\n".join(("[Service]", *lines, "")))
        self.run("systemctl", "daemon-reload")

    def journal(self, unit: str) -> str:
        """Return what a unit has logged."""
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")


def _leader(nspawn: int) -> int:
    """Return the number of the first process of a container, or 0 while others prepare its place."""
    for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
        with suppress(OSError):
            if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return int(child)
    return 0


@contextmanager
def booted(root: Root) -> Iterator[Container]:
    """Boot a root, and end it however the test goes."""
    command = [
        program("systemd-nspawn"), "--quiet", f"--directory={root.path}", "--private-network", "--register=no",
        "--keep-unit", f"--machine=vipwarden-{os.getpid()}", "--console=pipe", "--boot",
    ]  # fmt: skip
    with (root.path.parent / "boot.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: process.poll() is not None or _leader(process.pid), _BOOT)
        assert process.poll() is None, (root.path.parent / "boot.log").read_text()
        container = Container(root, _leader(process.pid))
        state = ("systemctl", "is-system-running")
        eventually(lambda: container.run(*state, code=None).strip() in ("running", "degraded"), _BOOT)
        container.run("ip", "link", "set", "lo", "up")
        yield container
    finally:
        process.terminate()  # an orderly end
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
