"""What does a copy answer while another one runs?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.commands import run, shell, start
from tests.keepalived_scripts.ask import FAILED, at
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.alone
def test_a_second_copy_does_not_ask_again(tmp_path: Path) -> None:
    """While one copy hangs, the next answers at once: with the last verdict if that is fresh, else with 1."""
    with servers.greeting() as server:
        ask = at(server, "-e", "SSH")
        healthy = server.behave
        assert run(tmp_path, "chk_port", *ask).code == 0
        server.behave = servers.hold
        server.asked.clear()
        with start(tmp_path, "chk_port", *ask) as hanging:
            assert server.asked.wait(60)
            second = run(tmp_path, "chk_port", *ask)
            stale = run(tmp_path, "chk_port", *ask, "--max-age", "0.001")
            other = run(tmp_path, "chk_port", *at(server))
            hanging.communicate()
        assert hanging.returncode == FAILED
        assert (second.code, stale.code, other.code) == (0, FAILED, 0)
        assert max(second.seconds, stale.seconds) < 0.5
        assert server.accepted == 3
        assert run(tmp_path, "chk_port", *ask).code == FAILED
        server.behave = healthy
        assert run(tmp_path, "chk_port", *ask).code == 0


def test_twenty_copies_at_once_are_one_connection(tmp_path: Path) -> None:
    """Copies that pile up put no more load on a server in trouble, and say 1 where there was no verdict yet."""
    with servers.mute() as server, contextlib.ExitStack() as stack:
        ask = at(server, "-e", "SSH", "-t", "3")
        first = stack.enter_context(start(tmp_path, "chk_port", *ask))
        assert server.asked.wait(60)
        copies = [stack.enter_context(start(tmp_path, "chk_port", *ask)) for _ in range(19)]
        for process in copies:
            process.communicate()
        assert first.poll() is None
        first.terminate()
        first.communicate()
        assert server.accepted == 1
    assert {process.returncode for process in (first, *copies)} == {FAILED}


def test_a_copy_answers_for_none_that_asks_something_else(tmp_path: Path) -> None:
    """One name, but other options or another network: what was found there says nothing of what is asked here."""
    with servers.mute() as server, servers.closed() as dead:
        named = ["--name", "it", "-t", "8"]
        assert run(tmp_path, "chk_port", *at(server), *named).code == 0
        with start(tmp_path, "chk_port", *at(server, "-e", "x"), *named) as hanging:
            assert server.asked.wait(5)
            assert run(tmp_path, "chk_port", *at(dead), *named).code == FAILED
            hanging.kill()
        server.asked.clear()
        ask = f"chk_port -H {server.host} -p {server.port} -e x -t 8"
        with start(tmp_path, "chk_port", *ask.split()[1:]) as hanging:
            assert server.asked.wait(5)
            apart = shell(tmp_path, f"ip link set lo up; {ask}", flags=["-n"], needs=["ip"])
            assert "closed" in apart.out, apart
            hanging.kill()


def test_a_copy_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    """The lock goes with its process, whatever ended it."""
    with servers.mute() as server:
        ask = at(server, "--name", "it")
        with start(tmp_path, "chk_port", *ask, "-e", "x", "-t", "5") as process:
            assert server.asked.wait(60)
            process.kill()
        assert run(tmp_path, "chk_port", *ask).code == 0
