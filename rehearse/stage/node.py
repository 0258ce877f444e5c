"""A node on a stage: its view of the files, its network, its keepalived."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rehearse.stage.script import change, prepare, run_as_they_are, stand_in
from rehearse.stage.view import inside

_MOUNTS = (
    ("dev", ("-t", "tmpfs", "dev")),
    ("sys", ("-t", "tmpfs", "sys")),
    ("run", ("-t", "tmpfs", "run")),
    ("tmp", ("-t", "tmpfs", "tmp")),
)

_DEVICES = ("null", "zero", "random", "urandom")
# what a notify script could reach the machine by
_WITHOUT = "-sys_admin,-sys_module,-sys_boot,-sys_rawio,-sys_time,-sys_ptrace,-sys_chroot,-mknod"
_END = 60  # seconds after which what hangs is given up
_CODE = str(Path(__file__).parents[2])
_HOLDER = f"import sys; sys.path.insert(0, {_CODE!r}); from rehearse.stage.holder import main; main()"
# processes of the node see each other; settings of the machine are read only, those of the network are its own
_INSIDE = """mount -t proc proc /proc && mount -t proc proc "$1/proc"
for it in sys sysrq-trigger; do
    [ ! -e "$1/proc/$it" ] || { mount --bind "$1/proc/$it" "$1/proc/$it" && mount -o remount,bind,ro "$1/proc/$it"; }
