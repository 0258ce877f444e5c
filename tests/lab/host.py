"""What is a host of the cluster? Its own network, processes, mounts and name, inside of the one guest.

Making one takes no program to be started but ip(8): starting programs is what a guest does slowly.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import traceback
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEWNS, _NEWUTS, _NEWPID, _NEWNET = 0x00020000, 0x04000000, 0x20000000, 0x40000000
_PRIVATE, _BIND = 0x4000 | 0x40000, 0x1000
_OWN = ("run", "tmp", "etc/keepalived", "etc/haproxy", "etc/vipwarden", "var/lib/vipwarden")
_CODE = Path(__file__).parents[2]
_ENVIRONMENT = {
    "PATH": "/usr/local/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
}


class Host:
    """One running host: ``files`` is where its own folders are seen from outside."""

    def __init__(self, name: str, sysctl: Mapping[str, int]) -> None:
        """Start it, with no interface yet; ``sysctl`` are settings below net/ipv4/."""
        self.name = name
        self.files = Path("/lab") / name
        shutil.rmtree(self.files, ignore_errors=True)
        for folder in _OWN:
            (self.files / folder).mkdir(parents=True, exist_ok=True)
            Path("/", folder).mkdir(parents=True, exist_ok=True)
        (self.files / "tmp").chmod(0o1777)
        self.pid = self._start(sysctl)

    def _start(self, sysctl: Mapping[str, int]) -> int:
        """Fork the host's PID 1 and return its number outside."""
        receive, send = os.pipe()
        middle = os.fork()
        if not middle:
            try:
                _call("unshare", _NEWNS | _NEWUTS | _NEWPID | _NEWNET)
                inner = os.fork()
                if inner:
                    os.write(send, b"%d\n" % inner)
                else:
                    self._first(sysctl, receive, send)
            except Exception:  # noqa: BLE001 - it ends here either way
                traceback.print_exc()
            finally:
                os._exit(0)
        os.waitpid(middle, 0)
        os.close(send)
        with os.fdopen(receive) as said:
            words = said.read().split()
        if len(words) != 2:
            raise RuntimeError(f"host {self.name} did not start: {words}")
        return int(words[1] if words[0] == "up" else words[0])

    def _first(self, sysctl: Mapping[str, int], receive: int, send: int) -> None:
        """Be PID 1: children that others left are reaped by the kernel as long as SIGCHLD is ignored."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        name = self.name.encode()
        _call("mount", b"none", b"/", None, _PRIVATE, None)
        _call("mount", b"proc", b"/proc", b"proc", 0, None)
        code = os.open(_CODE, os.O_PATH)
        for folder in _OWN:
            _call("mount", bytes(self.files / folder), b"/" + folder.encode(), None, _BIND, None)
        if not (_CODE / "setup.cfg").exists():  # a clone in /tmp, which the host's own now hides
            _CODE.mkdir(parents=True, exist_ok=True)
            _call("mount", b"/proc/self/fd/%d" % code, bytes(_CODE), None, _BIND, None)
        os.close(code)
        _call("sethostname", name, len(name))
        Path("/proc/self/comm").write_text("init")
        for key, value in sysctl.items():
            Path("/proc/sys/net/ipv4", key).write_text(str(value))
        os.write(send, b"up\n")
        os.closerange(receive, send + 1)
        while True:
            signal.pause()

    def popen(self, *command: str) -> subprocess.Popen[str]:
        """Start a command on the host, whose output is to be read."""
        inside = ["nsenter", "-t", str(self.pid), "-n", "-p", "-m", "-u", "--", *command]
        return subprocess.Popen(
            inside, cwd="/", env=_ENVIRONMENT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str, within: float = 60) -> str:
        """Run a command on the host and return what it said; raises RuntimeError where it fails."""
        process = self.popen(*command)
        said, _ = process.communicate(timeout=within)
        if process.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(command)} exited with {process.returncode}: {said.strip()}")
        return said

    def shell(self, script: str, within: float = 60) -> str:
        """Run a shell script on the host."""
        return self.run("bash", "-euc", script, within=within)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write one of the host's own files, aside and renamed."""
        target = self.files / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.new")
        aside.write_text(text)
        aside.chmod(mode)
        aside.replace(target)

    def read(self, path: str) -> str:
        """Return one of the host's own files, nothing where there is none."""
        with suppress(OSError):
            return (self.files / path.lstrip("/")).read_text(errors="replace")
        return ""

    def pids(self, program: str) -> list[int]:
        """Return the processes of a program on this host, zombies aside, by their numbers outside."""
        return [pid for pid in _processes(self.pid) if _program(pid) == program]

    def kill(self, program: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send every process of a program a signal, at the same time; raises RuntimeError where there is none."""
        found = self.pids(program)
        if not found:
            raise RuntimeError(f"{self.name}: no {program} to send {number.name}")
        for what in (signal.SIGSTOP, number)[len(found) == 1 :]:  # of several none is to see another one die
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, what)

    def is_on(self) -> bool:
        """Return whether it has power."""
        return Path(f"/proc/{self.pid}/net").exists()

    def addresses(self) -> set[str]:
        """Return the IPv4 addresses of the host."""
        try:
            lines = Path(f"/proc/{self.pid}/net/fib_trie").read_text().splitlines()
        except OSError:
            return set()  # the power is off
        pairs = pairwise(lines)
        return {line.split()[-1] for line, after in pairs if "/32 host LOCAL" in after and "|--" in line}

    def weights(self) -> dict[str, int]:
        """Return the weight of each real server in the host's IPVS table by IPv4, as ``service>server``."""
        found, service = {}, ""
        for words in map(str.split, Path(f"/proc/{self.pid}/net/ip_vs").read_text().splitlines()):
            if words[0] != "->":
                service = _address(words[1]) if words[0] == "TCP" and words[1][0] != "[" else ""
            elif service:
                found[f"{service}>{_address(words[1])}"] = int(words[3])
        return found

    def off(self) -> None:
        """Kill every process; the kernel may still go on for its sockets until its cables are pulled as well."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _processes(first: int) -> list[int]:
    """Return the processes in the PID namespace of one."""
    mine, found = Path(f"/proc/{first}/ns/pid").readlink(), []
    for place in Path("/proc").glob("[1-9]*"):
        with suppress(OSError):
            if Path(place, "ns/pid").readlink() == mine:
                found.append(int(place.name))
    return found


def _program(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def _address(text: str) -> str:
    """Return 10.10.0.20:8080 for 0A0A0014:1F90."""
    host, _, port = text.partition(":")
    return ".".join(str(byte) for byte in bytes.fromhex(host)) + f":{int(port, 16)}"
