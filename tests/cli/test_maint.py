"""Can maintenance be begun, listed and ended by hand and by scripts, and is it never lost or for ever?"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from cli.duration import Duration
from cli.maint import end
from cli.meant import user
from tests.commands import environment, run, shell
from tests.state.verdicts import put
from vipwarden.state import paths
from vipwarden.state.maintained import read_all, write
from vipwarden.state.maintenance import Maintenance, decode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import Ran

CONFIG = """
checks:
  web: {check: port, host: 127.0.0.1, port: 1}
  real: {check: port, hosts: [192.0.2.11, 192.0.2.12], port: 80}
  db: {check: process, command: mariadbd}
"""


class Maint:
    """``vipwarden maint`` with folders and a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment(folder) | {"VIPWARDEN_STATE_DIR": f"{folder}/state"}
        self.config = folder / "vipwarden.yaml"
        self.config.write_text(CONFIG)

    def __call__(self, *words: str) -> Ran:
        """Run it."""
        more = ("--config", str(self.config)) if words[0] == "start" else ()
        return run(self.folder, "vipwarden", "maint", *words, *more, env=self.env)

    def start(self, *words: str, by: str = "alice") -> Ran:
        """Begin one."""
        return self("start", *words, "--reason", "new disks", "--by", by)


@pytest.fixture
def command(tmp_path: Path) -> Maint:
    """Give the command."""
    return Maint(tmp_path)


def test_it_is_begun_listed_and_ended(command: Maint) -> None:
    """Each step says what it did; only what was asked for counts."""
    done = command.start("real", "--for", "1h")
    assert (done.code, bool(done.err)) == (0, os.geteuid() != 0)
    assert done.out.startswith("real: in maintenance until 20")
    assert done.out.endswith(" by alice: new disks (2 checks)\n")
    listed = command("list", "real@192.0.2.11:80")
    assert listed.code == 0
    assert listed.out.startswith("real: in maintenance until 20")
    assert command("list", "web").code == 3
    (found,) = json.loads(command("list", "--json").out)["maintenance"]
    assert (found["kind"], found["name"], found["by"], found["reason"]) == ("check", "real", "alice", "new disks")
    assert 3500 < found["left_seconds"] <= 3600
    assert command("end", "real", "--by", "alice").out == "real: the maintenance by alice is over\n"
    again = command("end", "real", "--by", "alice")
    assert (again.code, again.out) == (0, "there is no such maintenance\n")
    assert command("list").out == ""


def test_begin_and_end_are_events(command: Maint) -> None:
    """With who and why."""
    spool = command.folder / "run" / "events"
    spool.mkdir(parents=True)
    command.start("web", "--for", "1h")
    command("end", "web", "--by", "alice")
    found = [json.loads(line) for path in sorted(spool.iterdir()) for line in path.read_text().splitlines()]
    assert [(it["kind"], it["name"], it["state"]) for it in found] == [
        ("maintenance", "web", "begin"),
        ("maintenance", "web", "end"),
    ]
    assert found[0]["text"].endswith("by alice: new disks")


def test_that_of_others_goes_on(command: Maint) -> None:
    """Until they end it, or somebody ends everybody's."""
    command.start("web", "--for", "2h")
    command.start("web", "--for", "10m", by="deploy")
    ended = command("end", "web", "--by", "deploy")
    assert ended.code == 3
    assert ended.out.splitlines()[0] == "web: the maintenance by deploy is over"
    assert " by alice: " in ended.out
    assert command("list", "web").code == 0
    assert command("end", "web", "--everybody").code == 0
    assert command("list", "web").code == 3


def test_a_second_start_changes_the_end(command: Maint) -> None:
    """Of the same person."""
    command.start("--all", "--for", "2h")
    command.start("--all", "--for", "10m")
    (found,) = json.loads(command("list", "--json").out)["maintenance"]
    assert found["left_seconds"] <= 600


