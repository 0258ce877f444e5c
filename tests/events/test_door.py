"""What do the sockets of the recorder take from users who may not write root's spool, and from whom?"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE
from tests.events.make import recording, until
from vipwarden.events import door, senders
from vipwarden.events.door import Doors
from vipwarden.events.event import decode, line
from vipwarden.events.hand import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.events.make import Recording

SENDER = """
import os, sys, time
sys.path[:0] = [{code!r}]
from vipwarden.state import paths
paths.ROOT = {root!r}
from vipwarden.events.hand import Hand
hand = Hand({by!r})
"""
FORGED = """
for kind, text in (("check", "script"), ("vrrp", "script"), ("agent", "forged"), ("source", "forged")):
    hand.give(kind, "web", state="OK", text=text)
hand.give("check", "web", text="too old", ago=1000)
hand.give("source", "collector vip", of="exporter", state="failed", text="collector")
hand.flush()
"""
FLOOD = """
for _ in range({many}):
    [hand.give('check', 'web') for _ in range(20)]
    hand.flush()
    time.sleep(2e-3)
"""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return a folder that other users may enter."""
    if os.geteuid():
        pytest.skip("only root becomes another user")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(("pytest", "test_")):
            folder.chmod(0o755)
    return tmp_path


def send(root: Path, source: str, user: str = "nobody", by: str = "chk_port") -> None:
    """Run a program that hands over as another user."""
    program = SENDER.format(code=str(CODE), root=str(root), by=by) + source
    env = {"XDG_RUNTIME_DIR": "/nonexistent"}
    subprocess.run([sys.executable, "-c", program], env=env, user=user, check=True, cwd="/")


def opened(run: Recording) -> None:
    """Let other users in where pytest's umask does not."""
    run.spool.chmod(0o755)
    run.spool.parent.chmod(0o755)


@pytest.mark.parametrize("user", ["nobody", "daemon"])
def test_scripts_of_keepalived_hand_over_as_another_user(top: Path, user: str) -> None:
    """The user that keepalived.conf names may; what it forges goes nowhere. Others may not, and that is said."""
    (top / "keepalived.conf").write_text("global_defs {\n script_user nobody\n}\n")
    with recording(top) as run:
        opened(run)
        send(top / "run", FORGED, user)
        send(top / "run", "hand.give('check', 'last')\nhand.flush()")
        until(lambda: [it for it in run.events() if it.name == "last"], run.process)
    sent = [(it.kind, it.text) for it in run.events() if it.name == "web"]
    assert sent == ([("check", "script"), ("vrrp", "script")] if user == "nobody" else [])
    assert run.process.stderr is not None


def test_a_script_that_has_gone_wild_drives_out_nothing(top: Path) -> None:
    """Of more than a burst the rest is counted as lost, with the user, and not at each batch."""
    (top / "keepalived.conf").write_text("global_defs {\n script_user nobody\n}\n")
    with recording(top) as run:
        opened(run)
        send(top / "run", FLOOD.format(many=150))
        until(lambda: any(it.state == "lost" for it in run.events()), run.process)
    assert 500 < sum(it.by == "chk_port" for it in run.events()) < 1500
    lost = [it.text for it in run.events() if it.state == "lost"]
    assert 1 <= len(lost) <= 2
    assert "events of user nobody, who hands over too many" in lost[0]


def test_who_floods_crowds_out_no_other_user(top: Path) -> None:
    """Neither by its own socket, nor by that for all, nor by one of another, which it may not open."""
    (top / "keepalived.conf").write_text(
        "global_defs {\n script_user nobody\n}\nvrrp_script a {\n user daemon\n script /bin/true\n}\n"
    )
    with recording(top) as run:
        opened(run)
        until((run.spool / f"{DOOR}.1").exists)
        flood = SENDER.format(code=str(CODE), root=str(top / "run"), by="chk_port")
        flood += f"""
import socket
door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
try:
    door.connect({str(run.spool / DOOR)!r} + ".1")
except PermissionError:
    door.connect({str(run.spool / DOOR)!r})
    print("refused", flush=True)
while True:
    try:
        door.send(b"x" * 100)
    except BlockingIOError:
        pass
    hand.give("check", "flood")
    hand.flush()
"""
        command = [sys.executable, "-c", flood]
        wild = subprocess.Popen(command, user="nobody", cwd="/", stdout=subprocess.PIPE, env={"XDG_RUNTIME_DIR": "/no"})
        try:
            assert wild.stdout is not None
            assert wild.stdout.readline() == b"refused\n"
            for _ in range(20):
                send(top / "run", "hand.give('check', 'good')\nhand.flush()", "daemon")
            until(lambda: sum(it.name == "good" for it in run.events()) == 20, run.process)
        finally:
            wild.kill()
            wild.communicate()


