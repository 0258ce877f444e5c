"""Does chk_verdict say 0 for a fresh and healthy verdict, and 1 for everything else?"""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import BIN, environment, program, shell
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Result, State
from vipwarden.state.clock import boot
from vipwarden.state.paths import file_name
from vipwarden.state.standing import standing
from vipwarden.state.verdict import encode, read

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = ("dash", "bash", "busybox")


def put(folder: Path, state: State = OK, ttl: float = 0, name: str = "web", back: float = 0) -> Path:
    """Publish a verdict, dated back by so many seconds."""
    place = folder / "run" / "verdict"
    place.mkdir(parents=True, exist_ok=True)
    result = Result(state, "127.0.0.1:80 is open (0.1 ms)", [Metric("time", 0.0001, "s")])
    data = encode("port", result, time.time(), 0.25, ttl)
    if back:
        magic, number, stamp, rest = data.split(b" ", 3)
        data = b" ".join((magic, number, b"%.2f" % (float(stamp) - back), rest))
    path = place / file_name(name)
    path.write_bytes(data)
    return path


def ask(folder: Path, *arguments: str, shell: str = "dash") -> tuple[int, str, str]:
    """Return the exit code, and what it said on both outputs."""
    words = [program(shell), *(["sh"] if shell == "busybox" else []), str(BIN / "chk_verdict"), *arguments]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(folder), check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("state", "code"), [(OK, 0), (WARNING, 1), (CRITICAL, 1), (UNKNOWN, 1)])
def test_ok_alone_is_healthy(tmp_path: Path, state: State, code: int, shell: str) -> None:
    """In any POSIX shell; it repeats what the check said."""
    put(tmp_path, state, 2.5)
    assert ask(tmp_path, "web", shell=shell) == (code, "127.0.0.1:80 is open (0.1 ms)\n", "")


@pytest.mark.parametrize(("state", "code"), [(OK, 0), (WARNING, 3), (CRITICAL, 1), (UNKNOWN, 1)])
def test_a_warning_may_be_a_weight(tmp_path: Path, state: State, code: int) -> None:
    """For MISC_CHECK with misc_dynamic, where 2 to 255 are a weight plus 2."""
    put(tmp_path, state)
    assert ask(tmp_path, "web", "--misc-dynamic")[0] == code
    for weight, coded in (("0", 2), ("20", 22), ("253", 255)):
        given = ask(tmp_path, "--misc-dynamic", "--warning-weight", weight, "web")[0]
        assert given == (coded if state == WARNING else code)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("told", "state", "code", "dynamic"),
    [
        ("drain", OK, 1, 2),  # weight 0
        ("drain", CRITICAL, 1, 1),
        ("down", OK, 1, 1),
        ("hold0", CRITICAL, 0, 0),
        ("hold1", OK, 1, 3),
        ("hold2", OK, 1, 1),
        ("hold3", OK, 1, 1),
        ("hold4", OK, 1, 1),
        ("panic0@12345", CRITICAL, 0, 0),
        ("panic1@12345", CRITICAL, 1, 3),
        ("panic2@12345", OK, 1, 1),
        ("panic0", OK, 1, 1),
        ("dampened2345", OK, 1, 1),
        ("other", OK, 1, 1),
    ],
)
def test_maintenance_counts_in_place_of_the_state(
    tmp_path: Path, told: str, state: State, code: int, dynamic: int, shell: str
) -> None:
    """As the agent says it; a word that there is not is a torn file."""
    path = put(tmp_path, state, 60)
    path.write_bytes(encode("port", Result(state, "open"), time.time(), 0.25, 60, told, "in maintenance: disks"))
    assert ask(tmp_path, "web", shell=shell)[0] == code
    assert ask(tmp_path, "web", "--misc-dynamic", shell=shell)[0] == dynamic
    magic, number, stamp, rest = path.read_bytes().split(b" ", 3)
    path.write_bytes(b" ".join((magic, number, b"%.2f" % (float(stamp) - 61), rest)))
    assert ask(tmp_path, "web", "--misc-dynamic", shell=shell)[0] == 1


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("ttl", "arguments", "back", "code"),
    [
        (0, (), 2, 0),  # without a TTL: three seconds
        (0, (), 4, 1),
        (7.5, (), 6, 0),
        (7.5, (), 9, 1),
        (7.5, ("--max-age", "3"), 6, 1),
        (7.5, ("--max-age=30",), 9, 0),
        (0, ("--max-age", "0.5"), 1, 1),
        (0, ("--max-age", "1.25"), 0.5, 0),
        (0, ("--max-age", "08"), 7, 0),  # no octal number
        (0, (), -5, 1),  # dated into the future
        (0, ("--max-age", "86400"), -5, 1),
    ],
)
def test_a_verdict_has_an_age(
    tmp_path: Path, ttl: float, arguments: tuple[str, ...], back: float, code: int, shell: str
) -> None:
    """Up to its TTL, or what the operator says, as standing() has it; and never before it was given."""
    path = put(tmp_path, OK, ttl, back=back)
    most = float(arguments[-1].rpartition("=")[2]) if arguments else ttl or 3
    assert standing(read(str(path)), most).is_valid is not bool(code)
    found = ask(tmp_path, "web", *arguments, shell=shell)
    assert found[0] == code
    assert (("is the agent running?" in found[2]) or ("in the future" in found[2])) is bool(code)