def test_it_ends_by_itself(command: Maint) -> None:
    """And its file is removed by the next command that changes anything."""
    command.start("web", "--for", "1s")
    end = time.monotonic() + 60
    while command("list", "web").code == 0:
        assert time.monotonic() < end
    command("end", "db")
    assert list((command.folder / "state" / "maintenance").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("start web", "--for"),
        ("start web --for 1h", "--reason"),
        ("start web --for 0 --reason x", "a duration of at most 30 days"),
        ("start web --for 31d --reason x", "a duration of at most 30 days"),
        ("start --for 1h --reason x", "one of NAME, --host and --all is wanted"),
        ("start web --all --for 1h --reason x", "one of NAME, --host and --all is wanted"),
        ("start wbe --for 1h --reason x", "did you mean 'web'?"),
        ("start --host 192.0.2.13 --for 1h --reason x", "did you mean '192.0.2.1"),
        ("start db --for 1h --reason x --wait 5", "there are no connections to wait for"),
        ("stop web", "there is no 'stop'"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Maint, words: str, text: str) -> None:
    """And nothing begins."""
    done = command(*words.split())
    assert (done.code, done.out) == (2, "")
    assert text in done.err
    assert command("list").out == ""


def test_a_name_that_only_a_verdict_has_can_be_given(command: Maint) -> None:
    """That of a chk_service, and also where the configuration cannot be read."""
    (command.folder / "run" / "verdict").mkdir(parents=True)
    put(command.folder / "run" / "verdict", "chk_service haproxy")
    command.config.write_text("checks: [")
    assert command.start("chk_service haproxy", "--for", "1h").code == 0
    assert "vipwarden.yaml" in command.start("web", "--for", "1h").err


def test_a_record_that_cannot_be_written_is_no_maintenance(command: Maint) -> None:
    """The exit code says so."""
    (command.folder / "state").write_text("no folder")
    done = command.start("web", "--for", "1h")
    assert done.code == 1
    assert "cannot be written" in done.err


def test_operators_at_once_lose_nothing(command: Maint) -> None:
    """Each has a file of their own, which is whole at any time."""
    threads = [
        threading.Thread(target=command.start, args=(what, "--for", f"{number}h"), kwargs={"by": f"user{number % 3}"})
        for number, what in enumerate(["web", "real", "db"] * 3, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [decode(path.read_bytes()) for path in (command.folder / "state" / "maintenance").iterdir()]
    assert len({(record.name, record.by) for record in found}) == len(found) == 3


def test_connections_nobody_counts_are_reported(command: Maint) -> None:
    """The maintenance has begun all the same."""
    done = command.start("web", "--for", "1h", "--wait", "0.2")
    assert done.code == 3
    assert "the agent has not told keepalived yet of web: does it run?" in done.err
    assert command("list", "web").code == 0


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800)])
def test_durations(text: str, seconds: int) -> None:
    """Seconds or units."""
    assert float(Duration(text)) == seconds


@pytest.mark.parametrize("text", ["", "h", "1x", "-1", "1.5h", "1h30", "0", "999999999d", "\u0661h", "1 h"])
def test_what_is_no_duration(text: str) -> None:
    """Never a guess."""
    with pytest.raises(ValueError, match="a duration of at most 30 days"):
        Duration(text)


def test_who_is_the_user_before_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the user of this process."""
    monkeypatch.setenv("SUDO_USER", "carol")
    assert user() == "carol"
    monkeypatch.delenv("SUDO_USER")
    assert user()


FULL = """
mkdir -p "$1/state" "$1/run"
start() { vipwarden maint start web --for "$1" --reason disks --by alice --config "$2"; }
for folder in state run; do
    mount -t tmpfs -o size=64k none "$1/$folder"
    export VIPWARDEN_STATE_DIR="$1/state" VIPWARDEN_RUNTIME_DIR="$1/run"
    start 1h "$2" >/dev/null || exit
    dd if=/dev/zero of="$1/$folder/filler" bs=1k 2>/dev/null || true
    start 2d "$2" && exit
    echo "$?" $(vipwarden maint list web --json | grep -o '"left_seconds": 3[56]..' | cut -c-16) \
        $(find "$1/state" "$1/run" -type f -size -4k | wc -l)
    vipwarden maint end web --by alice >/dev/null && vipwarden maint list web || echo "$?" ended
    rm "$1/$folder/filler"
    umount "$1/$folder"
done
"""


def test_a_full_disk_leaves_the_maintenance_before(command: Maint) -> None:
    """That of the records, or that of the copies: the end stays what it was, and can be brought forward."""
    done = shell(command.folder, FULL, str(command.folder), str(command.config), flags=["-m"])
    lines = done.out.splitlines()
    assert lines == ['1 "left_seconds": 2', "3 ended"] * 2, done
    assert done.err.count("cannot be written: No space left on device; nothing has begun") == 2


def test_what_root_has_begun_is_not_ended_by_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is it said to be over; what that user has begun is."""
    record = Maintenance("check", "web", "alice", "disks", time.time(), time.time() + 60)
    monkeypatch.setattr(paths, "maintained", lambda top="": f"{tmp_path}/{'root' if top else 'run'}/maintained")
    with monkeypatch.context() as root:
        root.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/root/maintenance")
        write(record)
    folders = {True: f"{tmp_path}/root/maintenance", False: f"{tmp_path}/own/maintenance"}
    monkeypatch.setattr(paths, "maintenance", lambda root=False: folders[root])
    for words in ({"by": "alice"}, {"everybody": True}):
        assert end("web", **words) == 3
        said = capsys.readouterr()
        assert "is over" not in said.out
        assert said.out.startswith("web: in maintenance until ")
        assert "a maintenance that root has begun is ended by root" in said.err
    assert read_all() == [record]
    write(record)
    assert end("web", by="alice") == 3
    assert capsys.readouterr().out.startswith("web: the maintenance by alice is over\n")
