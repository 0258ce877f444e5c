"""Does a healthy verdict ever outlive the agent that gave it? Each way to lose the agent, one by one."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.agent.failing import INTERVAL, healthy, web
from tests.agent.running import Running, agent, watchdogs
from tests.commands import run, shell
from tests.servers import misbehaving as servers

BOUND = 3 * INTERVAL  # what is promised is two and a half intervals
SLACK = 8.0  # of a busy machine: what is late is late by the 10 s of a watchdog, or for ever


def test_a_lock_is_no_proof_of_a_successor(tmp_path: Path) -> None:
    """Whoever has it, a process that dies or one that never becomes an agent: the watchdog sees to its checks."""
    with agent(tmp_path, web(1, "refused: ok")) as running, (running.runtime / "agent.lock").open("w") as lock:
        running.must_come(lambda: healthy(running))
        taker = threading.Thread(target=fcntl.flock, args=(lock, fcntl.LOCK_EX))
        taker.start()
        running.end(signal.SIGKILL)
        taker.join()
        running.must_come(lambda: not healthy(running))
        running.must_come(lambda: not running.watchdogs())


def test_a_lock_is_no_proof_of_a_watchdog(tmp_path: Path) -> None:
    """ExecStopPost asks, and fails all where nobody answers."""
    with agent(tmp_path, web(1, "refused: ok, agent_loss_after: 60")) as running:
        running.must_come(lambda: healthy(running))
        (watchdog,) = running.watchdogs()
        with (running.runtime / "agent.watchdog").open("r+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_SH, 1, 1)  # as one that does not answer has it
            os.kill(watchdog, signal.SIGSTOP)
            running.end(signal.SIGKILL)
            assert run(tmp_path, "vipwarden", "agent", "--fail-closed").code == 0
            assert healthy(running)  # it was stopped, goes on, and answers
            os.kill(watchdog, signal.SIGKILL)
            running.must_come(lambda: not running.watchdogs())
            assert run(tmp_path, "vipwarden", "agent", "--fail-closed").code == 0
            assert running.value("web") == "0"


def test_what_ends_a_whole_process_group_leaves_the_watchdog(tmp_path: Path) -> None:
    """A ^Z at a terminal, timeout(1), a supervisor."""
    with agent(tmp_path, web(1, "refused: ok"), before=("setsid",)) as running:
        running.must_come(lambda: healthy(running))
        os.killpg(running.process.pid, signal.SIGSTOP)
        running.must_come(lambda: not healthy(running))
        os.killpg(running.process.pid, signal.SIGCONT)
        running.must_come(lambda: healthy(running))
        os.killpg(running.process.pid, signal.SIGKILL)
        running.must_come(lambda: not healthy(running))


def test_a_watchdog_that_is_stopped_while_it_starts_holds_up_nobody(tmp_path: Path) -> None:
    """The checks go on, a reload waits in nobody's way, and it guards as soon as it goes on."""
    with agent(tmp_path, web(1, "refused: ok")) as running:
        running.must_come(lambda: healthy(running))
        (old,) = children(running)
        os.kill(old, signal.SIGKILL)
        running.must_come(lambda: children(running) - {old})
        (new,) = children(running) - {old}
        os.kill(new, signal.SIGSTOP)
        running.configure(web(1, "refused: ok, fall: 2"))
        begun = runs(running)
        running.must_come(lambda: runs(running) > begun + 10)
        assert healthy(running)
        with suppress(ProcessLookupError):
            os.kill(new, signal.SIGCONT)
        running.must_come(lambda: running.has_said("reloaded") and len(running.watchdogs()) == 1)
        running.end(signal.SIGKILL)
        running.must_come(lambda: not healthy(running))


def children(running: Running) -> set[int]:
    """Return the children of the agent."""
    paths = Path(f"/proc/{running.process.pid}/task").glob("*/children")
    return {int(number) for path in paths for number in path.read_text().split()}


