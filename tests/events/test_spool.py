"""What does the recorder make of a spool that nobody foresaw, and of a disk that refuses for a while?"""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, needs_namespaces, open_to_others, program, run
from tests.events.make import some
from vipwarden.events import hand as handed
from vipwarden.events.hand import LOST, Hand
from vipwarden.events.read import read
from vipwarden.events.recorder import Recorder
from vipwarden.events.segments import Segments
from vipwarden.events.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Node:
    """A recorder that takes what waits when it is asked to."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(str(folder / "run" / "events"), "")
        self.segments = Segments(str(folder / "state" / "events"))
        self.said: list[str] = []
        self.recorder = Recorder(self.spool, self.segments, self.said.append)

    def drain(self) -> bool:
        """Take what waits."""
        return self.recorder._drain()

    def texts(self, by: str = "test") -> list[str]:
        """Return the texts of what is recorded."""
        return [it.text for it in read(self.segments.folder) if it.by == by]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Yield a recorder that does not run."""
    node = Node(tmp_path)
    yield node
    node.spool.close()
    node.segments.close()


@pytest.mark.parametrize("end", [b"", b"\r", b" \t", b"\n\n"])
def test_a_line_that_does_not_end_as_it_should_spoils_no_other(node: Node, tmp_path: Path, end: bytes) -> None:
    """Whoever sends it: the next line is of another program."""
    for place in range(3):
        (tmp_path / "run" / "events" / f"{place}").write_bytes(some(1, place).rstrip() + end)
    assert node.drain()
    assert node.texts() == ["0", "1", "2"]


def test_what_was_lost_while_the_disk_was_full_is_said_when_it_has_room(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was counted, and then went with the line that found no room."""
    (tmp_path / "run" / "events" / LOST).write_bytes(b"." * 7)

    def full(_out: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert not node.drain()
        (tmp_path / "run" / "events" / LOST).write_bytes(b"." * 5)
        assert not node.drain()
        assert any("No space left" in text for text in node.said)
    assert node.drain()
    assert [text.split()[0] for text in node.texts("recorder")] == ["7", "5"]
    assert node.said[-1].startswith("lost: 5") or node.said[-1] == "events are recorded again"


def test_a_file_that_cannot_be_removed_is_taken_once(node: Node, tmp_path: Path) -> None:
    """As under a mount point: written again and again it would drive all that was before out of the record."""
    needs_namespaces()
    stuck = tmp_path / "run" / "events" / "0"
    stuck.write_bytes(some(1))
    assert run(tmp_path, program("mount"), "--bind", str(stuck), str(stuck)).code == 0
    try:
        node.drain()
        (tmp_path / "run" / "events" / "1").write_bytes(some(1, 1))
        for _ in range(3):
            assert node.drain()
        assert (tmp_path / "state" / "events" / "0000000001.jsonl").read_bytes().count(b"\n") == 2
    finally:
        run(tmp_path, "/bin/sh", "-c", f"umount {stuck}")
    assert node.texts() == ["0", "1"]
    assert stuck.exists()


def test_the_count_of_lost_events_takes_a_bounded_part_of_run(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the recorder stands still: beyond the bound it says "or more"."""
    monkeypatch.setattr(handed, "MOST_FILES", 0)
    monkeypatch.setattr(handed, "MOST_LOST", 10)
    monkeypatch.setattr("vipwarden.events.spool.MOST_LOST", 10)
    hand = Hand("test", node.spool.folder)
    for _ in range(5):
        for _ in range(4):
            hand.give("check", "web")
        hand.flush()
        assert (tmp_path / "run" / "events" / LOST).stat().st_size <= 10
    node.drain()
    assert [text.split(" events")[0] for text in node.texts("recorder")] == ["10 or more"]


def test_a_spool_that_cannot_be_made_anew_is_tried_again(node: Node, tmp_path: Path) -> None:
    """Meanwhile it waits as before: another descriptor of that number is not its own."""
    folder = tmp_path / "run" / "events"
    folder.rename(tmp_path / "away")
    other = Spool(str(folder), "")
    for _ in range(3):
        with pytest.raises(OSError, match="another recorder takes"):
            node.spool.mend()
        node.spool.wait(0.01)
    other.close()
    node.spool.mend()
    assert node.spool.is_whole()
    hand = Hand("test", str(folder))
    hand.give("check", "web", text="after")
    hand.flush()
    node.drain()
    assert node.texts() == ["after"]


def test_a_folder_that_somebody_else_has_laid_gets_nothing(tmp_path: Path) -> None:
    """In /tmp anybody may make the runtime folder of a user who has none."""
    if os.geteuid():
        pytest.skip("only root becomes another user")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest", "test_")):
            folder.chmod(0o755)
    laid, own = tmp_path / "laid", tmp_path / "own"
    for top, user in ((laid, 1), (own, 65534)):
        (top / "events").mkdir(parents=True)
        (top / "events").chmod(0o777 if top == laid else 0o755)
        os.chown(top, user, user)
        os.chown(top / "events", user, user)
        source = (
            f"import sys; sys.path[:0] = [{str(CODE)!r}]\nfrom vipwarden.events.hand import Hand\n"
            "hand = Hand('test'); hand.give('check', 'web'); hand.flush()"
        )
        env = {"VIPWARDEN_RUNTIME_DIR": str(top)}
        subprocess.run([open_to_others(), "-c", source], env=env, user=65534, check=True, cwd="/")
    assert not list((laid / "events").iterdir())
    assert len(list((own / "events").iterdir())) == 1
