"""Which programs of the site are run at an event, and what keeps one of them from holding up the others?

Those in the folder of the state, such as /etc/vipwarden/notify.d/master/, in the order of their names. As keepalived
does with its scripts (check_security() in its lib/notify.c), what somebody other than root could change is refused.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.apart import apart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepalived_scripts.notify.event import Event

LEFT_BEHIND = ("~", ".rpmnew", ".rpmsave", ".rpmorig", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp", ".swp")
_TO_LEAVE = 2  # seconds between SIGTERM and SIGKILL


def find(folder: str, state: str) -> Iterator[Path]:
    """Yield the programs for a state in their order; what is refused is logged."""
    place = Path(folder, state.lower())
    try:
        paths = sorted(place.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        journal.log(journal.ERROR, f"no hooks are run: {place}: {error.strerror}")
        return
    for path in paths:
        if path.name.startswith(".") or path.name.endswith(LEFT_BEHIND):
            continue
        why = refusal(path)
        if why:
            journal.log(journal.ERROR, f"the hook {path} is not run: {why}")
        else:
            yield path


def refusal(path: Path) -> str:
    """Return why a program is not run, naming the element of its path that others could change, or nothing."""
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
    """Run one program to its end or to the limit in seconds, and log how it ended where that is not well."""
    arguments = [*event.words, event.kind, event.name, event.state, str(event.priority)]
    told = {"type": event.kind, "name": event.name, "state": event.state, "previous": event.previous}
    told |= {"priority": str(event.priority), "since": f"{event.since:.3f}", "source": event.source}
    fields: dict[str, object] = {**told, "hook": path}
    said = {f"VIPWARDEN_{name.upper()}": value for name, value in told.items()}
    output = journal.stream(path.name)
    try:
        process = subprocess.Popen(  # noqa: S603 - it was looked at
            apart([str(path), *arguments], said, timeout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if output is None else output.fileno(),
            stderr=subprocess.STDOUT,
            env=os.environ | said,
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


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started, politely at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_TO_LEAVE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