def test_a_missing_verdict_is_a_failure(tmp_path: Path) -> None:
    """And so is a folder in its place, a link, or a FIFO, for which it does not wait."""
    assert ask(tmp_path, "web")[0] == 1
    path = put(tmp_path)
    path.rename(path.with_name("other"))
    path.symlink_to(path.with_name("other"))
    assert ask(tmp_path, "web")[0] == 1
    path.unlink()
    path.mkdir()
    assert ask(tmp_path, "web")[0] == 1
    path.rmdir()
    os.mkfifo(path)
    assert ask(tmp_path, "web")[0] == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_a_torn_verdict_is_a_failure(tmp_path: Path, shell: str) -> None:
    """Wherever it ends before its end."""
    path = put(tmp_path, OK, 2.5)
    whole = path.read_bytes()
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        assert ask(tmp_path, "web", shell=shell)[0] == 1, whole[:length]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"vipwarden-1 0", b"vipwarden-2 0"),
        (b"vipwarden-1 0", b"vipwarden-1 4"),
        (b"vipwarden-1 0", b"vipwarden-1 00"),
        (b"vipwarden-1 0", b"vipwarden-1 *"),
        (b" port 2.50", b" port 2.50 more"),
        (b" port 2.50", b" port nan"),
        (b" port 2.50", b""),
    ],
)
def test_what_no_agent_wrote_is_a_failure(tmp_path: Path, old: bytes, new: bytes) -> None:
    """The state, the stamp and the TTL have one form each."""
    path = put(tmp_path, OK, 2.5)
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    assert ask(tmp_path, "web")[0] == 1