done
mount --bind /proc/sys/net "$1/proc/sys/net"
shift
exec "$@"
"""
_ANSWER = 10.0
_MOST_LOG = 1 << 20
_LARGEST = 64 << 20  # bytes of a file that a script may write


class Node:
    """A node of one stage. ``space`` is its network namespace in /run/netns.

    ``urgent`` is the command before keepalived that lets its adverts come in time on a busy machine.
    """

    urgent: tuple[str, ...] = ()
    certificate = ""

    def __init__(self, given: dict[str, Any], space: str, folder: Path) -> None:
        self.given = given
        self.space = space
        self.folder = folder
        self.root = folder / "root"
        self._keepalived: subprocess.Popen[bytes] | None = None
        self._holder: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._begun = 0
        self.during = ""

    def lay_out(self) -> None:
        """Mount the machine's files with the node's own above them."""
        over, at = self.given["over"], self.given["at"]
        self.root.mkdir(parents=True)
        self._layer(f"{self._apart_from_machine(over)}:/" if at == "/" else "/", self.root, "root")
        for name, words in _MOUNTS:
            (self.root / name).mkdir(exist_ok=True)
            _do("mount", *words, str(self.root / name))
        for name in _DEVICES:
            (self.root / "dev" / name).touch()
            _do("mount", "--bind", f"/dev/{name}", f"{self.root}/dev/{name}")
        if at == "/etc":
            self._layer(f"{over}:/etc", self.root / "etc", "etc")
        elif at != "/":
            place = self.root / at[1:]
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
        """Start the first process of its PID namespace, and by it the services."""
        for address in self.given["remote"]:
            family = "-6" if ":" in address else "-4"
            self.run("ip", family, "route", "replace", "local", address, "dev", "lo")
        if any(it.get("program") for it in self.given["services"]):
            bind = 'for it in ipv4 ipv6; do echo 1 >"/proc/sys/net/$it/ip_nonlocal_bind"; done'
            self.run("sh", "-c", bind)  # a server binds the VIP before it is there
        self._write_services()
        command = ("nsenter", f"--net=/run/netns/{self.space}", "unshare", "--pid", "--ipc", "--uts", "--fork")
        own = ("--kill-child", "--mount", "sh", "-ec", _INSIDE, "sh", str(self.root))
        given = {name: str(self.folder / name) for name in ("root", "services", "notes")}
        given |= {"log": str(self.folder / "services.log"), "certificate": self.certificate}
        with (self.folder / "services.log").open("ab") as log:
            self._holder = subprocess.Popen(
                [*self.urgent, *command, *own, sys.executable, "-I", "-S", "-c", _HOLDER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        if self._holder.stdin is not None and self._holder.stdout is not None:
            with suppress(BrokenPipeError), self._holder.stdin:
                self._holder.stdin.write(json.dumps(given).encode())
            with self._holder.stdout:
                select.select([self._holder.stdout], [], [], _END)
                if self._holder.stdout.read(1) != b"r":
                    said = (self.folder / "services.log").read_text("utf-8", "replace")[-500:]
                    raise OSError(f"the first process of {self.given['name']} did not start: {said}")

    def _write_services(self) -> None:
        usual = ("chrt", "--other", "0") if self.urgent else ()  # stand-ins answer at once, whatever else runs
        inner = [*usual, *self._apart(), "chroot", str(self.root), *self._limits()]
        services = [
            {**it, "program": [*inner, *it["program"]] if it.get("program") else None} for it in self.given["services"]
        ]
        (self.folder / "services").write_text(json.dumps(services), encoding="utf-8")

    @staticmethod
    def _apart() -> tuple[str, ...]:
        return ("prlimit", f"--fsize={_LARGEST}")

    @staticmethod
    def _limits() -> tuple[str, ...]:
        return ("setpriv", f"--bounding-set={_WITHOUT}", f"--inh-caps={_WITHOUT}")

    def serve(self, services: list[dict[str, Any]]) -> None:
        """Have these services from now on."""
        self.given["services"] = services
        self._write_services()
        self.ask("set")

    def ask(self, request: str) -> str:
        """Ask the first process as ``systemctl`` does; return its answer, or nothing where it has none."""
        self._asked += 1
        pipe = self.root / ".rehearse" / "answers" / f"stage-{self._asked}"
        os.mkfifo(pipe)
        answer = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            control = os.open(self.root / ".rehearse" / "control", os.O_WRONLY | os.O_NONBLOCK)
            os.write(control, f"stage-{self._asked} {request}\n".encode())
            os.close(control)
            end = time.monotonic() + _ANSWER
            while time.monotonic() < end:
                if data := os.read(answer, 200):
                    return data.decode()
                time.sleep(0.01)
        finally:
            os.close(answer)
            pipe.unlink()
        return ""

    def notes(self) -> list[tuple[float, str, str]]:
        """Return time, up or down, and name of what its services did."""
        lines = (self.folder / "notes").read_text("utf-8", "replace").splitlines()
        return [(float(at), what, name) for at, what, name in (line.split(" ", 2) for line in lines)]

    def command(self, *words: str) -> list[str]:
        """Return the command that runs another one in the node, with the rights of what keepalived starts."""
        spaces = ("--pid", "--mount", "--net", "--ipc", "--uts")
        inside = ("chroot", str(self.root), *self._limits(), *words)
        return ["nsenter", "-t", str(self.first), *spaces, *self._apart(), *inside]

    @property
    def first(self) -> int:
        """The PID of its first process."""
        return next(iter(below(self._holder.pid)), 0) if self._holder is not None else 0

    def start(self) -> None:
        """Start keepalived."""
        for path in (self.root / "run").glob("keepalived*"):
            if path.is_file():
                path.unlink()
        with (self.folder / "log").open("ab") as log:
            self._keepalived = subprocess.Popen(
                [*self.urgent, *self.command("keepalived", "-n", "-l", "-D", "-P", "-f", self.given["conf"])],
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
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()

    def mark(self) -> None:
        """Begin to keep what keepalived logs."""
        self._begun = (self.folder / "log").stat().st_size

    def cut(self) -> None:
        """Keep what it has logged since then in ``during``."""
        with (self.folder / "log").open("rb") as log:
            log.seek(self._begun)
            self.during = log.read(_MOST_LOG).decode("utf-8", "replace")

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


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    with suppress(OSError):
        children = [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        return [it for child in children for it in (child, *below(child))]
    return []


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _do(*command: str) -> None:
    null = subprocess.DEVNULL
    subprocess.run(command, check=True, timeout=_END, stdin=null, stdout=null, stderr=subprocess.PIPE)
