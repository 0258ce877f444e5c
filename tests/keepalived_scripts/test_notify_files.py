"""Do spool, journal and settings of notify hold by themselves, without keepalived?"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepalived_scripts.notify import deliver, journal, spool
from keepalived_scripts.notify.compare import _actual
from keepalived_scripts.notify.deliver import LaterError, NeverError
from keepalived_scripts.notify.event import Event
from keepalived_scripts.notify.hooks import with_rights
from keepalived_scripts.notify.outbox import Post, attempt
from keepalived_scripts.notify.settings import Mailbox, Place, Security, State, Url, problems, settings
from keepalived_scripts.notify.spool import Spool, read_event
from vipwarden.core.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    """Give an empty spool."""
    monkeypatch.setenv("VIPWARDEN_RUNTIME_DIR", str(tmp_path / "run"))
    return Spool("outbox")


def test_files_keep_their_order_and_the_oldest_make_room(outbox: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are allowed, and no more."""
    monkeypatch.setattr(spool, "_MOST_FILES", 3)
    assert [outbox.add({"number": number}) for number in range(5)] == [0, 0, 0, 1, 1]
    assert [outbox.get(name)["number"] for name in outbox.names()] == [2, 3, 4]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'"x"', b"null"])
def test_a_broken_file_is_empty_and_no_event(outbox: Spool, content: bytes) -> None:
    """A crash may leave any bytes."""
    (outbox.path / "1").write_bytes(content)
    assert outbox.get("1") == outbox.get("2") == {}
    assert read_event(outbox, "1") is None


def test_an_event_comes_back_from_the_spool(outbox: Spool) -> None:
    """With all of its fields."""
    event = Event("INSTANCE", "V1", "MASTER", 100, ["own"])
    event.order, event.since, event.previous = (12.5, 7), 1e9, "BACKUP"
    outbox.add(event.as_dict())
    again = read_event(outbox, outbox.names()[0])
    assert again is not None
    assert again.as_dict() == event.as_dict()


def test_work_is_done_in_order_and_by_one_process_only(outbox: Spool) -> None:
    """A second one leaves it to the first, and one that waits."""
    numbers = []
    for number in range(3):
        outbox.add({"number": number})

    def work(own: Spool, name: str) -> None:
        with own.alone() as mine:  # another descriptor, as of another process
            assert not mine
        numbers.append(own.get(name)["number"])
        own.done(name)

    outbox.work_off(work)
    assert numbers == [0, 1, 2]


def test_an_entry_of_the_journal_has_its_fields(tmp_path: Path) -> None:
    """Each on a line of its own, whatever is in a value."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"{tmp_path}/socket")
        journal.log(journal.ERROR, "two\nlines", {"name": "V\n1", "hook": "/x"}, str(tmp_path))
        lines = receiver.recv(4096).decode().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert fields["PRIORITY"] == "3"
    assert fields["SYSLOG_IDENTIFIER"] == "vipwarden-notify"
    assert fields["VIPWARDEN_HOOK"] == "/x"
    assert len(fields) == len(lines) == 6


def test_without_a_journal_there_is_no_stream(tmp_path: Path) -> None:
    """Hooks run all the same."""
    assert journal.stream("hook", str(tmp_path)) is None


def test_a_hook_has_full_rights_where_the_reader_has_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a unit of its own, with its environment and its limit."""
    monkeypatch.delenv("VIPWARDEN_APART", raising=False)
    assert with_rights(["/x", "a"], {"N": "1"}, 30) == ["/x", "a"]
    monkeypatch.setenv("VIPWARDEN_APART", "1")
    command = with_rights(["/x", "a"], {"N": "1"}, 30)
    assert command[0] == "systemd-run"
    assert command[-3:] == ["--", "/x", "a"]
    assert {"--setenv=N=1", "--property=RuntimeMaxSec=30"} < set(command)


@given(text=st.text(max_size=30))
def test_any_text_is_a_value_of_a_setting_or_a_value_error(text: str) -> None:
    """Of each type that an operator writes here."""
    for build in (Mailbox, Place, Security, State, Url):
        try:
            build(text)
        except ValueError:
            continue


