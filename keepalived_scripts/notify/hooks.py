"""Which hooks run at an event, each with a deadline?

Those in the folder of the state, such as /etc/vipwarden/notify.d/master/, in the order of their names. As keepalived
does for its scripts (check_security() in its lib/notify.c), a program that others than root could change is refused.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.notify import journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from keepalived_scripts.notify.event import Event

LEFTOVERS = ("~", ".rpmnew", ".rpmsave", ".rpmorig", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp", ".swp")
_POLITE = 2  # seconds between SIGTERM and SIGKILL


def find(folder: str, state: str) -> Iterator[Path]:
    """Yield the programs for a state in their order; log those that are refused."""
    place = Path(folder, state.lower())
    try:
        paths = sorted(place.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        journal.log(journal.ERROR, f"no hooks are run: {place}: {error.strerror}")
        return
    for path in paths:
        if path.name.startswith(".") or path.name.endswith(LEFTOVERS):
            continue
        reason = refusal(path)
        if reason:
            journal.log(journal.ERROR, f"the hook {path} is not run: {reason}")
        else:
            yield path


def refusal(path: Path) -> str:
    """Return why a program is not run, with the element of its path that others could change; "" if it is run."""
    try:
        whole = path.resolve(strict=True)
        for element in (whole, *whole.parents, path, *path.parents):
            status = element.lstat()
            if status.st_uid != 0:
                return f"{element} does not belong to root"
            if stat.S_ISLNK(status.st_mode) or (element != whole and status.st_mode & stat.S_ISVTX):
                continue
            if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid != 0):
                return f"{element} can be written by others than root"
        status = whole.stat()
    except (OSError, RuntimeError) as error:
        return str(error)
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    return "" if os.access(whole, os.X_OK) else "it is not executable"


def run(path: Path, event: Event, timeout: float) -> None:
    """Run one program to its end, or for ``timeout`` seconds; log a failure."""
    arguments = [*event.words, event.kind, event.name, event.state, str(event.priority)]
    fields: dict[str, object] = {**event.fields(), "since": f"{event.since:.3f}"}
    environ = {f"VIPWARDEN_{name.upper()}": str(value) for name, value in fields.items()}
    fields["hook"] = path
    output = journal.stream(path.name)
    try:
        process = subprocess.Popen(  # noqa: S603 - refusal() has accepted it
            with_rights([str(path), *arguments], environ, timeout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if output is None else output.fileno(),
            stderr=subprocess.STDOUT,
            env=os.environ | environ,
            start_new_session=True,
        )
    except OSError as error:
        journal.log(journal.ERROR, f"cannot run the hook {path}: {error.strerror}", fields)
        return
    finally:
        if output is not None:
            output.close()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        journal.log(journal.ERROR, f"the hook {path} took longer than {timeout:g} s at {event} and was killed", fields)
        return
    if code:
        how = f"exited with {code}" if code > 0 else f"was killed by signal {-code}"
        journal.log(journal.ERROR, f"the hook {path} {how} at {event}", fields)


def with_rights(command: Sequence[str], environ: Mapping[str, str], timeout: float) -> list[str]:
    """Return the command that runs a program of the site with full rights for at most ``timeout`` seconds.

    The FIFO reader's unit has few rights and sets $VIPWARDEN_APART: then systemd runs the program as a unit of its
    own, and systemd-run(1) waits for it. Scripts of keepalived have its rights and run it directly.
    """
    if os.environ.get("VIPWARDEN_APART") != "1":
        return list(command)
    return [
        "systemd-run",
        *("--quiet", "--collect", "--wait", "--pipe"),
        # a STOP at shutdown has hooks as well, when systemd no longer starts ordinary units
        *("--property=DefaultDependencies=no", f"--property=RuntimeMaxSec={timeout:g}", "--property=TimeoutStopSec=2"),
        *(f"--setenv={name}={value}" for name, value in environ.items()),
        "--",
        *command,
    ]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started, first by SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_POLITE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
