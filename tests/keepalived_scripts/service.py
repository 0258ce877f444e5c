"""A service of a test's own, and chk_service and chk_haproxy to ask about it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands import BIN, Ran, environment, program, run
from vipwarden.core.result import OK, Result
from vipwarden.state import files
from vipwarden.state.publish import publish
from vipwarden.state.verdict import Verdict, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import misbehaving as servers


class Asked:
    """chk_service (or another command) with a runtime and a state folder below ``folder``.

    Where the options name no timeout it is long enough for a busy machine.
    """

    def __init__(self, folder: Path, command: str = "chk_service") -> None:
        self.folder = folder
        self.command = command
        self.env = environment(folder) | {"VIPWARDEN_STATE_DIR": f"{folder}/state"}
        self.restarts = folder / "restarts"

    def __call__(self, *options: str) -> Ran:
        """Ask once."""
        return run(self.folder, self.command, *self._patient(options), env=self.env)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Begin to ask, in a process group of its own as keepalived does."""
        return subprocess.Popen(
            [BIN / self.command, *self._patient(options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            text=True,
            process_group=0,
        )

    @staticmethod
    def _patient(options: tuple[str, ...]) -> tuple[str, ...]:
        return options if "--timeout" in options else (*options, "--timeout", "20")

    def counting(self, more: str = ":") -> tuple[str, str]:
        """Return the options for a restart command that leaves a line for each call, and then does ``more``."""
        script = self.folder / "restart"
        script.write_text(f"#!/bin/sh\necho $$ >>{self.restarts}\n{more}\n")
        script.chmod(0o755)
        return "--restart", str(script)

    def restarted(self) -> int:
        """Return how often the restart command ran."""
        return len(self.restarts.read_text().splitlines()) if self.restarts.exists() else 0

    def healthy_before(self, *options: str) -> tuple[str, ...]:
        """Return options whose last verdict was healthy: else a service that is not has nothing to keep."""
        name = self.folder.name
        files.ready(f"{self.folder}/run/verdict")
        publish(f"{self.folder}/run/verdict", name, "service", Result(OK, "it was well"), 0)
        return (*options, "--name", name)

    def verdict(self) -> Verdict:
        """Return the one verdict that there is."""
        (found,) = read_all(f"{self.folder}/run/verdict")
        return found


@contextlib.contextmanager
def running(folder: Path, name: str = "balancer-of-loads") -> Iterator[str]:
    """Run a process of a name of its own."""
    own = folder / name
    if not own.exists():
        own.symlink_to(program("sleep"))
    with subprocess.Popen([own, "60"]) as process:
        try:
            yield name
        finally:
            process.kill()


def port(server: servers.Server, *more: str) -> tuple[str, str]:
    """Return the option for a port check."""
    return "--check", " ".join(("port", "-H", server.host, "-p", str(server.port), *more))


def must_come(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def ignored_here() -> int:
    """Return the signals that this process ignores, as a mask: those of nohup(1), or of a shell's ``&``."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("SigIgn"))
    return int(line.split()[1], 16)
