"""Does chk_service say healthy when it is, restart once when it is not, and always in time?"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import FAR, environment, run
from tests.keepalived_scripts.service import Asked, must_come, port, running
from tests.servers import misbehaving as servers
from vipwarden.core.result import OK, Result
from vipwarden.state.publish import publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


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
        line = asked.healthy_before(*port(hanging, "--expect", "x"), *asked.counting(), "--timeout", "3")
        first, second = asked(*line), asked(*line)
    assert (first.code, "bad run 1 of 2" in first.out) == (0, True)
    assert (second.code, "restarting it" in second.out) == (0, True)
    must_come(lambda: asked.restarted() == 1)


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