def runs(running: Running) -> float:
    """Return how many runs the agent has counted."""
    own = running.verdict("vipwarden agent")
    return next(metric.value for metric in own.result.metrics if metric.name == "runs") if own is not None else 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_an_agent_that_dies(tmp_path: Path, number: signal.Signals) -> None:
    """Within three intervals its track file says 0, and its watchdog is gone as well."""
    with servers.listening() as server, agent(tmp_path, web(server.port)) as running:
        running.must_come(lambda: healthy(running))
        running.process.send_signal(number)
        assert running.must_come(lambda: not healthy(running)) < BOUND + SLACK
        assert running.value("web") == "0"
        running.must_come(lambda: not running.watchdogs())


def test_an_agent_that_is_stopped_and_goes_on(tmp_path: Path) -> None:
    """SIGSTOP is as good as death; when it goes on, so do its verdicts, and its runs begin anew."""
    with servers.listening() as server, agent(tmp_path, web(server.port)) as running:
        running.must_come(lambda: healthy(running))
        running.process.send_signal(signal.SIGSTOP)
        assert running.must_come(lambda: not healthy(running)) < BOUND + SLACK
        time.sleep(0.5)  # for longer than what is taken for a busy machine
        running.process.send_signal(signal.SIGCONT)
        running.must_come(lambda: healthy(running))
        assert running.state("web") == "OK"
        running.must_come(lambda: running.has_said("was not running for"))
        for _ in range(2):  # and once more: it is guarded as before
            running.process.send_signal(signal.SIGSTOP)
            running.must_come(lambda: not healthy(running))
            running.process.send_signal(signal.SIGCONT)
            running.must_come(lambda: healthy(running))


def test_a_loop_that_stalls(tmp_path: Path) -> None:
    """A check that computes for ever holds up the whole process: all its track files fail, the process living on."""
    fine = web(1, "refused: ok") + "  other: {check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2}\n"
    # on this command line the regular expression takes for ever
    with (
        agent(tmp_path, fine) as running,
        subprocess.Popen(["/bin/sh", "-c", "read line", "x" * 60], stdin=subprocess.PIPE) as victim,
    ):
        try:
            running.must_come(lambda: healthy(running) and running.value("other") == "1")
            running.configure(fine + "  endless: {check: process, argument: '(x+x+)+y', interval: 30}\n")
            running.must_come(lambda: running.has_said("reloaded"))
            running.must_come(lambda: not healthy(running) and running.value("other") == "0")
            assert running.process.poll() is None
        finally:
            victim.kill()


def test_an_operator_may_choose_to_hold(tmp_path: Path) -> None:
    """With on_agent_loss: hold the last verdict stays, while others fail."""
    held = "check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2, on_agent_loss: hold"
    text = web(1, "refused: ok") + f"  held: {{{held}}}\n"
    with agent(tmp_path, text) as running:
        running.must_come(lambda: healthy(running) and running.value("held") == "1")
        running.end(signal.SIGKILL)
        running.must_come(lambda: not healthy(running))
        running.must_come(lambda: not running.watchdogs())
        assert running.value("held") == "1"


def test_a_weight_falls_to_that_of_no_verdict(tmp_path: Path) -> None:
    """Whatever the operator gave to UNKNOWN."""
    with agent(tmp_path, web(1, 'refused: ok, weight: "ok=50, critical=10, unknown=-254"')) as running:
        running.must_come(lambda: running.value("web") == "50")
        running.end(signal.SIGKILL)
        running.must_come(lambda: running.value("web") == "-254")


def test_how_long_a_look_speaks_can_be_said(tmp_path: Path) -> None:
    """By agent_loss_after, in seconds."""
    with agent(tmp_path, web(1, "refused: ok, agent_loss_after: 2.5")) as running:
        running.must_come(lambda: healthy(running))
        begun = time.monotonic()
        running.end(signal.SIGKILL)
        running.must_come(lambda: not healthy(running))
        assert 1 < time.monotonic() - begun < 2.5 + SLACK


def test_a_watchdog_that_dies_or_hangs_is_replaced(tmp_path: Path) -> None:
    """And the new one guards as well."""
    with agent(tmp_path, web(1, "refused: ok")) as running:
        running.must_come(lambda: healthy(running))
        for number, seconds in ((signal.SIGKILL, 5), (signal.SIGSTOP, 15)):
            (old,) = running.watchdogs()
            os.kill(old, number)
            running.must_come(lambda old=old: running.watchdogs() not in ([], [old]), seconds)  # type: ignore[misc]
        running.must_come(lambda: running.has_said("the watchdog ended (-9): starting another"))
        assert healthy(running)
        running.end(signal.SIGKILL)
        running.must_come(lambda: not healthy(running))