@pytest.mark.parametrize(
    "stamp", ["", "x", "-1.00", "1e9", "1.2.3", ".", "1.", ".5", "9" * 30, "0x10", "$((1))", "`ls`"]
)
def test_a_stamp_is_a_number_of_seconds(tmp_path: Path, stamp: str) -> None:
    """And nothing in it is ever run."""
    path = put(tmp_path, OK, 86400)
    words = path.read_text().split(" ", 3)
    path.write_text(" ".join((words[0], words[1], stamp, words[3])))
    assert ask(tmp_path, "web")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("",),
        ("web", "other"),
        ("web", "--max-age"),
        ("web", "--max-age", "soon"),
        ("web", "--max-age", ""),
        ("web", "--wrong"),
        ("web", "--help"),
        ("web", "--misc-dynamic", "--warning-weight", "254"),
        ("web", "--misc-dynamic", "--warning-weight", "-1"),
        ("web", "--misc-dynamic", "--warning-weight", "1$(id)"),
        ("../verdict/web",),
        (".web",),
        ("*",),
        ("we?",),
    ],
)
def test_a_typing_error_is_a_failure(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Never any other code, which with misc_dynamic would be a weight."""
    put(tmp_path, WARNING, 60)
    put(tmp_path, OK, 60, name="other")
    assert ask(tmp_path, *arguments)[0] == 1


@pytest.mark.parametrize("name", ["web@192.0.2.1:80", "web@[2001:db8::1]:80", "two words", " three  words ", "a+b=c,d"])
def test_a_check_is_called_as_in_the_configuration(tmp_path: Path, name: str) -> None:
    """Or by the name of its file."""
    path = put(tmp_path, name=name)
    assert ask(tmp_path, path.name)[0] == 0
    if "%" not in path.name.replace("%20", ""):
        assert ask(tmp_path, name)[0] == 0


@settings(deadline=None, max_examples=60)
@given(content=st.binary(max_size=300))
def test_no_content_is_healthy_by_chance(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever stands there."""
    folder = tmp_path_factory.mktemp("verdict")
    put(folder).write_bytes(content)
    assert ask(folder, "web", "--misc-dynamic")[0] == 1


def test_it_starts_no_process(tmp_path: Path) -> None:
    """A reader that forks would cost twice as much; only under lxcfs one may have to."""
    put(tmp_path, OK, 60)
    command = [
        program("strace"),
        "-f",
        "-o",
        str(tmp_path / "calls"),
        "-e",
        "trace=process",
        "dash",
        str(BIN / "chk_verdict"),
        "web",
    ]
    assert subprocess.run(command, env=environment(tmp_path), capture_output=True, check=False).returncode == 0
    calls = (tmp_path / "calls").read_text()
    assert "exit_group(0)" in calls
    assert not {"fork", "clone"} & {line.split("(")[0].split()[-1] for line in calls.splitlines() if "(" in line}


def test_a_clock_that_stepped_makes_no_stale_verdict_fresh(tmp_path: Path) -> None:
    """Stamps are of the time since boot, which nobody sets; where it differs all the same, 1 is the answer."""
    put(tmp_path, OK, 60)
    for offset, code in (("0", 0), ("-100", 1), ("100", 1)):
        line = f'exec unshare --time --boottime={offset} --fork "$1" web'
        assert shell(tmp_path, line, str(BIN / "chk_verdict")).code == code, offset


@pytest.mark.parametrize("uptime", ["0.00 0.00", "5.00 1.00", "60.00 1.00", "100000000.00 1.00"])
@pytest.mark.parametrize("shell_", SHELLS)
def test_under_lxcfs_a_verdict_has_its_age(tmp_path: Path, uptime: str, shell_: str) -> None:
    """It puts the time since the container's start into /proc/uptime; a longer one than there was is no LXC's."""
    (tmp_path / "uptime").write_text(uptime + "\n")
    words = f"{shell_} sh" if shell_ == "busybox" else shell_
    line = f'mount --bind "$1" /proc/uptime; exec {words} "$2" web'
    for back, healthy in ((0.0, True), (30.0, True), (61.0, False), (100.0, False), (125.0, False), (-60.0, False)):
        put(tmp_path, OK, 60, back=back)
        paths = (str(tmp_path / "uptime"), str(BIN / "chk_verdict"))
        code = shell(tmp_path, line, *paths, flags=["-m"], needs=[shell_]).code
        assert code == (0 if healthy and not uptime.startswith("1000") else 1), back


def test_a_verdict_that_is_younger_than_its_reader_is_fresh(tmp_path: Path) -> None:
    """Under lxcfs the start of the reader is the only clock: the agent may have been here since."""
    (tmp_path / "uptime").write_text("5.00 1.00\n")
    file = tmp_path / "run" / "verdict" / "web"
    put(tmp_path, OK, 60)
    data = file.read_bytes()
    line = 'mount --bind "$1" /proc/uptime; sleep 0.3; cp "$2" "$3"; exec dash "$4" web'
    for ahead, code in ((0.25, 0), (60.0, 1)):
        magic, number, stamp, rest = data.split(b" ", 3)
        source = tmp_path / "new"
        stamp = b"%.2f" % (boot() + ahead)
        source.write_bytes(b" ".join((magic, number, stamp, rest)))
        paths = (str(tmp_path / "uptime"), str(source), str(file), str(BIN / "chk_verdict"))
        assert shell(tmp_path, line, *paths, flags=["-m"]).code == code
