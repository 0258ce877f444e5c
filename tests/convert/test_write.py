"""Is a conversion written whole or not at all, whatever happens meanwhile?"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.convert import main
from convert.conversion import Change
from convert.write import write
from tests.commands import BIN, program, runs_scripts

if TYPE_CHECKING:
    from collections.abc import Callable

CONF = """\
vrrp_script haproxy {
    script "killall -0 haproxy"
}
vrrp_instance VI {
    interface lo
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.1/32
    }
    track_script {
        haproxy
    }
}
"""


def convert(folder: Path, *more: str) -> int:
    """Convert the configuration of a folder."""
    paths = (str(folder / "keepalived.conf"), "--config", str(folder / "vipwarden.yaml"))
    return main([*paths, "--keepalived-version", "2.2.8", "--folder", str(BIN), *more])


def files(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def changes(folder: Path) -> list[Change]:
    """Return two files that change, and a new one."""
    for name in ("one", "two"):
        (folder / name).write_text(f"old {name}\n")
    old = [Change(str(folder / name), f"old {name}\n".encode(), [(0, 3, "new")]) for name in ("one", "two")]
    return [*old, Change(str(folder / "three"), None, [(0, 0, "new three\n")])]


def nothing() -> None:
    """Find everything as it was."""


def test_owner_mode_and_attributes_stay(tmp_path: Path) -> None:
    """Of the file, and of its backup."""
    first, *_ = made = changes(tmp_path)
    path = Path(first.path)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1, 2)
    with contextlib.suppress(OSError):
        os.setxattr(path, "user.note", b"kept")
    before = path.stat()
    names = os.listxattr(path)
    (backup, _) = write(made, nothing)
    for copy in (path, Path(backup)):
        after = copy.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
        assert os.listxattr(copy) == names
    assert files(tmp_path) == {
        "one": b"new one\n",
        "two": b"new two\n",
        "three": b"new three\n",
        "one.before-convert-1": b"old one\n",
        "two.before-convert-1": b"old two\n",
    }


def test_no_backup_is_overwritten(tmp_path: Path) -> None:
    """Nor is a link followed that lies in its place."""
    made = changes(tmp_path)
    (tmp_path / "one.before-convert-1").write_text("the first\n")
    (tmp_path / "one.before-convert-2").symlink_to("/etc/passwd")
    backup, _ = write(made, nothing)
    assert backup.endswith("one.before-convert-3")
    assert (tmp_path / "one.before-convert-1").read_text("utf-8") == "the first\n"


def _full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def _short(place: int, data: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
    if len(data) < 5:
        return _full()
    return write(place, bytes(data)[:2])


@pytest.mark.parametrize("broken", ["write", "short", "fsync", "fchmod", "rename", "late"])
def test_nothing_is_half_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str) -> None:
    """A full disk, one that fails late, and files that cannot be renamed: all is as before, with nothing beside it."""
    made = changes(tmp_path)
    before = files(tmp_path)
    rename, renamed = os.rename, []

    def fails_late(source: str, target: str) -> None:
        if target.endswith("three"):
            raise OSError(errno.EROFS, "Read-only file system")
        renamed.append(target)
        rename(source, target)

    if broken == "late":
        monkeypatch.setattr(os, "rename", fails_late)
    else:
        monkeypatch.setattr(os, "write" if broken == "short" else broken, _short if broken == "short" else _full)
    with pytest.raises(OSError, match=r"No space|Read-only"):
        write(made, nothing)
    assert files(tmp_path) == before
    assert bool(renamed) is (broken == "late")


def test_a_file_that_changes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Whoever wrote it wins."""
    made = changes(tmp_path)

    def edited() -> None:
        raise ValueError("changed")

    before = files(tmp_path)
    with pytest.raises(ValueError, match="changed"):
        write(made, edited)
    assert files(tmp_path) == before


@runs_scripts
def test_a_link_to_the_configuration_stays_a_link(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And the file behind it changes."""
    program("keepalived")
    (tmp_path / "real").mkdir()
    (tmp_path / "real/pair.conf").write_text(CONF)
    (tmp_path / "keepalived.conf").symlink_to("real/pair.conf")
    assert convert(tmp_path, "--write") == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert f"kept {tmp_path}/real/pair.conf.before-convert-1\n" in said
    assert said.endswith("now start or reload vipwarden-agent, then reload keepalived\n")
    assert (tmp_path / "keepalived.conf").is_symlink()
    assert "track_file haproxy {" in (tmp_path / "real/pair.conf").read_text("utf-8")
    assert sorted(files(tmp_path)) == ["keepalived.conf", "vipwarden.yaml"]


@runs_scripts
def test_what_keepalived_refuses_is_not_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Such as a command that is not installed."""
    program("keepalived")
    conf = CONF.replace("}\n", "    weight -4\n}\n", 1)
    (tmp_path / "keepalived.conf").write_text(f"global_defs {{\nenable_script_security\nscript_user root\n}}\n{conf}")
    before = files(tmp_path)
    assert convert(tmp_path, "--write", "--folder=/nowhere") == 2
    paths = ("--config", str(tmp_path / "vipwarden.yaml"), "--folder", "/nowhere")
    assert main([str(tmp_path / "keepalived.conf"), *paths, "--write"]) == 1
    assert "keepalived -t refuses the new configuration" in capsys.readouterr().err
    assert files(tmp_path) == before


def test_checks_that_the_agent_refuses_are_not_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The operator's own mistakes among them, by file and line."""
    (tmp_path / "keepalived.conf").write_text(CONF)
    (tmp_path / "vipwarden.yaml").write_text("checks:\n  web:\n    check: nothing\n")
    before = files(tmp_path)
    assert convert(tmp_path, "--write") == 1
    assert "the agent refuses the new checks" in capsys.readouterr().err
    assert files(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_two_files_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """A session that is lost, or an operator: the files are all new, and then the command ends."""
    rename = os.rename

    def signalled(source: str, target: str) -> None:
        rename(source, target)
        signal.raise_signal(number)  # for this thread: that of the command

    monkeypatch.setattr(os, "rename", signalled)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write(changes(tmp_path), nothing)
    finally:
        signal.signal(number, before)
    assert [(tmp_path / name).read_bytes()[:3] for name in ("one", "two", "three")] == [b"new"] * 3
