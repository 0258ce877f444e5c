"""What do HAProxy and HTTP clients hear of a check: its weight, its maintenance, and ready only from who said drain?"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.agent_check import AgentCheck
from agent.door import Door
from agent.http import Http
from agent.owed import Owed
from agent.spoken import Spoken
from agent.watch import Watch
from tests.agent.drive import entries
from vipwarden.core.result import CRITICAL, OK, Metric, Result, State
from vipwarden.state.maintenance import ALL, Maintenance

if TYPE_CHECKING:
    from pathlib import Path

    from agent.away import Job


def watch(text: str, state: Result | None) -> Watch:
    """Return a watch with a verdict."""
    made = Watch(entries(text)[0])
    if state is not None:
        made.result, made.health.state = state, state.state
    return made


class _NoAway:
    def begin(self, job: Job) -> None:
        """Do it at once."""
        job.run()
        job.then()


def agent_check(found: Watch, folder: Path, look: float = 0) -> tuple[AgentCheck, Owed]:
    """Return what answers for one watch, and what it owes."""
    owed = Owed(f"{folder}/told/agent-check", _NoAway(), print)  # type: ignore[arg-type]
    return AgentCheck(lambda name: (found, Spoken(found, look, 0)) if name == "web" else None, owed), owed


ENTRY = "web: {check: port, host: 127.0.0.1, port: 1, healthy: warning, weight: '%s'}"
DOOR = Door("agent-check 127.0.0.1:7 web")


@pytest.mark.parametrize(
    ("weight", "result", "line"),
    [
        ("ok=70, warning=20, critical=0", Result(OK, "fine"), b"up 70%\n"),
        ("time 0:1 = 100:10, critical=0", Result(OK, "fine", [Metric("time", 0.5)]), b"up 55%\n"),
        ("time 0:1 = 100:10, critical=0", Result(OK, "fine"), b"up 0%\n"),
        ("ok=0, warning=-20, critical=-60", Result(OK, "fine"), b"up\n"),
        ("ok=250, critical=-254", Result(OK, "fine"), b"up 250%\n"),
        ("ok=100, critical=0", None, b"down #UNKNOWN: it has no verdict yet\n"),
    ],
)
def test_the_weight_is_that_of_the_track_file(tmp_path: Path, weight: str, result: Result | None, line: bytes) -> None:
    """But a weight for VRRP, which begins at 0 or below, says nothing of a share."""
    found = watch(ENTRY % weight, result)
    assert agent_check(found, tmp_path)[0](DOOR, "::1", bytearray()) == (line, False)
    late = agent_check(found, tmp_path, look=-100)[0](DOOR, "::1", bytearray())
    assert late is not None
    assert late[0].startswith(b"down #UNKNOWN: no result for 100 s; it was ")


@pytest.mark.parametrize(
    ("action", "result", "line", "status"),
    [
        ("drain", OK, b"drain up 70%\n", 503),
        ("down", OK, b"maint up 70%\n", 503),
        ("drain", CRITICAL, b"drain down #CRITICAL: in maintenance until ", 503),
        ("hold", OK, b"up 70%\n", 200),
        ("hold", CRITICAL, b"down #CRITICAL: in maintenance until ", 503),
    ],
)
def test_maintenance_is_said_as_the_entry_wants_it(
    tmp_path: Path, action: str, result: State, line: bytes, status: int
) -> None:
    """For load balancers the check is out but where its verdict is held; the JSON says until when, by whom and why."""
    entry = f"web: {{check: port, host: 127.0.0.1, port: 1, weight: 'ok=70, critical=0', in_maintenance: {action}}}"
    found = watch(entry, Result(result, "fine"))
    told, _ = agent_check(found, tmp_path)
    before = told(DOOR, "::1", bytearray())
    assert before is not None
    assert before[0].split()[0] == (b"up" if result == OK else b"down")
    now = time.time()
    found.told.follow(Maintenance(ALL, "", "alice", "new disks", now, now + 60))
    said = told(DOOR, "::1", bytearray())
    assert said is not None
    assert said[0].startswith(line)
    http = Http(lambda _: (found, Spoken(found, 0, 0)))
    reply = http(DOOR, "::1", bytearray(b"GET /check/web HTTP/1.1\r\nAccept: application/json\r\n\r\n"))
    assert reply is not None
    head, _, body = reply[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["maintenance"].endswith("by alice: new disks")
    found.told.follow(None)
    after = told(DOOR, "::1", bytearray())
    assert after is not None
    assert after[0].startswith(b"ready ") is (action != "hold")


TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@given(data=st.binary(max_size=600), text=TEXT, state=st.sampled_from([0, 1, 2, 3]))
def test_no_request_and_no_text_breaks_an_answer(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, text: str, state: int
) -> None:
    """HAProxy gets one whole line or waits; HTTP an answer, or it waits for more."""
    found = watch(ENTRY % "ok=1, critical=0", Result(type(OK)(state), text))
    told = agent_check(found, tmp_path_factory.getbasetemp())[0]
    for door, given_ in ((Door("agent-check 127.0.0.1:7"), data), (DOOR, data), (DOOR, b"")):
        answer = told(door, "::1", bytearray(given_))
        assert answer is None or (answer[0].count(b"\n"), answer[0][-1:], answer[0].isascii()) == (1, b"\n", True)
        assert answer is not None or not door.check
    http = Http(lambda name: (found, Spoken(found, 0, 0)) if name == "web" else None)
    for request in (data, data + b"\r\n\r\n", b"GET /check/web HTTP/1.1\r\n" + data + b"\r\n\r\n"):
        reply = http(DOOR, "::1", bytearray(request))
        assert reply is None or reply[0].startswith(b"HTTP/1.1 ")
        assert reply is not None or b"\r\n\r\n" not in request


def test_ready_is_owed_to_whom_drain_was_said_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across a restart, for ten seconds from the first ready on, and never to others."""
    path = f"{tmp_path}/told/agent-check"
    now = [100.0]
    monkeypatch.setattr("agent.owed.monotonic", lambda: now[0])
    said: list[str] = []
    owed = Owed(path, _NoAway(), said.append)  # type: ignore[arg-type]
    owed.read()
    assert not owed.must_undo("a 7 web")
    assert owed.may_set("a 7 web")
    assert not owed.must_undo("b 7 web")
    owed = Owed(path, _NoAway(), said.append)  # type: ignore[arg-type]
    owed.read()
    assert [owed.must_undo("a 7 web"), owed.must_undo("b 7 web")] == [True, False]
    now[0] += 9.9
    assert owed.must_undo("a 7 web")
    now[0] += 0.2
    assert not owed.must_undo("a 7 web")
    owed = Owed(path, _NoAway(), said.append)  # type: ignore[arg-type]
    owed.read()
    assert not owed.must_undo("a 7 web")
    assert said == []


