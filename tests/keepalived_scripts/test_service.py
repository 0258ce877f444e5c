"""Does chk_service say healthy when it is, restart once when it is not, and always in time?"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, FAR, environment, program, run, shell
from tests.keepalived_scripts.service import Asked, ignored_here, must_come
from tests.servers import misbehaving as servers
from vipwarden.core.result import OK, Result
from vipwarden.state.publish import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Give chk_service with folders of its own."""
    return Asked(tmp_path)


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


def test_a_process_and_its_checks_make_a_healthy_service(asked: Asked) -> None:
    """Whatever was published says the same."""
    with running(asked.folder) as name, servers.listening() as server:
        done = asked("-C", name, *port(server), *asked.counting())
    assert (done.code, done.err) == (0, "")
    assert "1 process" in done.out
    assert "is open" in done.out
    assert (str(asked.verdict().result.state), asked.restarted()) == ("OK", 0)


def test_each_part_alone_can_fail_it(asked: Asked) -> None:
    """A process without its port, a port without its process."""
    with running(asked.folder) as name, servers.closed() as server:
        assert "is closed" in asked("-C", name, *port(server)).out
        assert "is closed" in asked("-C", name, *port(server)).out
    with servers.listening() as server:
        done = asked("-C", "no-such-program", *port(server))
    assert (done.code, done.out) == (1, "no process no-such-program\n")


def test_it_is_restarted_once_and_then_given_up(asked: Asked) -> None:
    """However often it is asked."""
    line = ("-C", "no-such-program", *asked.counting(), "--grace", "0")
    assert [asked(*line).code for _ in range(4)] == [1] * 4
    must_come(lambda: asked.restarted() == 1)
    assert asked.verdict().result.text == "no process no-such-program (restarted in vain)"
    assert asked.verdict().result.metrics[0].value == 1


def test_the_grace_time_lets_a_restart_help_before_the_vip_moves(asked: Asked) -> None:
    """And good for a while it is healthy without reserve."""
    with contextlib.ExitStack() as stack:
        given = ("-C", "balancer-of-loads", *asked.counting(), "--grace", "30", "--good-for", "0.1")
        line = asked.healthy_before(*given)
        assert [asked(*line).code for _ in range(2)] == [0, 0]
        assert str(asked.verdict().result.state) == "WARNING"
        stack.enter_context(running(asked.folder))
        assert asked(*line).code == 0
        time.sleep(0.1)
        assert asked(*line).code == 0
        assert str(asked.verdict().result.state) == "OK"
    assert asked.restarted() == 1


def test_what_was_not_healthy_lately_is_restarted_without_grace(asked: Asked) -> None:
    """When keepalived starts there is no VIP to keep, and a dead service must not take it from another node."""
    line = ("-C", "no-such-program", *asked.counting(), "--grace", "30")
    assert [asked(*line).code for _ in range(2)] == [1, 1]
    must_come(lambda: asked.restarted() == 1)
    with servers.mute() as hanging:
        assert asked(*port(hanging, "--expect", "x"), "--timeout", "0.3", "--name", "another").code == 1


def test_given_up_it_must_be_good_for_a_while(asked: Asked) -> None:
    """One good answer does not bring the VIP back."""
    line = ("-C", "balancer-of-loads", "--good-for", "0.3")
    assert asked(*line).code == 1
    with running(asked.folder):
        first = asked(*line)
        assert (first.code, "of 0.3 s" in first.out) == (1, True)
        time.sleep(0.3)
        assert asked(*line).code == 0


def test_restarts_in_a_window_are_counted_over_episodes(asked: Asked) -> None:
    """The third gets none; the state file is all that knows."""
    line = ("-C", "balancer-of-loads", *asked.counting(), "--good-for", "0.01", "--restarts", "2", "--grace", "0")
    for turn in range(1, 4):
        assert asked(*line).code == 1
        with running(asked.folder):
            asked(*line)
            must_come(lambda: asked(*line).code == 0)
            assert str(asked.verdict().result.state) == "OK"
        must_come(lambda turn=turn: asked.restarted() == min(turn, 2))  # type: ignore[misc]
    assert asked.restarted() == 2
    assert "no restart: 2 in the last 600 s" in asked(*line).out
    assert asked.restarted() == 2


def test_two_copies_at_once_restart_once_and_answer_alike(asked: Asked) -> None:
    """At the very start, where there is no verdict to answer with."""
    line = ("-C", "no-such-program", *asked.counting("sleep 0.3"), "--grace", "30")
    copies = [asked.start(*line) for _ in range(6)]
    answers = [copy.communicate(timeout=60) and copy.returncode for copy in copies]
    assert answers == [1] * 6
    must_come(lambda: asked.restarted() == 1)
    time.sleep(0.1)
    assert asked.restarted() == 1


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


