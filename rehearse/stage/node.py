"""A node on a stage: its view of the files, its network, its keepalived."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from rehearse.stage.script import stand_in, switch

_MOUNTS = (
    ("proc", ("-t", "proc", "proc")),
    ("dev", ("-t", "tmpfs", "dev")),
    ("sys", ("-t", "tmpfs", "sys")),
    ("run", ("-t", "tmpfs", "run")),
    ("tmp", ("-t", "tmpfs", "tmp")),
)

_DEVICES = ("null", "zero", "random", "urandom")
# what a notify script could reach the machine by
_WITHOUT = "-sys_admin,-sys_module,-sys_boot,-sys_rawio,-sys_time,-sys_ptrace,-sys_chroot,-mknod"
_END = 60  # seconds after which what hangs is given up


class Node:
    """A node of one stage. ``space`` is its network namespace in /run/netns.

    ``urgent`` is the command before keepalived that lets its adverts come in time on a busy machine.
    """

    urgent: tuple[str, ...] = ()

    def __init__(self, given: dict[str, Any], space: str, folder: Path) -> None:
        self.given = given
        self.space = space
        self.folder = folder
        self.root = folder / "root"
        self._keepalived: subprocess.Popen[bytes] | None = None

    def lay_out(self) -> None:
        """Mount the machine's files with the node's own above them."""
        over, at = self.given["over"], self.given["at"]
        self.root.mkdir(parents=True)
        self._layer(f"{over}:/" if at == "/" else "/", self.root, "root")
        for name, words in _MOUNTS:
            (self.root / name).mkdir(exist_ok=True)
            _do("mount", *words, str(self.root / name))
        for name in _DEVICES:
            (self.root / "dev" / name).touch()
            _do("mount", "--bind", f"/dev/{name}", f"{self.root}/dev/{name}")
        for name in filter(lambda it: Path("/proc", it).exists(), ("sys", "sysrq-trigger")):
            _do("mount", "--bind", f"{self.root}/proc/{name}", f"{self.root}/proc/{name}")
            _do("mount", "-o", "remount,bind,ro", f"{self.root}/proc/{name}")
        _do("mount", "--bind", "/proc/sys/net", f"{self.root}/proc/sys/net")
        if at == "/etc":
            self._layer(f"{over}:/etc", self.root / "etc", "etc")
        elif at != "/":
            place = self.root / at[1:]
            place.mkdir(parents=True, exist_ok=True)
            _do("mount", "--bind", "-o", "ro", over, str(place))
        stand_in(self.root, self.given["scripts"])
        for path in self.given["files"].values():
            (self.root / path[1:]).parent.mkdir(parents=True, exist_ok=True)

    def _layer(self, lower: str, place: Path, name: str) -> None:
        """Mount folders above each other; what is written goes to memory."""
        upper, work = (self.folder / f"{it}-{name}" for it in ("upper", "work"))
        upper.mkdir()
        work.mkdir()
        _do("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", str(place))

    def run(self, *command: str) -> None:
        """Run a command of the machine in its network."""
        _do("nsenter", f"--net=/run/netns/{self.space}", *command)

    def link(self, name: str, *, up: bool) -> None:
        """Take a link down or up; what the kernel forgets of a link that is down is written again."""
        self.run("ip", "link", "set", name, "up" if up else "down")
        for it in self.given["addresses"][name] if up else ():
            if ":" in it:
                self.run("ip", "address", "replace", it, "dev", name, "nodad")
        for it in self.given["routes"][name] if up else ():
            self.run("ip", "route", "replace", it, "dev", name)

    def start(self) -> None:
        """Start keepalived as the first process of a PID namespace of its own."""
        for path in (self.root / "run").glob("keepalived*"):
            if path.is_file():
                path.unlink()
        limits = ("setpriv", f"--bounding-set={_WITHOUT}", f"--inh-caps={_WITHOUT}")
        inside = ("chroot", str(self.root), *limits, "keepalived", "-n", "-l", "-D", "-P", "-f", self.given["conf"])
        with (self.folder / "log").open("ab") as log:
            self._keepalived = subprocess.Popen(
                [
                    *("nsenter", f"--net=/run/netns/{self.space}", "unshare", "--pid", "--ipc", "--uts", "--fork"),
                    *("--kill-child", "--mount", *self.urgent, *inside),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Return whether keepalived has not ended."""
        return self._keepalived is not None and self._keepalived.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to keepalived: SIGTERM to its first process, others to all."""
        if self._keepalived is None:
            return
        pids = _below(self._keepalived.pid)
        if number in (signal.SIGTERM, signal.SIGKILL):  # the first of a PID namespace takes the others with it
            pids = pids[:1]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self._keepalived.wait(_END)
            except subprocess.TimeoutExpired:
                self._keepalived.kill()
                self._keepalived.wait()

    def said(self) -> str:
        """Return the last words of its log."""
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]

    def set_script(self, name: str, kind: str, *, broken: bool) -> None:
        """Let a script fail or hang, or succeed again."""
        switch(self.root, self.given["scripts"], name, kind=kind, broken=broken)

    def set_file(self, name: str, value: int) -> None:
        """Write a track file at once."""
        place = self.root / self.given["files"][name][1:]
        fresh = place.with_name(f".{place.name}.fresh")
        fresh.write_text(f"{value}\n", encoding="ascii")
        fresh.rename(place)


def _below(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    with suppress(OSError):
        children = [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        return [it for child in children for it in (child, *_below(child))]
    return []


def _do(*command: str) -> None:
    null = subprocess.DEVNULL
    subprocess.run(command, check=True, timeout=_END, stdin=null, stdout=null, stderr=subprocess.PIPE)