def test_signals_for_the_agent_leave_the_watchdog_where_it_is(tmp_path: Path) -> None:
    """A terminal sends SIGINT to both of them, an administrator perhaps SIGTERM."""
    with agent(tmp_path, web(1, "refused: ok")) as running:
        running.must_come(lambda: healthy(running))
        (watchdog,) = running.watchdogs()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(watchdog, number)
        time.sleep(0.1)
        assert running.watchdogs() == [watchdog]


def test_where_nobody_is_left_exec_stop_post_fails_all(tmp_path: Path) -> None:
    """As after the kernel has killed the whole control group; who of the others lives is left to see to it."""
    text = web(1, "refused: ok, agent_loss_after: 60")
    with agent(tmp_path, text) as running:
        running.must_come(lambda: healthy(running))
        assert run(tmp_path, "vipwarden", "agent", "--fail-closed").code == 0
        assert healthy(running)
        for pid in (running.process.pid, *running.watchdogs()):
            os.kill(pid, signal.SIGSTOP)
        running.end(signal.SIGKILL)
        assert run(tmp_path, "vipwarden", "agent", "--fail-closed").code == 0
        assert healthy(running)
        for pid in running.watchdogs():
            os.kill(pid, signal.SIGKILL)
        running.must_come(lambda: not running.watchdogs())
        done = run(tmp_path, "vipwarden", "agent", "--fail-closed")
        assert (done.code, done.err) == (0, "")
        assert running.value("web") == "0"


FULL = """
mount -t tmpfs -o size=64k none "$1/run"
sleep 60 & echo $! >"$1/pid"
vipwarden agent --config "$2" >"$1/said" 2>&1 &
agent=$!
has() {
    for _ in $(seq 400); do
        chk_verdict work >/dev/null 2>&1 && found=fresh || found=none
        [ "$(cat "$1/run/track/work" 2>/dev/null)$found" != "$2$3" ] || break
        sleep 0.05
    done
    echo $(cat "$1/run/track/work") $found
}
has "$1" "1   " fresh
dd if=/dev/zero of="$1/run/filler" bs=4k 2>/dev/null || true
sleep 6  # for longer than a verdict is only stamped
has "$1" "1   " fresh
dd if=/dev/zero of="$1/run/more" bs=4k 2>/dev/null || true  # also where a verdict was on its way before
kill $(cat "$1/pid")
has "$1" "0   " none
for _ in $(seq 400); do  # until the failure itself is written, in the space of the verdict before
    read -r _ state _ <"$1/run/verdict/work" && [ "$state" != 0 ] && break
    sleep 0.05
done
sleep 60 & echo $! >"$1/pid"
has "$1" "1   " fresh  # in the space of that
rm "$1/run/filler" "$1/run/more"
has "$1" "1   " fresh
dd if=/dev/zero of="$1/run/filler" bs=4k 2>/dev/null || true
kill -9 $agent
has "$1" "0   " none
kill $(cat "$1/pid")
"""


def test_a_full_disk_takes_no_truth_away(tmp_path: Path) -> None:
    """Track files and stamps are written in place; a verdict that changes takes the space of the one before."""
    configuration = tmp_path / "vipwarden.yaml"
    (tmp_path / "run").mkdir()
    work = f"{{check: process, command: sleep, pidfile: {tmp_path}/pid, interval: {INTERVAL}}}"
    configuration.write_text(f"checks:\n  work: {work}\n")
    done = shell(tmp_path, FULL, str(tmp_path), str(configuration), flags=["-m"])
    said = (tmp_path / "said").read_text()
    wanted = ["1 fresh", "1 fresh", "0 none", "1 fresh", "1 fresh", "0 none"]
    assert done.out.splitlines() == wanted, (done.err, said)
    assert "cannot write in" in said
    for pid in watchdogs(tmp_path / "run"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