@pytest.mark.parametrize("server", [servers.mute, servers.dripping, servers.endless, servers.full_backlog])
def test_a_run_never_lasts_longer_than_its_deadline(
    asked: Asked, server: Callable[[], AbstractContextManager[servers.Server]]
) -> None:
    """With four parts that hang, a restart and a memory to write."""
    with server() as hanging:
        line = [*port(hanging, "--expect", "xyz")] * 4
        done = asked(*line, *asked.counting("sleep 60"), "--timeout", "0.9")
    assert done.code == 1
    assert done.seconds < FAR
    must_come(lambda: asked.restarted() == 1)


def test_nothing_is_restarted_in_maintenance(asked: Asked) -> None:
    """It fails, and says why; when that is over the restart comes."""
    name = "chk_service no-such-program"
    reason = ("--for", "1h", "--reason", "new disks", "--by", "alice")
    folder = asked.folder / "run" / "verdict"
    line = ("-C", "no-such-program", *asked.counting(), "--grace", "0", "--name", name)
    folder.mkdir(parents=True)
    publish(str(folder), name, "chk_service", Result(OK, "it was well"), 0)
    assert run(asked.folder, "vipwarden", "maint", "start", name, *reason, env=asked.env).code == 0
    done = asked(*line)
    assert done.code == 1
    assert " by alice: new disks, so no restart" in done.out
    assert asked.restarted() == 0
    assert run(asked.folder, "vipwarden", "maint", "end", name, "--by", "alice", env=asked.env).code == 0
    asked(*line)
    must_come(lambda: asked.restarted() == 1)


def test_what_cannot_be_remembered_is_not_restarted(asked: Asked) -> None:
    """Else a read-only disk would mean a restart each second."""
    asked.env["VIPWARDEN_STATE_DIR"] = "/proc/vipwarden"
    done = asked("-C", "no-such-program", *asked.counting(), "--grace", "30")
    assert done.code == 1
    assert "so no restart" in done.out
    assert asked.restarted() == 0


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


def test_a_memory_that_was_tampered_with_fails_closed_without_a_storm(asked: Asked) -> None:
    """Until the service was good for a while."""
    line = ("-C", "balancer-of-loads", *asked.counting(), "--grace", "30", "--good-for", "0.2")
    asked(*line)
    (memory,) = (asked.folder / "state/service").iterdir()
    must_come(lambda: asked.restarted() == 1)
    memory.write_text("restart it a thousand times\n")
    assert [asked(*line).code for _ in range(3)] == [1] * 3
    assert asked.restarted() == 1
    with running(asked.folder):
        assert asked(*line).code == 1
        time.sleep(0.2)
        assert asked(*line).code == 0


def test_one_time_out_is_no_reason_for_a_restart_and_two_are(asked: Asked) -> None:
    """A stall of a second must not cost the connections of a server that is well."""
    with servers.mute() as hanging:
        line = asked.healthy_before(*port(hanging, "--expect", "x"), *asked.counting(), "--timeout", "2")
        first, second = asked(*line), asked(*line)
    assert (first.code, "bad run 1 of 2" in first.out) == (0, True)
    assert (second.code, "restarting it" in second.out) == (0, True)
    must_come(lambda: asked.restarted() == 1)


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing to check"),
        (("--check", "nosuch -H x"), "there is no check 'nosuch'"),
        (("--check", "port -H 127.0.0.1 --prot 80"), "no option '--prot'"),
        (("--check", "port -H 127.0.0.1 | wc -l"), "no shell runs this"),
        (("-C", "x", "--unit", "../x"), "a unit of systemd"),
        (("-C", "x", "--unit", "-x"), "a unit of systemd"),
        (("-C", "x", "--unit", "x", "--restart", "y"), "give one"),
        (("-C", "x", "--grace", "long"), "number of seconds"),
        (("-C", "x", "--fall", "0"), "1 to 1000"),
        (("-C", "x", "--fall-timeout", "0"), "1 to 1000"),
        (("--help",), "--good-for SECONDS"),
    ],
)
def test_a_wrong_command_line_is_a_failure_that_says_why(asked: Asked, options: tuple[str, ...], said: str) -> None:
    """Never a success, and never a restart."""
    done = asked(*options)
    assert done.code == 1
    assert said in done.out + done.err


def test_sigterm_is_a_failure(asked: Asked) -> None:
    """Exit 0 after keepalived's SIGTERM would count as healthy."""
    with servers.mute() as server:
        copy = asked.start(*port(server, "--expect", "x"))
        assert server.asked.wait(60)
        copy.terminate()
        copy.communicate(timeout=60)
    assert copy.returncode == 1


def test_keepalived_s_umask_leaves_folders_that_can_be_used(tmp_path: Path) -> None:
    """0177 would make them unusable for the next run."""
    env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    line = "umask 0177; chk_service -C no-such-program; chk_service -C no-such-program"
    script = ["sh", "-c", line]
    env["PATH"] = f"{Path(os.environ.get('VIRTUAL_ENV', '.venv')).resolve()}/bin:{env['PATH']}"
    subprocess.run(script, env=env, check=False, capture_output=True)
    assert (tmp_path / "state/service").stat().st_mode & 0o777 == 0o755
