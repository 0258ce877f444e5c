"""What can happen to an agent and its watchdog? Each kind of havoc, by its name; after it nothing may stay healthy."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agent.life import HavocError, Life, nap
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Callable

_STATE = 60.0  # seconds for what has to come before the havoc
_MEMORY = 64 << 20
_UNIFIED = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


def killed(number: int, life: Life) -> None:
    """End the agent by a signal."""
    life.end(number)


def out_of_memory(life: Life) -> None:
    """Let the kernel choose the agent, in a memory cgroup that another process fills."""
    group = memory_group()
    assert group is not None
    filler = Path(f"/dev/shm/{group.name}-{life.agent}")
    try:
        (group / "cgroup.procs").write_text(str(life.agent))
        # memory of no process, so that the agent is the largest one
        line = 'echo $$ >"$1"; exec head -c "$2" /dev/zero >"$3"'
        words = [str(group / "cgroup.procs"), str(2 * _MEMORY), str(filler)]
        with subprocess.Popen(["sh", "-c", line, "sh", *words], stderr=subprocess.DEVNULL) as hog:
            killed_by = life.until(life.has_ended, _STATE)
            hog.kill()
        if not killed_by:
            raise HavocError("the OOM killer did not come")
    finally:
        filler.unlink(missing_ok=True)
        remove(group)


def group_killed(life: Life, *, both: bool) -> None:
    """Write to cgroup.kill; with both gone it is systemd that fails all."""
    group = unified_group()
    assert group is not None
    try:
        for pid in (life.agent, *(life.watchdogs() if both else ())):
            (group / "cgroup.procs").write_text(str(pid))
        (group / "cgroup.kill").write_text("1")
        life.wait()
    finally:
        if both:
            life.stop_post()
        remove(group)


def both_killed(life: Life) -> None:
    """Kill watchdog and agent, in any order and almost at once; systemd sees the agent's end."""
    targets = [life.agent, *life.watchdogs()]
    random.shuffle(targets)
    for pid in targets:
        os.kill(pid, signal.SIGKILL)
        if random.random() < 0.5:
            nap(0.3)
    life.wait()
    life.stop_post()


def _another(life: Life) -> int:
    """Kill the watchdog, and return the process of the next one as soon as it is there."""
    (old,) = life.children()
    os.kill(old, signal.SIGKILL)
    if not life.until(lambda: life.children() - {old}, _STATE):
        raise HavocError(f"no other watchdog was started: {life.log()}")
    return next(iter(life.children() - {old}))


def killed_while_the_watchdog_starts(life: Life) -> None:
    """The next watchdog guards, though its agent has ended before it is ready."""
    _another(life)
    nap(0.2)
    life.end()


def ended_while_the_watchdog_starts(life: Life) -> None:
    """A clean end in the same moment."""
    _another(life)
    nap(0.2)
    life.end(signal.SIGTERM)


def watchdog_stopped(life: Life) -> None:
    """It is replaced, and the checks go on."""
    (old,) = life.children()
    os.kill(old, signal.SIGSTOP)
    if not life.until(lambda: life.watchdogs() not in ([], [old]), 60):
        raise HavocError(f"it was not replaced: {life.log()}")
    life.end()


def slow_start(life: Life) -> None:
    """The next watchdog is stopped while it starts, for longer than any limit; the checks go on."""
    new = _another(life)
    nap(0.1)
    before = life.runs()
    with suppress(ProcessLookupError):
        os.kill(new, signal.SIGSTOP)
    if not life.until(lambda: life.runs() > before + life.count, _STATE):
        raise HavocError(f"the loop stalls: {life.log()}")
    with suppress(ProcessLookupError):
        os.kill(new, signal.SIGCONT)
    nap(0.2)
    life.end()


def successor_killed(life: Life, number: int) -> None:
    """Another agent comes after this one, and is killed while it starts."""
    life.end(number)
    nap(0.3)
    life.start()
    nap(0.6)
    life.end()


def reload_killed(life: Life) -> None:
    """The agent goes over to other checks, and is killed meanwhile."""
    life.configure(random.choice((0, 1, life.count, life.count + 3, max(1, life.count // 2))))
    os.kill(life.agent, signal.SIGHUP)
    nap(0.5)
    life.end()


def watchdog_lost_in_a_reload(life: Life) -> None:
    """Reloads, and watchdogs killed, all in the same moments."""
    life.configure(max(1, life.count // 2))
    for _ in range(random.randint(1, 4)):
        for pid in random.sample(sorted(life.children()), min(1, len(life.children()))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        nap(0.1)
        os.kill(life.agent, signal.SIGHUP)
        nap(0.1)
    if not life.until(partial(life.is_guarded, boot()), _STATE):
        raise HavocError(f"{life.children()} are there, {life.watchdogs()} at work: {life.log()}")
    life.end()


def memory_group() -> Path | None:
    """Make a memory cgroup, where that can be."""
    name = f"chaos-{time.monotonic_ns()}"
    with suppress(OSError):
        old = Path("/sys/fs/cgroup/memory") / name
        old.mkdir()
        (old / "memory.limit_in_bytes").write_text(str(_MEMORY))
        return old
    for top in _UNIFIED:
        with suppress(OSError):
            if "memory" in (top / "cgroup.subtree_control").read_text().split():
                (top / name).mkdir()
                (top / name / "memory.max").write_text(str(_MEMORY))
                (top / name / "memory.swap.max").write_text("0")
                return top / name
    return None


def unified_group() -> Path | None:
    """Make a cgroup with cgroup.kill, where that can be."""
    for top in _UNIFIED:
        with suppress(OSError):
            if (top / "cgroup.controllers").exists():
                group = top / f"chaos-{time.monotonic_ns()}"
                group.mkdir()
                if (group / "cgroup.kill").exists():
                    return group
                group.rmdir()
    return None


def remove(group: Path) -> None:
    """Remove a cgroup, as soon as all in it have gone."""
    for _ in range(500):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.01)


# with their shares of all kills
KINDS: dict[str, tuple[int, Callable[[Life], None]]] = {
    "SIGKILL": (12, partial(killed, signal.SIGKILL)),
    "SIGABRT": (8, partial(killed, signal.SIGABRT)),
    "SIGSEGV": (8, partial(killed, signal.SIGSEGV)),
    "OOM killer": (6, out_of_memory),
    "cgroup.kill": (6, partial(group_killed, both=False)),
    "cgroup.kill of both, ExecStopPost": (6, partial(group_killed, both=True)),
    "both killed, ExecStopPost": (8, both_killed),
    "killed while a watchdog starts": (8, killed_while_the_watchdog_starts),
    "SIGTERM while a watchdog starts": (4, ended_while_the_watchdog_starts),
    "watchdog stopped": (1, watchdog_stopped),
    "watchdog stopped while it starts": (4, slow_start),
    "killed, successor killed": (8, partial(successor_killed, number=signal.SIGKILL)),
    "SIGTERM, successor killed": (8, partial(successor_killed, number=signal.SIGTERM)),
    "killed while it reloads": (8, reload_killed),
    "reloads and watchdogs killed": (4, watchdog_lost_in_a_reload),
}


def skipped() -> set[str]:
    """Return the kinds that cannot be done on this machine."""
    found = set()
    for kinds, group in (({"OOM killer"}, memory_group()), ({k for k in KINDS if "cgroup" in k}, unified_group())):
        if group is None:
            found |= kinds
        else:
            remove(group)
    return found
