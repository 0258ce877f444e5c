"""A node on a stage: its view of the files, its network, its keepalived."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.stage.connector import Connector
from rehearse.stage.held import ROOM, Held, below
from rehearse.stage.script import change, prepare, run_as_they_are, stand_in
from rehearse.stage.urgent import hurry
from rehearse.stage.view import disks, inside

if TYPE_CHECKING:
    from collections.abc import Iterable

_EMPTY = ("dev", "sys", "run", "tmp")  # in memory
_DEVICES = ("null", "zero", "random", "urandom")
_END = 60  # seconds after which what hangs is given up
MOST_LOG = 1 << 20


class Node:
    """A node of one stage. ``space`` is its network namespace in /run/netns."""

    def __init__(self, given: dict[str, Any], space: str, folder: Path) -> None:
        self.given = given
        self.space = space
        self.folder = folder
        self.root = folder / "root"
        self.held = Held(space, folder, given["name"])
        self._keepalived: subprocess.Popen[bytes] | None = None
        self._begun = 0
        self.during = ""

    def lay_out(self) -> None:
        """Mount the machine's files with the node's own above them."""
        over, at = self.given["over"], self.given["at"]
        self.root.mkdir(parents=True)
        own = self._apart_from_machine(over) if at == "/" else ""
        self._layer(f"{own}:/" if own else "/", self.root, "root")
        for number, point in enumerate(disks(Path("/proc/self/mounts").read_text("utf-8", "replace"))):
            above = f"{own}{point}:" if own and Path(f"{own}{point}").is_dir() else ""
            with suppress(OSError, subprocess.CalledProcessError):  # else it is not there
                place = inside(self.root, point)
                place.mkdir(parents=True, exist_ok=True)
                self._layer(f"{above}{point}", place, f"disk{number}")
        for name in (*_EMPTY, "proc"):
            place = self.root / name
            if place.is_symlink():  # it may lead anywhere
                place.unlink()
            place.mkdir(exist_ok=True)
            if name in _EMPTY:
                _do("mount", "-t", "tmpfs", "-o", f"size={ROOM}", name, str(place))
        for name in _DEVICES:
            (self.root / "dev" / name).touch()
            _do("mount", "--bind", f"/dev/{name}", f"{self.root}/dev/{name}")
        if at == "/etc":
            self._layer(f"{over}:/etc", self.root / "etc", "etc")
        elif at != "/":
            place = inside(self.root, at)
            place.mkdir(parents=True, exist_ok=True)
            _do("mount", "--bind", "-o", "ro", over, str(place))
        scripts, as_it_is = self.given["scripts"], self.given["as_it_is"]
        prepare(self.root, scripts)
        run_as_they_are(self.root, scripts, as_it_is)
        stand_in(self.root, scripts, [it for it in scripts if it not in as_it_is])
        (self.root / "run/systemd/system").mkdir(parents=True)  # else `service` asks no systemctl
        for path in self.given["files"].values():
            inside(self.root, path).parent.mkdir(parents=True, exist_ok=True)

    def _apart_from_machine(self, over: str) -> str:
        """Return a view of a folder that is not below ``/`` for the kernel: layers may not lie in each other."""
        empty, view = self.folder / "empty", self.folder / "over"
        empty.mkdir()
        view.mkdir()
        with suppress(subprocess.CalledProcessError):  # where / is an overlay: then the folder has to be elsewhere
            _do("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={over}:{empty}", str(view))
            return str(view)
        return over

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

    def hold(self) -> None:
        """Start its services; those of other machines are on its own addresses."""
        for address in self.given["remote"]:
            family = "-6" if ":" in address else "-4"
            self.run("ip", family, "route", "replace", "local", address, "dev", "lo")
        self.run("sh", "-c", 'echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range')  # as systemd does
        if any(it.get("program") for it in self.given["services"]):
            bind = 'for it in ipv4 ipv6; do echo 1 >"/proc/sys/net/$it/ip_nonlocal_bind"; done'
            self.run("sh", "-c", bind)  # a server binds the VIP before it is there
        self.held.start(self.given["services"])

    def start(self) -> None:
        """Start keepalived."""
        for path in (self.root / "run").glob("keepalived*"):
            if path.is_file():
                path.unlink()
        command = ("keepalived", "-n", "-l", "-D", *self._only(), "-f", self.given["conf"])
        known = self.given.get("processes", {}).values()
        connector = Connector(self.held.first, known) if known else None
        before, descriptors = connector.command() if connector else ([], ())
        with (self.folder / "log").open("ab") as log:
            self._keepalived = subprocess.Popen(
                [*self.held.urgent, *before, *self.held.command(*command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=descriptors,
            )
        if self.held.urgent:
            threading.Thread(target=hurry, args=(self._keepalived,), daemon=True).start()
        if connector:
            connector.start()

    def _only(self) -> list[str]:
        """Return the option for VRRP alone, where no real servers stand on the stage."""
        return [] if self.given.get("virtual_servers") else ["-P"]

    def is_running(self) -> bool:
        """Return whether keepalived has not ended."""
        return self._keepalived is not None and self._keepalived.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to keepalived: SIGTERM to its first process, others to all."""
        if self._keepalived is None:
            return
        pids = below(self._keepalived.pid)
        if number == signal.SIGKILL:  # a first process that ends lets the others end in order
            _send(pids[:1], signal.SIGSTOP)
            pids = [*pids[1:], *pids[:1]]
        _send(pids[:1] if number == signal.SIGTERM else pids, number)
        if number != signal.SIGSTOP:
            _send([self._keepalived.pid], signal.SIGCONT)  # nsenter stops with what it has started
        if number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self._keepalived.wait(_END)
            except subprocess.TimeoutExpired:
                self._keepalived.kill()
                self._keepalived.wait()

    def end(self) -> None:
        """End all of it."""
        self.signal(signal.SIGKILL)
        self.held.end()

    def mark(self) -> None:
        """Begin to keep what keepalived logs."""
        self._begun = (self.folder / "log").stat().st_size

    def cut(self) -> None:
        """Keep what it has logged since then in ``during``."""
        with (self.folder / "log").open("rb") as log:
            log.seek(self._begun)
            self.during = log.read(MOST_LOG).decode("utf-8", "replace")

    def said(self) -> str:
        """Return the last words of its log."""
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]

    def set_script(self, name: str, kind: str, *, broken: bool) -> None:
        """Let a script fail, hang or go missing, or run again."""
        change(self.root, self.given["scripts"], name, kind, broken=broken)

    def set_file(self, name: str, value: int) -> None:
        """Write a track file at once."""
        place = inside(self.root, self.given["files"][name])
        fresh = place.with_name(f".{place.name}.fresh")
        fresh.write_text(f"{value}\n", encoding="ascii")
        fresh.rename(place)


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _do(*command: str) -> None:
    null = subprocess.DEVNULL
    subprocess.run(command, check=True, timeout=_END, stdin=null, stdout=null, stderr=subprocess.PIPE)
