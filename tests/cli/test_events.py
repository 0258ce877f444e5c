"""What does ``vipwarden events`` show, and what does it refuse?"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli.events import main
from tests.commands import BIN, CODE, environment, run
from tests.events.make import EPOCH, event, jsonl, recording, some, vrrp
from vipwarden.events.hand import Hand
from vipwarden.events.segments import Segments
from vipwarden.state import paths

if TYPE_CHECKING:
    from pathlib import Path


def test_the_example_of_the_documentation_is_true(tmp_path: Path) -> None:
    """A failover by a check, and the return eight minutes later, by which the clocks are known."""
    text = (CODE / "docs" / "events.md").read_text("utf-8")
    command, shown = re.search(r"```text\n\$ vipwarden (events --explain .*)\n([^`]*)```", text).groups()  # type: ignore[union-attr]
    begun = 1795317124.11 - EPOCH  # 03:12:04.11
    one = [
        event(0.0, "check", "haproxy", bid="lb1", before="OK", state="CRITICAL", text="no process is called haproxy"),
        vrrp(0.31, "MASTER", "FAULT", text="priority 150"),
        event(0.32, "vip", "192.0.2.10", bid="lb1", of="VI_1", state="gone", text="on eth0"),
        vrrp(500.0, "BACKUP", "MASTER", text="priority 150"),
        event(500.01, "vip", "192.0.2.10", bid="lb1", of="VI_1", state="held", text="on eth0"),
    ]
    two = [
        vrrp(0.93, "BACKUP", "MASTER", node="lb2", text="priority 100"),
        event(0.94, "vip", "192.0.2.10", node="lb2", bid="lb2", of="VI_1", state="held", text="on eth0"),
        vrrp(500.005, "MASTER", "BACKUP", node="lb2", text="priority 100"),
        event(500.015, "vip", "192.0.2.10", node="lb2", bid="lb2", of="VI_1", state="gone", text="on eth0"),
    ]
    for it in one:
        it.wall += begun
    for it in two:
        it.wall += begun - 2.99
    jsonl(tmp_path / "lb1.jsonl", one)
    jsonl(tmp_path / "lb2.jsonl", two)
    words = [str(tmp_path / word) if word.endswith(".jsonl") else word for word in shlex.split(command)]
    done = run(tmp_path, "vipwarden", *words, env=environment(tmp_path) | {"TZ": "UTC"})
    assert done.err + done.out == shown


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Return the files of two nodes, of which the second is 3 s behind."""
    one = [
        event(9.9, "check", "haproxy", bid="lb1", before="OK", state="CRITICAL", text="no process"),
        vrrp(10.0, "MASTER", "FAULT"),
        vrrp(40.0, "FAULT", "BACKUP"),
        vrrp(43.4, "BACKUP", "MASTER"),
    ]
    two = [
        vrrp(10.6, "BACKUP", "MASTER", node="lb2", ahead=-3),
        event(10.61, "vip", "192.0.2.1", of="VI_1", node="lb2", bid="lb2", ahead=-3, state="held", text="on eth0"),
        vrrp(43.41, "MASTER", "BACKUP", node="lb2", ahead=-3),
    ]
    return jsonl(tmp_path / "lb1.jsonl", one), jsonl(tmp_path / "lb2.jsonl", two)


def test_two_nodes_are_one_timeline(tmp_path: Path, pair: tuple[str, str]) -> None:
    """In the order in which it happened, with what the clocks were corrected by."""
    done = run(tmp_path, "vipwarden", "events", *pair, "--json")
    assert done.code == 0
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(it["node"], it["state"]) for it in found[:4]] == [
        ("lb1", "CRITICAL"),
        ("lb1", "FAULT"),
        ("lb2", "MASTER"),
        ("lb2", "held"),
    ]
    assert "lb2: its clock is 2.9" in done.err or "lb2: its clock is 3.0" in done.err
    assert "behind that of lb1" in done.err


