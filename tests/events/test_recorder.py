"""Does the real recorder keep what it is handed: killed, stopped, on a full disk, under load?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.commands import stop
from tests.events.make import Recording, recording, until
from vipwarden.events import recorder
from vipwarden.events.hand import LOST, MOST_BYTES, MOST_FILES, Hand
from vipwarden.events.read import read
from vipwarden.events.segments import Segments
from vipwarden.events.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable


def give(run: Recording, texts: Iterable[object]) -> float:
    """Hand over an event for each text, each by itself; return the seconds that the slowest took."""
    hand = Hand("test", str(run.spool))
    slowest = 0.0
    for text in texts:
        begun = time.monotonic()
        hand.give("check", "web", state="OK", text=str(text))
        hand.flush()
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def waiting(run: Recording) -> int:
    """Return how many files lie in the spool."""
    return sum(not name.startswith(".") for name in os.listdir(run.spool))  # noqa: PTH208


def test_what_is_handed_over_is_recorded(tmp_path: Path) -> None:
    """With the start and the end of the recorder around it."""
    with recording(tmp_path) as run:
        give(run, range(10))
        until(lambda: len(run.texts()) == 10, run.process)
    assert run.texts() == list(map(str, range(10)))
    events = run.events()
    assert [(events[0].kind, events[0].state), (events[-1].kind, events[-1].state)] == [
        ("recorder", "start"),
        ("recorder", "stop"),
    ]
    assert waiting(run) == 0


def test_a_folder_in_the_spool_keeps_nothing_behind_it(tmp_path: Path) -> None:
    """It sorts before every event; each event behind it is recorded once."""
    with recording(tmp_path) as run:
        (run.spool / "0").mkdir()
        (run.spool / LOST).mkdir()
        give(run, range(10))
        until(lambda: len(run.texts()) == 10 and waiting(run) == 1, run.process)
    assert run.texts() == list(map(str, range(10)))


def test_nobody_writes_where_no_recorder_has_been(tmp_path: Path) -> None:
    """The events of a node without one go nowhere, and cost no memory."""
    hand = Hand("test", str(tmp_path / "events"))
    hand.give("check", "web")
    hand.flush()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("state", ["killed", "stopped"])
def test_a_recorder_that_does_not_work_loses_nothing(tmp_path: Path, state: str) -> None:
    """And nobody waits for it: the events wait in the spool."""
    with recording(tmp_path) as run:
        if state == "killed":
            run.process.kill()
            run.process.wait()
        else:
            stop(run.process)
        assert give(run, range(300)) < 1
        assert waiting(run) > 0
        run.process.send_signal(signal.SIGCONT)
        if state == "stopped":
            until(lambda: len(run.texts()) == 300, run.process)
    if state == "killed":
        with recording(tmp_path) as run:
            until(lambda: len(run.texts()) == 300, run.process)
    assert run.texts() == list(map(str, range(300)))


def test_a_full_spool_counts_what_it_loses(tmp_path: Path) -> None:
    """The oldest events stay, which have the cause; their number is recorded."""
    with recording(tmp_path) as run:
        stop(run.process)
        give(run, range(MOST_FILES + 50))
        assert waiting(run) == MOST_FILES
        assert (run.spool / LOST).stat().st_size == 50
        run.process.send_signal(signal.SIGCONT)
        until(lambda: len(run.texts()) == MOST_FILES, run.process)
    assert run.texts() == list(map(str, range(MOST_FILES)))
    lost = [it for it in run.events() if it.state == "lost"]
    assert [it.text.split()[0] for it in lost] == ["50"]


def test_files_of_others_and_garbage_go_nowhere(tmp_path: Path) -> None:
    """The spool is root's; what is no event is removed."""
    with recording(tmp_path) as run:
        (run.spool / "0.garbage").write_bytes(b"\0\xff{}\n[1]\n" + b"x" * MOST_BYTES * 2)
        (run.spool / "1.link").symlink_to("/etc/passwd")
        os.mkfifo(run.spool / "2.fifo")
        give(run, ["good"])
        until(lambda: run.texts() == ["good"] and not waiting(run), run.process)


def test_folders_that_somebody_removes_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what comes after is recorded."""
    monkeypatch.setattr(recorder, "_LONGEST", 0.2)
    spool, history = tmp_path / "run" / "events", tmp_path / "state" / "events"
    inbox = Spool(str(spool), "")
    work = recorder.Recorder(inbox, Segments(str(history)), print)
    thread = Thread(target=work.run)
    thread.start()
    try:
        for gone in ([spool], [history], [spool.parent, history.parent]):
            for folder in gone:
                shutil.rmtree(folder)
            until((spool / ".bell").exists)
            until(inbox.is_whole)
            hand = Hand("test", str(spool))
            hand.give("check", "web", text=str(gone))
            hand.flush()
            until(lambda: history.exists() and [it.text for it in read(str(history))][-1:] == [str(gone)])  # noqa: B023
    finally:
        work.end()
        thread.join(60)


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    """It ends with 1 and says why; with a record of its own as well, as both would take what is handed over."""
    with recording(tmp_path) as run:
        for env, why in (
            (run.env, "writes in"),
            (run.env | {"VIPWARDEN_STATE_DIR": str(tmp_path / "own")}, "takes what"),
        ):
            second = subprocess.run(run.process.args, env=env, capture_output=True, text=True, check=False)
            assert second.returncode == 1
            assert f"another recorder {why}" in second.stderr
        give(run, range(10))
        until(lambda: len(run.texts()) == 10, run.process)


def test_nothing_happens_at_no_cost(tmp_path: Path) -> None:
    """It sleeps until it is woken: no timer runs."""
    with recording(tmp_path) as run:
        give(run, ["one"])
        until(lambda: run.texts() == ["one"] and not waiting(run), run.process)
        status = Path(f"/proc/{run.process.pid}/status")

        def switches() -> list[str]:
            return [it for it in status.read_text().splitlines() if "ctxt_switches" in it]

        until(lambda: "sleeping" in status.read_text(), run.process)
        time.sleep(0.5)
        before = switches()
        time.sleep(2)
        assert switches() == before


def test_the_section_of_the_exporter_names_what_is_looked_at(tmp_path: Path) -> None:
    """A configuration that is wrong keeps nobody from recording; a stats page is refused."""
    config = tmp_path / "vipwarden.yaml"
    config.write_text(f"exporter:\n  haproxy: edge=unix:{tmp_path}/none.sock\n")
    (tmp_path / "haproxy.cfg").write_text(f"global\n stats socket {tmp_path}/other.sock\n")
    conf = ("--keepalived-conf", str(tmp_path / "keepalived.conf"))
    for text, sock in (("", "none"), ("  haproxi: 1\n", "")):
        config.write_text(config.read_text() + text)
        with recording(tmp_path, "--config", str(config), confs=conf) as run:
            until(lambda: any(f"{tmp_path}/none.sock" in it.text for it in run.events()) or not sock, run.process)  # noqa: B023
    with recording(tmp_path, "--config", str(config)) as run:  # whose options go before
        until(lambda: any(f"{tmp_path}/other.sock" in it.text for it in run.events()), run.process)
    command = [*run.process.args, "--haproxy", "http://127.0.0.1:1/stats"]  # type: ignore[misc]
    refused = subprocess.run(command, env=run.env, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "is a stats page" in refused.stderr
