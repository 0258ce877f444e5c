"""Run the installed commands as their callers do, each with a runtime folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

import pytest

from tests import programs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BIN = Path(sys.executable).parent  # where `make setup` writes them
CODE = Path(__file__).parents[1]
FAR = 30.0  # seconds after which even on a busy machine a run has ended by its deadline; without that it never ends


PopenText: TypeAlias = "subprocess.Popen[str]"


class Ran(NamedTuple):
    """What a command left behind, and how many seconds it took."""

    code: int
    out: str
    err: str
    seconds: float


runs_scripts = pytest.mark.skipif(os.geteuid() != 0, reason="keepalived runs no scripts that belong to another user")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment whose verdicts go to ``folder``."""
    return {"PATH": os.environ["PATH"], "VIPWARDEN_RUNTIME_DIR": str(folder / "run")}


def start(folder: Path, command: str | Path, *arguments: str, stdout: int | None = subprocess.PIPE) -> PopenText:
    """Start a command; the caller ends it."""
    return subprocess.Popen(
        [BIN / command, *arguments], stdout=stdout, stderr=subprocess.PIPE, env=environment(folder), text=True
    )


def run(folder: Path, command: str | Path, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
    """Run an installed command (or any, by its whole path) to its end."""
    begun = time.monotonic()
    done = subprocess.run(
        [BIN / command, *arguments],
        capture_output=True,
        check=False,
        env=environment(folder) if env is None else env,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    seconds = time.monotonic() - begun
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), seconds)


def shell(folder: Path, line: str, *arguments: str, flags: Sequence[str] = (), needs: Sequence[str] = ()) -> Ran:
    """Run a line of sh with the commands in its PATH, and the arguments as $1 and so on; it calls those that it needs.

    With ``flags`` of unshare(1) it runs in namespaces of its own: -m mounts, -n network.
    """
    if flags:
        needs_namespaces()
    for name in needs:
        program(name)
    env = environment(folder)
    env["PATH"] = f"{BIN}:{env['PATH']}:/usr/sbin:/sbin"
    apart = (program("unshare"), *flags) if flags else ("/usr/bin/env",)
    return run(folder, *apart, "sh", "-ec", line, "sh", *arguments, env=env)


def stop(process: subprocess.Popen[Any]) -> None:
    """Stop a process as SIGSTOP does, and wait until it has stopped: before that it may still answer."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def program(name: str) -> str:
    """Return the path of a program that the test needs, one of programs.txt (or of a file there)."""
    package = programs.package_of(name)
    return programs.found(name) or lacking(f"{name} of the package {package} is not installed")


def lacking(what: str) -> NoReturn:
    """Skip the test, as the machine lacks something; where CI is set that is a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


def needs_namespaces() -> None:
    """Skip the test for other users than root."""
    if os.geteuid() != 0:
        pytest.skip("only root may make namespaces")


def open_to_others() -> str:
    """Return the path of the interpreter; skips the test where only this user may run it."""
    interpreter = os.path.realpath(sys.executable)
    try:
        subprocess.run([interpreter, "-ISc", ""], user=65534, check=True)
    except PermissionError:
        lacking(f"{interpreter} is closed to other users: make PYTHON=/usr/bin/python3")
    return interpreter


def without_times(text: str) -> str:
    """Return a text with its durations taken out."""
    return re.sub(r"[0-9.]+(e[-+]?[0-9]+)? (m?s)\b", r"N \2", text)
