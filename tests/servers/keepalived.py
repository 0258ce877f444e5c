"""Real keepalived in network namespaces of its own, and one that misbehaves when it is asked for its dumps."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.settings import Settings, settings
from tests.commands import needs_namespaces, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _space(descriptor: int | None) -> None:
    """Take this thread to a network namespace, or to a new one."""
    failed = _LIBC.unshare(_CLONE_NEWNET) if descriptor is None else _LIBC.setns(descriptor, _CLONE_NEWNET)
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Space:
    """A network namespace; in its with statement this thread, and what it starts, is in there."""

    def __init__(self, stack: ExitStack) -> None:
        needs_namespaces()
        self._home: list[int] = []
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _space(None)
            self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, self.descriptor)
            ip("link set lo up")
        finally:
            _space(home)
            os.close(home)

    @property
    def path(self) -> str:
        """Where others find it while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    def __enter__(self) -> Space:
        self._home.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        _space(self.descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        home = self._home.pop()
        _space(home)
        os.close(home)


@contextmanager
def wire() -> Iterator[tuple[Space, Space]]:
    """Make two network namespaces, va of the one (192.0.2.1) wired to va of the other (192.0.2.2)."""
    with ExitStack() as stack:
        one, two = Space(stack), Space(stack)
        with one:
            ip("link add va type veth peer name vb", f"link set vb netns {two.path} name va")
        for number, space in enumerate((one, two), 1):
            with space:
                ip(
                    "link set va up",
                    f"addr add 192.0.2.{number}/24 dev va",
                    f"addr add 2001:db8::{number}/64 dev va nodad",
                )
        yield one, two


def ip(*commands: str) -> None:
    """Configure the network namespace of this thread, by commands as ip -batch takes them."""
    subprocess.run([program("ip"), "-batch", "-"], input="\n".join(commands), text=True, check=True, timeout=60)


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a keepalived, if it still runs, and its children with -9: a MASTER takes a second to end by itself."""
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)  # else it would notice, or start its children again
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (*map(int, children), process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


class Keepalived:
    """A real keepalived: its parent process, its configuration, its pidfile and its own folder for temporary files."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.conf = str(folder / "keepalived.conf")
        self.pidfile = str(folder / "keepalived.pid")
        self.folder = folder

    def log(self) -> str:
        """Return what it said."""
        return (self.folder / "log").read_text(errors="replace")

    def kill(self) -> None:
        """Kill it and its children with -9, so that none of them gives a VIP up."""
        kill(self.process)

    def end(self) -> None:
        """Stop it, and it gives its VIPs up."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def keepalived(folder: Path, conf: str, *, private_tmp: bool = False, tmpdir: str = "") -> Iterator[Keepalived]:
    """Run a keepalived in this thread's network namespace, with a private /tmp as systemd gives, or with a TMPDIR."""
    folder.mkdir(exist_ok=True)
    (folder / "keepalived.conf").write_text(conf)
    files = [f"-{letter}{folder}/{name}" for letter, name in zip("fprcb", _FILES, strict=True)]
    command = [program("keepalived"), "-n", "-l", "-D", "-G", *files]
    if private_tmp:
        command = [program("unshare"), "-m", "sh", "-c", f'mount -t tmpfs tmp {_OVER} && exec "$@"', "sh", *command]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **({"TMPDIR": tmpdir} if tmpdir else {})}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    running = Keepalived(process, folder)
    try:
        yield running
    finally:
        kill(process)


_FILES = ("keepalived.conf", "keepalived.pid", "vrrp.pid", "checkers.pid", "bfd.pid")
_OVER = "/tmp"  # the folder of such a test must be elsewhere


def known(running: Keepalived | None = None, **others: Any) -> Settings:
    """Return settings for a keepalived, which may be asked again at once."""
    given: dict[str, Any] = {"keepalived_interval": 1e-6, "keepalived_states": ("/nonexistent",), **others}
    if running is not None:
        given |= {"keepalived_conf": running.conf, "keepalived_pidfile": running.pidfile}
    return settings(**given)


def until(what: str, test: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something; fails where it does not come."""
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            pytest.fail(f"it did not come: {what}")
        time.sleep(0.02)


@contextmanager
def misbehaving(folder: Path, script: str) -> Iterator[str]:
    """Run a process that is called keepalived and, asked by a signal, does what the script says; yield its pidfile.

    The script sees ``name`` (data, json or stats), ``whole`` (what a dump should be) and ``path`` (where).
    """
    program("keepalived")  # which tells the numbers of its signals
    ready = folder / "ready"
    pidfile = folder / "pid"
    code = f"{_MISBEHAVING}\nsys.argv = ['', {str(folder)!r}]\n{_LOOP.format(script=_indented(script))}"
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=subprocess.DEVNULL)
    try:
        until("it is ready", ready.exists)
        pidfile.write_text(f"{process.pid}\n")
        yield str(pidfile)
    finally:
        process.kill()
        process.wait()


def _indented(script: str) -> str:
    return "\n".join(f"    {line}" for line in script.strip().splitlines())


_MISBEHAVING = """
import os, pathlib, signal, subprocess, sys, time

def number(name):
    return int(subprocess.run(["keepalived", "--signum=" + name], capture_output=True, check=True).stdout)

def fresh(path, *parts):
    aside = path + ".aside"
    with open(aside, "w") as file:
        os.rename(aside, path)
        for part in parts:
            file.write(part)
            file.flush()
            time.sleep(0.05)
"""
_LOOP = """
os.environ["PATH"] += ":/usr/sbin:/sbin"
folder = pathlib.Path(sys.argv[1])
names = {{number(name.upper()): name for name in ("data", "json", "stats")}}
pathlib.Path("/proc/self/comm").write_text("keepalived")
asked = []
for one in names:
    signal.signal(one, lambda number, _: asked.append(number))
(folder / "ready").touch()
while True:
    while not asked:
        time.sleep(0.002)
    name = names[asked.pop(0)]
    path = str(folder / ("keepalived." + name))
    whole = (folder / ("whole." + name)).read_text()
{script}
"""
