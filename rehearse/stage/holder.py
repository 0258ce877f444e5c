"""The first process of a node: which of its services run? Run by ``node.py``; the node's ``systemctl`` asks it.

It reads requests ``ID VERB NAME`` from a pipe in the node, and answers ``CODE STATE`` to the pipe of that ID. The
services are in a file outside of the node. Each begin and end of a service is noted with its time.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rehearse.stage.cmdline import program, words
from rehearse.stage.procs import CUT, comm, is_alive

_CODE = str(Path(__file__).parents[2])
_SERVICE = f"import sys; sys.path.insert(0, {_CODE!r}); from rehearse.stage.service import main; main()"
_REQUEST = re.compile(r"([\w-]{1,20}) ([a-z-]{1,20}) ?(.{0,100})", re.ASCII)
_MOST_PROCESSES = 400
_READY = 5.0  # seconds until a stand-in listens
_ANSWER = 2.0
_END = 3.0
_TICK, _SOON = 0.5, 0.1
_GONE, _UNKNOWN = 3, 4  # exit codes of systemctl


class Holder:
    """The services of a node. ``given`` has the node's root, the file of its services, that of notes."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._pipes = Path(given["root"], ".rehearse")
        self._services: dict[str, dict[str, Any]] = {}
        self._pids: dict[str, int] = {}
        self._adopted: dict[str, int] = {}
        self._notes = os.open(given["notes"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hold(self) -> None:
        """Start the services, and answer until the end."""
        pipe = os.open(self._pipes / "control", os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        self._set()
        os.write(1, b"ready\n")
        rest = b""
        while True:
            with suppress(BlockingIOError):
                if select.select([pipe], [], [], _TICK if len(self._pids) == len(self._services) else _SOON)[0]:
                    rest += os.read(pipe, 65536)
            self._reap()
            self._adopt()
            *lines, rest = rest.split(b"\n")
            rest = rest[-4096:]
            for line in lines:
                match = _REQUEST.fullmatch(line.decode("utf-8", "replace"))
                if match is not None:
                    self._answer(match[1], *self._do(match[2], match[3]))
            if len([*Path("/proc").glob("[0-9]*")]) > _MOST_PROCESSES:
                self._note(str(_MOST_PROCESSES), "over")
                os.kill(-1, signal.SIGKILL)  # all of this node but this process

    def _do(self, verb: str, name: str) -> tuple[int, str]:
        """Return exit code and state."""
        word, _, given = name.partition(" ")
        if verb not in ("set", "clear", "signal"):
            self._note(name.removesuffix(".service"), "asked")
        if verb == "set":
            self._set()
        elif verb == "clear":
            self._clear()
        elif verb == "signal" and word.isdigit():
            self._signal(given, int(word))
        elif (name := self._known(name.removesuffix(".service"))) == "keepalived":
            return _keepalived(verb)
        elif name not in self._services:
            return _UNKNOWN, "inactive"
        else:
            if verb in ("stop", "restart", "try-restart", "reload-or-restart", "kill"):
                self._stop(name)
            if verb in ("start", "restart", "try-restart", "reload-or-restart"):
                self._start(name)
            is_up = name in self._pids
            return (0 if is_up or verb not in ("is-active", "status") else _GONE), "active" if is_up else "inactive"
        return 0, "active"

    def _known(self, unit: str) -> str:
        """Return the service of a unit, whose process may have another name."""
        return unit if unit in self._services else {"mysql": "mysqld", "mariadb": "mysqld"}.get(unit, unit)

    def _set(self) -> None:
        wanted = {it["name"]: it for it in json.loads(Path(self._given["services"]).read_text("utf-8"))}
        for name in [it for it in self._services if self._services[it] != wanted.get(it)]:
            self._stop(name)
        self._services = wanted
        for name in sorted(wanted, key=lambda it: not wanted[it].get("program")):
            self._start(name)

    def _start(self, name: str) -> None:
        if name in self._pids:
            return
        service = self._services[name]
        if service.get("program"):
            with Path(self._given["log"]).open("ab") as log:
                process = subprocess.Popen(
                    service["program"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        else:
            given = {**service, **self._given}
            args, text = [service["line"] or name, "-I", "-S", "-c", _SERVICE], json.dumps(given).encode()
            if service.get("command"):
                args, text = words(service["command"]), program(_CODE, given)
            process = subprocess.Popen(
                args,
                executable=sys.executable,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            if process.stdin is not None and process.stdout is not None:
                with suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(text)
                with process.stdout:
                    select.select([process.stdout], [], [], _READY)
        self._pids[name] = process.pid
        process.returncode = 0  # it is reaped here
        self._note(name, "up")

    def _stop(self, name: str) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(name, number)
            if number == signal.SIGTERM:
                self._signal(name, signal.SIGCONT)
            end = time.monotonic() + _END
            while name in self._pids and time.monotonic() < end:
                time.sleep(0.01)
                self._reap()

    def _signal(self, name: str, number: int) -> None:
        if name not in self._pids:
            return
        pid = self._pids[name]
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) > 0:
                for name in [it for it, own in self._pids.items() if own == pid]:
                    del self._pids[name]
                    self._note(name, "down")

    def _adopt(self) -> None:
        """Take note of a service that a script has started by itself, and of its end."""
        for name, pid in [*self._adopted.items()]:
            if comm(Path("/proc", str(pid))) != name[:CUT]:
                del self._adopted[name]
                if self._pids.get(name) == pid:
                    self._pids.pop(name)
                    self._note(name, "down")
        missing = {it[:CUT]: it for it in self._services if it not in self._pids}
        for path in Path("/proc").glob("[0-9]*") if missing else ():
            name = missing.get(comm(path), "")
            if name and is_alive(path) and int(path.name) not in self._pids.values():
                self._adopted[name] = self._pids[name] = int(path.name)
                self._note(name, "up")
                del missing[name[:CUT]]

    def _clear(self) -> None:
        """End all processes of the node but this one."""
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        end = time.monotonic() + _END
        while len([*Path("/proc").glob("[0-9]*")]) > 1 and time.monotonic() < end:
            self._reap()
            time.sleep(0.005)
        self._reap()
        self._pids.clear()
        self._adopted.clear()

    def _note(self, name: str, what: str) -> None:
        os.write(self._notes, f"{time.monotonic()} {what} {name}\n".encode())

    def _answer(self, who: str, code: int, state: str) -> None:
        end = time.monotonic() + _ANSWER
        while time.monotonic() < end:
            try:
                pipe = os.open(self._pipes / "answers" / who, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError:  # nobody reads it yet
                time.sleep(0.005)
                continue
            with suppress(OSError):
                if stat.S_ISFIFO(os.fstat(pipe).st_mode):
                    os.write(pipe, f"{code} {state}\n".encode())
            os.close(pipe)
            return


def _keepalived(verb: str) -> tuple[int, str]:
    """Answer about keepalived itself, which may be stopped by its own script."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*") if comm(path) == "keepalived"]
    if verb in ("stop", "kill", "restart") and pids:
        os.kill(min(pids), signal.SIGTERM)
    return (0 if pids or verb not in ("is-active", "status") else _GONE), "active" if pids else "inactive"


def main() -> None:
    """Hold the services of the node that the input names."""
    Path("/proc/self/comm").write_text("init", encoding="ascii")
    Holder(json.load(sys.stdin)).hold()


if __name__ == "__main__":
    main()
