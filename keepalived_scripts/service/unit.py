"""What does systemd say of a unit that is not healthy? Is it at work on it, was it stopped, has it failed?"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select
from time import monotonic

from keepalived_scripts.service.rules import BROKEN, BUSY, STOPPED

_MOST = 4096
_ASK = ("systemctl", "show", "--property=LoadState,ActiveState,Result,Job")
_AT_WORK = ("activating", "deactivating", "reloading", "refreshing")


def fate(unit: str, until: float) -> tuple[str, str]:
    """Return BUSY, STOPPED, BROKEN or nothing, and the words for it; nothing too where no answer came in time.

    A unit that is inactive and whose last run ended as a success was stopped, by ``systemctl stop`` or by its own
    clean end; one that died has failed, or is about to be started again (systemd.service(5), Restart= and Result=).
    """
    said = dict(line.split("=", 1) for line in _ask(unit, until).splitlines() if "=" in line)
    state, result = said.get("ActiveState", ""), said.get("Result", "")
    if state in _AT_WORK or said.get("Job", "0") not in ("", "0"):
        return BUSY, f"unit {unit} is {state}"
    if state == "inactive" and result == "success" and said.get("LoadState") == "loaded":
        return STOPPED, f"unit {unit} is inactive"
    if state == "failed":
        return BROKEN, f"unit {unit} has failed ({result})"
    return "", ""


def _ask(unit: str, until: float) -> str:
    """Return what systemctl prints of a unit until then."""
    reading, writing = posix.pipe()
    nothing = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
    actions = [(posix.POSIX_SPAWN_DUP2, *pair) for pair in ((nothing, 0), (writing, 1), (nothing, 2))]
    try:
        child = posix.posix_spawnp(_ASK[0], [*_ASK, unit], posix.environ, file_actions=actions, setsigmask=())
    except OSError:
        return ""  # no systemd here
    finally:
        posix.close(writing)
        posix.close(nothing)
    poll, said = select.poll(), b""
    poll.register(reading, select.POLLIN)
    while len(said) < _MOST and poll.poll(max(0.0, until - monotonic()) * 1000):
        more = posix.read(reading, _MOST)
        if not more:
            break
        said += more
    else:
        said = b""  # not all of it
    posix.close(reading)
    posix.kill(child, _signal.SIGKILL)
    posix.waitpid(child, 0)
    return said.decode("utf-8", "replace")