@pytest.fixture
def doors(top: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    """Return the sockets of a spool, with ``daemon`` as the user of the exporter's unit."""
    (top / "spool").mkdir()
    (top / "spool").chmod(0o755)
    monkeypatch.setattr(senders, "_DYNAMIC", f"{top}/direct:")
    (top / "direct:vipwarden-exporter").symlink_to("1")
    (top / "spool" / f"{DOOR}.4711").touch()
    found = Doors(str(top / "spool"), str(top / "keepalived.conf"))
    yield found
    found.close()


def test_the_exporter_tells_of_its_collectors_and_of_nothing_else(top: Path, doors: Doors) -> None:
    """A check that it hands over goes nowhere, nor what another reads than itself."""
    (top / "events").symlink_to("spool")
    send(top, FORGED, "daemon", "exporter")
    found = [decode(text) for text in doors.take()]
    assert [(it.kind, it.name, it.text) for it in found if it] == [("source", "collector vip", "collector")]
    send(top, FORGED, "daemon")  # by another name
    assert doors.take() == []


def test_users_come_and_go(top: Path, doors: Doors) -> None:
    """The exporter gets another number when it starts anew; what an earlier recorder left is gone."""

    def there() -> list[str]:
        return sorted(path.name for path in (top / "spool").iterdir())

    usual = {str(it) for it in doors._kinds if it not in (0, 1)}  # keepalived_script, where there is one
    expected = {f"{DOOR}.{it}" for it in usual} | {DOOR}
    assert set(there()) == expected | {f"{DOOR}.1"}
    (top / "direct:vipwarden-exporter").unlink()
    (top / "direct:vipwarden-exporter").symlink_to("2")
    doors.renew()
    assert set(there()) == expected | {f"{DOOR}.2"}
    for number in ("2\n; no number", "4294967295", "9" * 5000):
        (top / "direct:vipwarden-exporter").unlink()
        (top / "direct:vipwarden-exporter").symlink_to(number[:4000])
        (top / "keepalived.conf").write_text(f"global_defs {{\n script_user {number.split()[-1]}\n}}\n")
        doors.renew()
        assert set(there()) == expected


def test_without_access_control_lists_there_is_the_socket_for_all(
    top: Path, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that has none."""

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    (top / "direct:vipwarden-exporter").unlink()
    (top / "direct:vipwarden-exporter").symlink_to("2")
    doors.renew()
    assert not (top / "spool" / f"{DOOR}.2").exists()
    assert doors._kinds[2] == senders.COLLECTORS


def test_strangers_are_named_at_most_once_a_minute(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what lies in a message is not looked at."""
    monkeypatch.setattr(door, "_received", lambda _: iter([(65534, b"{")] * 3))
    assert doors.take() == []
    assert doors.refused().endswith("refused: user 65534")
    assert doors.take() == []
    assert doors.refused() == ""


def test_lines_of_a_user_are_few_while_the_disk_takes_none(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie in memory; those of others are taken still."""
    text = line("exporter", 1, "source", "collector vip", of="exporter")
    now = [time.monotonic()]
    monkeypatch.setattr(door, "boot", lambda: now[0])
    monkeypatch.setattr(door, "_is_credible", lambda *_: True)
    first, *_ = doors.descriptors()
    monkeypatch.setattr(door, "_received", lambda sock: iter([(1, text)] * 2000 if sock.fileno() == first else []))
    assert len(doors.take()) == 1000
    now[0] += 1000
    assert doors.take() == []
    doors.settled()
    assert len(doors.take()) == 1000
    assert doors.losses() == ["4000 events of user 1, who hands over too many"]
    assert doors.losses() == []


def test_what_is_cut_off_or_has_no_sender_goes_nowhere(top: Path, doors: Doors) -> None:
    """A datagram that is longer than an honest sender's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(str(top / "spool" / DOOR))
        sock.send(line("exporter", 1, "source", "x", of="exporter") * 100)
    assert doors.take() == []