def test_what_would_fail_later_is_reported_before(tmp_path: Path) -> None:
    """Files, programs and hooks that the settings name."""
    (tmp_path / "empty").touch()
    hook = tmp_path / "hooks" / "master" / "10-hook"
    hook.parent.mkdir(parents=True)
    hook.touch(mode=0o644)
    (hook.parent / "10-hook.rpmsave").touch()
    given = settings(
        hooks=Place(f"{tmp_path}/hooks"),
        mail_to=(Mailbox("a@b"),),
        sendmail=Place(f"{tmp_path}/none"),
        webhook_file=Place(f"{tmp_path}/empty"),
        ca_file=Place(f"{tmp_path}/empty"),
    )
    found = list(problems(given))
    assert [text.partition(":")[0] for text in found] == [
        "webhook_file",
        "ca_file",
        "mail_to",
        f"the hook {hook} would not be run",
    ]


@pytest.mark.parametrize(
    ("recorded", "held", "runs", "actual"),
    [
        ("MASTER", True, True, None),
        ("MASTER", False, True, "BACKUP"),
        ("MASTER", True, False, "STOP"),
        ("BACKUP", True, True, "MASTER"),
        ("BACKUP", False, True, None),
        ("FAULT", True, True, "MASTER"),
        ("FAULT", False, True, None),
        ("STOP", True, False, None),
        ("STOP", True, True, "MASTER"),
        ("", True, True, "MASTER"),
        ("", False, True, None),
        ("", True, False, None),
        ("DELETED", True, True, None),
    ],
)
def test_the_addresses_of_the_kernel_correct_a_record(
    recorded: str, held: bool, runs: bool, actual: str | None
) -> None:
    """Only where it cannot be right."""
    assert _actual(recorded, held, runs) == actual


EVENT = Event("INSTANCE", "V1", "MASTER", 100)


def _raise(error: Exception) -> Callable[..., None]:
    def way(*_: object) -> None:
        raise error

    return way


@pytest.mark.parametrize(
    ("way", "error", "reason"),
    [
        (_raise(LaterError("busy")), LaterError, "busy"),
        (_raise(NeverError("no such user")), NeverError, "no such user"),
        (_raise(ZeroDivisionError()), NeverError, "internal error: ZeroDivisionError"),
        (lambda *_: os.kill(os.getpid(), signal.SIGKILL), LaterError, "died"),
        (lambda *_: time.sleep(60), LaterError, "took longer than 0.5 s"),
    ],
)
def test_an_attempt_fails_in_time_and_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, way: Callable[..., None], error: type[Exception], reason: str
) -> None:
    """Whatever the receiver, or a bug of ours, does."""
    monkeypatch.setattr(deliver, "mail", way)
    with pytest.raises(error, match=reason):
        attempt("mail", EVENT, settings(attempt_timeout=Seconds(0.5)))


def test_pauses_grow_until_the_configuration_is_corrected(
    outbox: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then all is tried at once; and what is refused for good is dropped."""
    config = tmp_path / "vipwarden.yaml"
    config.write_text("notify: {mail_to: a@b, retry_first: 100}\n")
    monkeypatch.setattr(journal, "log", lambda *_: None)
    monkeypatch.setattr(deliver, "mail", _raise(LaterError("busy")))
    outbox.add(EVENT.as_dict() | {"way": "mail", "until": 1e12})
    post = Post(str(config))
    for _ in range(2):  # the second turn waits for the pause
        post.turn(outbox, "")
    assert post.pauses == {"mail": 100}
    config.write_text("notify: {mail_to: nobody}\n")  # an error: the settings before it hold
    post.turn(outbox, "")
    assert (post.given.mail_to, len(outbox.names())) == (("a@b",), 1)
    monkeypatch.setattr(deliver, "mail", _raise(NeverError("refused")))
    config.write_text("notify: {mail_to: c@d, retry_first: 100}\n")
    post.turn(outbox, "")
    assert (post.pauses, outbox.names()) == ({}, [])
