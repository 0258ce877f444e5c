"""How does chk_service restart, by systemd or by a command, and what of a restart that fails?"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import BIN, program, shell
from tests.keepalived_scripts.service import Asked, ignored_here, must_come, running


def test_two_commands_about_one_unit_share_its_restarts(asked: Asked) -> None:
    """chk_haproxy in one keepalived and chk_service in the other, with other options."""
    _systemctl(asked)
    asked("-C", "no-such-program", "--unit", "haproxy")
    asked("-C", "no-such-program", "--unit", "haproxy.service", "--max-age", "0.001", "--name", "another")
    must_come(lambda: asked.restarted() == 1)
    time.sleep(0.1)
    assert asked.restarted() == 1


def _systemctl(asked: Asked) -> Path:
    """Put a systemctl into the PATH, and return the file with what it shows of a unit: nothing as long as none is."""
    folder = asked.folder / "bin"
    folder.mkdir()
    script = folder / "systemctl"
    told = folder / "told"
    script.write_text(f'#!/bin/sh\n[ "$1" != show ] || exec cat {told}\necho "$0 $*" >>{asked.restarts}\n')
    script.chmod(0o755)
    asked.env["PATH"] = f"{folder}:{asked.env['PATH']}"
    return told


def test_a_unit_is_restarted_by_systemctl_without_waiting(asked: Asked) -> None:
    """In these very words."""
    _systemctl(asked)
    assert asked("-C", "no-such-program", "--unit", "haproxy@a.service").code == 1
    must_come(lambda: asked.restarted() == 1)
    assert asked.restarts.read_text() == f"{asked.folder}/bin/systemctl --no-block restart haproxy@a.service\n"


@pytest.mark.parametrize(
    ("shown", "codes", "restarts", "said"),
    [
        (("inactive", "success", ""), [1, 1, 1], 0, "its unit was stopped, so no restart: unit web is inactive"),
        (("deactivating", "success", "7"), [0, 0, 0], 0, "systemd is at work on its unit: unit web is deactivating"),
        (("inactive", "success", "7"), [0, 0, 0], 0, "systemd is at work"),
        (("failed", "signal", ""), [0, 1, 1], 1, "restarted in vain: unit web has failed (signal)"),
        (("active", "success", ""), [0, 0, 0], 1, "within the grace time of 30 s"),
    ],
)
def test_systemd_is_asked_before_a_restart(
    asked: Asked, shown: tuple[str, str, str], codes: list[int], restarts: int, said: str
) -> None:
    """Whether it was stopped, whether it is being started, and whether the restart was in vain."""
    state, result, job = shown
    job = f"Job={job}\n" if job else ""
    _systemctl(asked).write_text(f"LoadState=loaded\nActiveState={state}\nResult={result}\n{job}")
    line = asked.healthy_before("-C", "no-such-program", "--unit", "web", "--grace", "30")
    assert [asked(*line).code for _ in range(3)] == codes
    assert said in asked.verdict().result.text
    must_come(lambda: asked.restarted() == restarts)


@pytest.mark.parametrize(("age", "restarts"), [(0, 0), (3600, 1)])
def test_a_unit_that_was_started_just_now_may_not_listen_yet(asked: Asked, age: float, restarts: int) -> None:
    """To restart it again would begin all anew, and again."""
    started = f"ActiveEnterTimestampMonotonic={max(1, int((time.monotonic() - age) * 1e6))}"
    _systemctl(asked).write_text(f"LoadState=loaded\nActiveState=active\nResult=success\n{started}\n")
    line = asked.healthy_before("-C", "no-such-program", "--unit", "web", "--grace", "30")
    assert asked(*line).code == 0
    assert ("was started" in asked.verdict().result.text) is (restarts == 0)
    must_come(lambda: asked.restarted() == restarts)


def test_a_systemctl_that_hangs_costs_no_more_than_the_deadline(asked: Asked) -> None:
    """Nothing is known then, and the restart is tried."""
    folder = asked.folder / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(f'#!/bin/sh\n[ "$1" != show ] || sleep 60\necho >>{asked.restarts}\n')
    (folder / "systemctl").chmod(0o755)
    asked.env["PATH"] = f"{folder}:{asked.env['PATH']}"
    assert asked(*asked.healthy_before("-C", "no-such-program", "--unit", "web"), "--timeout", "2").code == 0
    must_come(lambda: asked.restarted() == 1)


def test_the_restart_survives_keepalived_killing_the_whole_group(asked: Asked) -> None:
    """And is no child of anybody who waits for it."""
    line = ("-C", "no-such-program", *asked.counting(f"sleep 0.3; echo done >>{asked.restarts}"))
    copy = asked.start(*line)
    must_come(lambda: asked.restarted() == 1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(copy.pid, signal.SIGKILL)
    copy.communicate(timeout=60)
    must_come(lambda: asked.restarted() == 2)
    assert asked.restarts.read_text().endswith("done\n")


def test_the_restarted_daemon_has_an_ordinary_life(asked: Asked) -> None:
    """No ignored signals, no descriptors of ours, a usable umask, nothing to write to that may go away."""
    facts = "{ umask; grep -E 'SigIgn|SigBlk' /proc/self/status; ls -l /proc/self/fd; }"
    asked(
        "-C",
        "no-such-program",
        *asked.counting(f"{facts} >{asked.folder}/facts.new; cd {asked.folder}; mv facts.new facts"),
    )
    facts_file = asked.folder / "facts"
    must_come(facts_file.exists)
    found = facts_file.read_text().splitlines()
    assert found[0] == "0022"
    # 32 and 33 are the C library's; a shell that starts us in the background ignores SIGINT and SIGQUIT for us
    assert [int(line.split()[1], 16) & 0x7FFFFFF9 & ~ignored_here() for line in found[1:3]] == [0, 0]
    targets = [line.partition(" -> ")[2] for line in found if " -> " in line]
    assert all(target in ("/dev/null", f"{asked.folder}/facts.new") or "/proc/" in target for target in targets)


def test_clients_do_not_wait_for_the_disk(asked: Asked) -> None:
    """The restart begins before what was written is on the disk, which takes a busy disk half a second."""
    calls = asked.folder / "calls"
    traced = (program("strace"), "-f", "-o", calls, "-e", "trace=execve,fsync", BIN / "chk_service")
    options = ("-C", "no-such-program", "-t", "10", *asked.counting())
    subprocess.run((*traced, *options), env=asked.env, check=False, timeout=60)  # ends with the last process
    lines = [line.split(None, 1)[1] for line in calls.read_text().splitlines()]
    first = next(index for index, line in enumerate(lines) if line.startswith(f'execve("{asked.folder}/restart"'))
    assert [index for index, line in enumerate(lines) if line.startswith("fsync(") and index > first]
    assert not [index for index, line in enumerate(lines) if line.startswith("fsync(") and index < first]


@pytest.mark.parametrize("command", ["/no/such/command", "false"])
def test_a_restart_that_fails_at_once_does_not_hold_the_vip_for_the_grace_time(asked: Asked, command: str) -> None:
    """And the verdict tells why."""
    line = asked.healthy_before("-C", "no-such-program", "--restart", command, "--grace", "30")
    assert asked(*line).code == 0
    must_come(lambda: asked(*line).code == 1)
    said = asked.verdict().result.text
    assert "restarted in vain" in said
    assert repr(command) in said


def test_a_failure_of_an_earlier_restart_is_none_of_this_one(asked: Asked) -> None:
    """Which has its own grace time."""
    given = ("-C", "balancer-of-loads", "--restart", "false", "--grace", "30", "--good-for", "0.01")
    line = asked.healthy_before(*given)
    assert asked(*line).code == 0
    must_come(lambda: asked(*line).code == 1)
    with running(asked.folder):
        must_come(lambda: asked(*line).code == 0)
    again = asked(*line)
    assert (again.code, "(restarting it)" in again.out) == (0, True)


def test_a_restart_that_hangs_is_ended_with_all_it_started_and_told(asked: Asked) -> None:
    """Those that heed no SIGTERM as well."""
    for more in ("sleep 600 & sleep 600", "trap '' TERM; sleep 600 & wait; sleep 600"):
        own = Asked(asked.folder / f"{len(more)}")
        own.folder.mkdir()
        pids = own.folder / "pids"
        command = own.counting(f"{more.replace('&', f'& echo $! >{pids};')}")
        line = own.healthy_before("-C", "no-such-program", *command, "--restart-timeout", "0.2", "--grace", "30")
        assert own(*line).code == 0
        must_come(lambda own=own, line=line: own(*line).code == 1)  # type: ignore[misc]
        assert "did not end within 0.2 s: it was killed with its process group" in own.verdict().result.text
        must_come(lambda pids=pids: not _runs(int(pids.read_text())))  # type: ignore[misc]


def _runs(pid: int) -> bool:
    try:
        return "(sleep) Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_restart_that_cannot_be_run_is_told_to_syslog(asked: Asked) -> None:
    """For nobody else would hear of it."""
    log = asked.folder / "log"
    line = f"""
        mount -t tmpfs none /dev
        mknod -m 666 /dev/null c 1 3
        {program("socat")} -u UNIX-RECV:/dev/log OPEN:{log},creat,append & listener=$!
        while ! [ -S /dev/log ]; do sleep 0.01; done
        export VIPWARDEN_STATE_DIR={asked.folder}/state
        chk_service -C no-such-program --restart /no/such/command || true
        for i in 1 2 3 4 5 6 7 8 9 10; do grep -q 'cannot run' {log} || sleep 0.05; done
        kill $listener
    """
    done = shell(asked.folder, line, flags=("-m",))
    said = log.read_text()
    assert "restart: /no/such/command: no process no-such-program" in said, done
    assert "restart failed: cannot run '/no/such/command': No such file or directory" in said
    assert "first run -> CRITICAL: no process no-such-program (restarting it)" in said
