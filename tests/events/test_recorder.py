"""Does the real recorder keep what it is handed: killed, stopped, on a full disk, under load?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, needs_namespaces, program
from tests.events.make import Recording, recording, until
from vipwarden.events import recorder
from vipwarden.events.hand import LOST, MOST_BYTES, MOST_FILES, Hand
from vipwarden.events.read import read
from vipwarden.events.segments import Segments, numbers
from vipwarden.events.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable

# a program that hands over so many events a second, in batches, for so many seconds
STORM = """
import sys, time
sys.path[:0] = [{code!r}]
from vipwarden.events.hand import Hand
hand, begun, number = Hand("test"), time.monotonic(), 0
for turn in range({turns}):
    for _ in range({batch}):
        hand.give("check", "web", state="OK", text=str(number))
        number += 1
    hand.flush()
    time.sleep(max(0.0, begun + (turn + 1) / 50 - time.monotonic()))
"""


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
            run.process.send_signal(signal.SIGSTOP)
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
        run.process.send_signal(signal.SIGSTOP)
        give(run, range(MOST_FILES + 50))
        assert waiting(run) == MOST_FILES
        assert (run.spool / LOST).stat().st_size == 50
        run.process.send_signal(signal.SIGCONT)
        until(lambda: len(run.texts()) == MOST_FILES, run.process)
    assert run.texts() == list(map(str, range(MOST_FILES)))
    lost = [it for it in run.events() if it.state == "lost"]
    assert [it.text.split()[0] for it in lost] == ["50"]


def test_kill_9_in_the_middle_of_a_write_tears_nothing(tmp_path: Path) -> None:
    """Again and again: what was handed over is there once, in its order."""
    source = STORM.format(code=str(CODE), turns=150, batch=100)
    with recording(tmp_path) as run:
        storm = subprocess.Popen([sys.executable, "-c", source], env=run.env)
        until(run.texts, run.process)
        run.process.kill()
    while storm.poll() is None:
        with recording(tmp_path) as run:
            count = len(run.texts())
            until(lambda: len(run.texts()) > count or storm.poll() is not None, run.process)  # noqa: B023
            run.process.kill()
    assert storm.returncode == 0
    with recording(tmp_path) as run:
        until(lambda: len(run.texts()) == 15_000, run.process)
    assert run.texts() == list(map(str, range(15_000)))


def test_ten_thousand_events_a_second(tmp_path: Path) -> None:
    """For some seconds, none lost."""
    source = STORM.format(code=str(CODE), turns=150, batch=200)
    with recording(tmp_path) as run:
        subprocess.run([sys.executable, "-c", source], env=run.env, check=True)
        until(lambda: len(run.texts()) == 30_000, run.process)
    assert run.texts() == list(map(str, range(30_000)))
    assert not [it for it in run.events() if it.state == "lost"]


def test_a_full_disk_drops_the_oldest_and_says_how_many(tmp_path: Path) -> None:
    """On a tmpfs of 1 MiB, whose bound by the option would be far above."""
    needs_namespaces()
    disk = tmp_path / "disk"
    disk.mkdir()
    line = 'mount -t tmpfs -o size=1m full "$1" && touch "$1/mounted" && shift && exec "$@"'
    command = [program("unshare"), "-m", "sh", "-ec", line, "sh", str(disk)]
    with recording(tmp_path, history=disk, before=command) as run:
        run.history = Path(f"/proc/{run.process.pid}/root{disk}/events")
        source = STORM.format(code=str(CODE), turns=100, batch=100)
        subprocess.run([sys.executable, "-c", source], env=run.env, check=True)
        until(lambda: run.texts()[-1:] == ["9999"], run.process)
        texts = run.texts()
        assert texts == list(map(str, range(10_000 - len(texts), 10_000)))
        assert len(texts) > 500
        dropped = [it for it in run.events() if it.state == "dropped"]
        assert dropped
        assert "the disk is full" in dropped[-1].text
        assert len(numbers(str(run.history))) > 3


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


def test_a_transition_without_notify_is_told_by_the_vips(tmp_path: Path) -> None:
    """After a while, with the time of the VIP."""
    needs_namespaces()
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance VI_1 {\n interface lo\n virtual_router_id 1\n virtual_ipaddress {\n  198.18.0.1/32\n }\n}\n"
    )
    with recording(tmp_path, before=[program("unshare"), "-n", "--"]) as run:

        def change(verb: str, address: str) -> None:
            inside = [program("nsenter"), "-t", str(run.process.pid), "-n", program("ip"), "address", verb]
            subprocess.run([*inside, f"{address}/32", "dev", "lo"], check=True)

        def is_watched() -> bool:
            change("add", "198.18.0.9")
            change("delete", "198.18.0.9")
            return any(it.kind == "address" for it in run.events())

        until(is_watched, run.process)
        for verb in ("add", "delete"):
            count = len([it for it in run.events() if it.kind == "vrrp"])
            change(verb, "198.18.0.1")
            until(lambda: len([it for it in run.events() if it.kind == "vrrp"]) > count, run.process)  # noqa: B023
    states = [(it.name, it.of, it.before, it.state) for it in run.events() if it.kind == "vrrp"]
    assert states == [("VI_1", "INSTANCE", "", "MASTER"), ("VI_1", "INSTANCE", "MASTER", "not MASTER")]
    vips = [it for it in run.events() if it.kind == "vip"]
    roles = [it for it in run.events() if it.kind == "vrrp"]
    assert all(abs(vip.boot - role.boot) < 0.01 for vip, role in zip(vips, roles, strict=True))


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    """It ends with 1 and says why."""
    with recording(tmp_path) as run:
        second = subprocess.run(run.process.args, env=run.env, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another recorder writes in" in second.stderr


def test_vips_that_come_and_go_are_seen_at_once(tmp_path: Path) -> None:
    """With the instance by keepalived.conf; other addresses have another kind."""
    needs_namespaces()
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance VI_1 {\n interface lo\n virtual_router_id 1\n virtual_ipaddress {\n  198.18.0.1/32\n }\n}\n"
    )
    ip = program("ip")
    with recording(tmp_path, before=[program("unshare"), "-n", "--"]) as run:

        def change(*words: str) -> None:
            inside = [program("nsenter"), "-t", str(run.process.pid), "-n", ip, *words]
            subprocess.run(inside, check=True)

        change("link", "set", "lo", "up")
        change("address", "add", "198.18.0.1/32", "dev", "lo")
        change("address", "add", "198.18.0.2/32", "dev", "lo")
        change("address", "delete", "198.18.0.1/32", "dev", "lo")
        until(lambda: [it.state for it in run.events() if it.kind == "vip"] == ["held", "gone"], run.process)
    vips = [it for it in run.events() if it.kind == "vip"]
    assert {(it.name, it.of, it.text) for it in vips} == {("198.18.0.1", "VI_1", "on lo")}
    assert "198.18.0.2" in [it.name for it in run.events() if it.kind == "address"]


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