def test_a_failover_is_explained(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Its cause first, and how long clients were without."""
    done = run(tmp_path, "vipwarden", "events", "--explain", "--until", "@1700000020", *pair)
    lines = done.out.splitlines()
    assert "check haproxy OK -> CRITICAL: no process" in lines[1]
    assert "MASTER -> FAULT" in lines[2]
    assert re.search(r"clients were without for about 0\.[678] s", done.out)


def test_kind_and_name_and_time_choose(tmp_path: Path, pair: tuple[str, str]) -> None:
    """All of them have to fit."""
    done = run(
        tmp_path, "vipwarden", "events", pair[0], "--kind", "check,vrrp", "--name", "VI_1", "--since", "@1700000020"
    )
    assert len(done.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--kind", "nonsense"], "there is no kind 'nonsense'; there are address, agent,"),
        (["--since", "yesterday"], "a time is wanted, such as 03:00"),
        (["--since", "@nan"], "a time is wanted"),
        (["--until", "@1e999"], "a time is wanted"),
        (["--follow", "--explain"], "--follow is for the events of this node"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, arguments: list[str], text: str) -> None:
    """With what is wanted."""
    done = run(tmp_path, "vipwarden", "events", *arguments)
    assert done.code == 2
    assert text in done.err


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """And what might be the reason."""
    done = run(tmp_path, "vipwarden", "events", str(tmp_path / "none"))
    assert done.code == 1
    assert f"{tmp_path}/none does not exist" in done.err


def test_it_follows(tmp_path: Path) -> None:
    """What is recorded from now on comes at once, through a pipe as well."""
    with recording(tmp_path) as node:
        follow = subprocess.Popen(
            [BIN / "vipwarden", "events", "--follow", "--kind", "check"],
            env=node.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert follow.stdout is not None
        hand = Hand("test", str(node.spool))
        hand.give("check", "first", state="OK")
        hand.flush()
        try:
            assert "check first OK" in follow.stdout.readline()
            hand.give("check", "second", state="OK")
            hand.flush()
            assert "check second OK" in follow.stdout.readline()
        finally:
            follow.send_signal(signal.SIGINT)
            follow.communicate(timeout=60)


def test_a_file_without_events_is_named(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Whether it is empty, or something else than a record."""
    (tmp_path / "empty").touch()
    (tmp_path / "other.gz").write_bytes(bytes(range(256)) * 1000)
    done = run(tmp_path, "vipwarden", "events", pair[0], str(tmp_path / "empty"), str(tmp_path / "other.gz"))
    assert (done.code, len(done.out.splitlines())) == (0, 4)
    assert done.err.splitlines() == [f"{tmp_path}/{name}: no event is recorded there" for name in ("empty", "other.gz")]


def test_a_full_disk_is_said(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Nobody takes a part for the whole."""
    line = f"{BIN}/vipwarden events {pair[0]} > /dev/full"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, env=environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "vipwarden events: cannot write the events: No space left on device\n"


def test_pipes_are_files_as_well(tmp_path: Path, pair: tuple[str, str]) -> None:
    """A file that is unpacked on the way; and a reader that has seen enough is no error."""
    line = f"cat {pair[0]} | {BIN}/vipwarden events /dev/stdin | head -1; exit ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "check haproxy OK -> CRITICAL" in done.stdout
    jsonl(tmp_path / "many", [event(float(at)) for at in range(5000)])
    line = f"{BIN}/vipwarden events {tmp_path}/many | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_locale_has_no_letter_for_is_escaped(tmp_path: Path) -> None:
    """As under ISO 8859-1: no event is lost for a letter."""
    path = jsonl(tmp_path / "events", [event(1.0, name="caf\u00e9 \u4e2d"), event(2.0, name="next")])
    source = f"import sys; sys.argv[1:] = ['events', {path!r}]; from cli.main import entry; entry()"
    env = environment(tmp_path) | {"PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(CODE)}
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(b"check caf\xe9 \\u4e2d")
    assert len(done.stdout.splitlines()) == 2


def test_another_user_sees_the_record_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no recorder of his own."""
    history = tmp_path / "root" / "events"
    monkeypatch.setattr(paths, "HISTORY", str(history))
    monkeypatch.setenv("VIPWARDEN_RUNTIME_DIR", str(tmp_path / "run"))
    segments = Segments(str(history))
    segments.add(some(1))
    segments.close()
    assert main(()) == 0
    monkeypatch.setattr(paths, "HISTORY", str(tmp_path / "nowhere"))
    assert main(()) == 1
