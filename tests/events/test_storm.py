"""Does the recorder lose nothing at ten thousand events a second, killed, or on a full disk?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.commands import CODE, needs_namespaces, program
from tests.events.make import recording, until
from vipwarden.events.stored import numbers

# a program that hands over so many events a second, in batches, for so many seconds

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
