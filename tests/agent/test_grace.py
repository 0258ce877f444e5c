"""Who sees the restart of an agent, and for how long does its last verdict count?"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.agent.failing import healthy, web
from tests.agent.running import agent
from tests.commands import run
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from pathlib import Path


def test_chk_verdict_sees_no_restart_and_an_agent_that_does_not_come_back(tmp_path: Path) -> None:
    """For the grace time after a clean end it answers as before, and then that the verdict is old."""
    with servers.listening() as server:
        text = web(server.port, agent_keys="{restart_grace: 3}")
        with agent(tmp_path, text) as running:
            running.must_come(lambda: run(tmp_path, "chk_verdict", "web").code == 0)
            running.end()
            ended = time.monotonic()
            while time.monotonic() < ended + 2.5:  # what it promises of itself is over after 1.3 s
                assert run(tmp_path, "chk_verdict", "web").code == 0
            running.must_come(lambda: run(tmp_path, "chk_verdict", "web").code == 1)
        assert time.monotonic() < ended + 1.3 + 3 + 2


def test_chk_verdict_sees_no_restart_of_two_seconds_by_default(tmp_path: Path) -> None:
    """A verdict is valid for 1.3 s and the grace of 5 s: until a successor that comes in time has stamped it itself."""
    answers: list[tuple[float, int]] = []

    def ask() -> int:
        code = run(tmp_path, "chk_verdict", "web").code
        answers.append((time.monotonic(), code))
        return code

    with servers.listening() as server:
        with agent(tmp_path, web(server.port)) as running:
            running.must_come(lambda: ask() == 0)
            running.end()
            ended, answers[:] = time.monotonic(), []
            while time.monotonic() < ended + 2:
                ask()
        with agent(tmp_path, web(server.port)) as second:
            second.must_come(lambda: ask() == 0 and (v := second.verdict("web")) and v.ttl < 1.5)
            taken_over = time.monotonic()
            for _ in range(10):
                ask()
    late = taken_over > ended + 1.3 + 5 - 1  # a busy machine: the start took longer than the grace
    assert [(when - ended, code) for when, code in answers if code and not late] == []


def test_a_clean_end_keeps_the_verdict_for_a_successor_and_no_longer(tmp_path: Path) -> None:
    """The grace is the operator's to say."""
    with agent(tmp_path, web(1, "refused: ok, agent_loss_after: 60", "{restart_grace: 1.5}")) as running:
        running.must_come(lambda: healthy(running))
        begun = time.monotonic()
        running.end()
        assert running.process.returncode == 0
        running.must_come(lambda: not healthy(running))
        assert time.monotonic() - begun >= 1.5
        running.must_come(lambda: not running.watchdogs())


def test_a_restart_is_seen_by_nobody(tmp_path: Path) -> None:
    """The track file says 1 all the way, the time of the last change stays, and the old watchdog leaves the field."""
    text = web(1, "refused: ok, rise: 3, fall: 3, agent_loss_after: 2")
    with agent(tmp_path, text) as running:
        running.must_come(lambda: healthy(running) and running.state("web"))
        first = running.verdict("web")
        values: set[str] = set()
        running.end()
        with agent(tmp_path, text) as second:
            assert first is not None
            stamp = first.stamp

            def looked_for_two_seconds() -> bool:
                values.add(running.value("web"))
                found = second.verdict("web")
                return found is not None and found.stamp > stamp + 2

            second.must_come(looked_for_two_seconds)
            assert values == {"1"}
            last = second.verdict("web")
            assert last is not None
            assert last.since == first.since
            assert not second.has_said("web:")
            second.must_come(lambda: len(second.watchdogs()) == 1)
            second.end(signal.SIGKILL)
            second.must_come(lambda: not healthy(second))


def test_a_stale_verdict_is_not_taken_over(tmp_path: Path) -> None:
    """Who comes too late begins anew: unhealthy until the first result."""
    text = web(1, "refused: ok, agent_loss_after: 0.3", "{restart_grace: 0.1}")
    with agent(tmp_path, text) as running:
        running.must_come(lambda: healthy(running))
        running.end()
    time.sleep(1.6)  # the promise of its verdict, and the grace
    with agent(tmp_path, text.replace("refused: ok, ", "")) as second:
        second.must_come(lambda: second.has_said("web: first run -> CRITICAL"))
        assert second.value("web") == "0"


def test_there_is_one_agent_at_a_time(tmp_path: Path) -> None:
    """A second one leaves with 1 and says why."""
    with agent(tmp_path, web(1, "refused: ok")) as running:
        running.must_come(lambda: healthy(running))
        second = run(tmp_path, "vipwarden", "agent", "--config", str(tmp_path / "vipwarden.yaml"))
        assert second.code == 1
        assert "another agent runs, which holds" in second.err
        assert healthy(running)