def test_a_disk_that_fails_or_hangs_holds_up_no_drain_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in the log, and ready is said as long as this agent lives."""

    class Hanging:
        def begin(self, _job: Job) -> None:
            """Never answer."""

    now = [100.0]
    monkeypatch.setattr("agent.owed.monotonic", lambda: now[0])
    said: list[str] = []
    (tmp_path / "file").write_text("")
    failing = Owed(f"{tmp_path}/file/told", _NoAway(), said.append)  # type: ignore[arg-type]
    hanging = Owed(f"{tmp_path}/told/agent-check", Hanging(), said.append)  # type: ignore[arg-type]
    assert [failing.may_set("a"), hanging.may_set("a"), hanging.may_set("a")] == [True, False, False]
    now[0] += 3
    assert hanging.may_set("a")
    assert [failing.must_undo("a"), hanging.must_undo("a")] == [True, True]
    assert [line.partition(": ")[0].startswith("cannot write") for line in said] == [True, True]
    (tmp_path / "torn").write_bytes(b"vipwarden-agent-check-1\na 7 web\nb 7 w")
    owed = Owed(f"{tmp_path}/torn", _NoAway(), said.append)  # type: ignore[arg-type]
    owed.read()
    assert [owed.must_undo("a 7 web"), owed.must_undo("b 7 w")] == [True, False]
