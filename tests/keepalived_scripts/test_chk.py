"""Does keepalived hear 0 for healthy, 1 for all else, and nothing else ever? The real commands, under every stress."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, CODE, environment, open_to_others, run, shell, start
from tests.keepalived_scripts.ask import FAILED, at
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_healthy_is_0_and_anything_else_is_1(tmp_path: Path) -> None:
    """OK alone is healthy: neither WARNING, CRITICAL nor UNKNOWN is."""
    with servers.listening() as good, servers.closed() as bad:
        assert run(tmp_path, "chk_port", *at(good)).code == 0
        assert run(tmp_path, "chk_port", *at(good, "-w", "10:")).code == FAILED
        assert run(tmp_path, "chk_port", *at(good, "-c", "10:")).code == FAILED
        assert run(tmp_path, "chk_port", *at(good, "--source", "192.0.2.1")).code == FAILED
        assert run(tmp_path, "chk_port", *at(bad)).code == FAILED
        assert run(tmp_path, "chk_port", *at(bad, "--refused", "ok")).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["-h"],
        ["-H", "127.0.0.1"],
        ["-H"],
        ["-H", "127.0.0.1", "-p", "http"],
        ["-H", "127.0.0.1", "-p", "0"],
        ["-H", "127.0.0.1", "-p", "1", "-p", "2"],
        ["-H", "127.0.0.1", "-p", "1", "-t", "0"],
        ["-H", "127.0.0.1", "-p", "1", "-t", "nan"],
        ["-H", "127.0.0.1", "-p", "1", "-w", ""],
        ["-H", "127.0.0.1", "-p", "1", "--refused", "fine"],
        ["-H", "127.0.0.1", "-p", "1", "--warning-weight", "254"],
        ["-H", "127.0.0.1", "-p", "1", "--no-such-option"],
        ["-H", "127.0.0.1", "-p", "1", "extra"],
        ["-H", "127.0.0.1", "-p", "1", "--ipv4=yes"],
        ["-H", "", "-p", "1"],
        ["--version"],
        [b"--\xff\xfe"],
        ["-H", b"\xff", "-p", "1"],
    ],
)
def test_what_cannot_be_asked_is_1(tmp_path: Path, arguments: list[str]) -> None:
    """A wrong option must never count as a healthy service, nor a call for help."""
    assert run(tmp_path, "chk_port", *arguments).code == FAILED


def test_misc_dynamic_gives_a_warning_its_weight(tmp_path: Path) -> None:
    """OK 0, WARNING the weight plus two, CRITICAL and UNKNOWN 1: never Nagios' 2 and 3, which mean weights here."""
    with servers.listening() as good, servers.closed() as bad:
        dynamic = at(good, "--misc-dynamic")
        assert run(tmp_path, "chk_port", *dynamic).code == 0
        assert run(tmp_path, "chk_port", *dynamic, "-w", "10:").code == 3
        for weight in (0, 50, 253):
            ran = run(tmp_path, "chk_port", *dynamic, "-w", "10:", "--warning-weight", str(weight))
            assert ran.code == weight + 2
        assert run(tmp_path, "chk_port", *dynamic, "-c", "10:").code == FAILED
        assert run(tmp_path, "chk_port", *dynamic, "--source", "192.0.2.1").code == FAILED
        assert run(tmp_path, "chk_port", *at(bad, "--misc-dynamic")).code == FAILED


@pytest.mark.parametrize("make", [servers.mute, servers.dripping])
@pytest.mark.alone
def test_the_deadline_is_below_one_second(tmp_path: Path, make: Callable[[], servers.Server]) -> None:
    """As keepalived 2.2 starts the next copy after a second, this one must have left."""
    with make() as server:
        said = [run(tmp_path, "chk_port", *at(server, "-e", "hello"))]
        if said[0].seconds >= 1:  # the better one counts: the machine may be busy
            said.append(run(tmp_path, "chk_port", *at(server, "-e", "hello")))
    assert {ran.code for ran in said} == {FAILED}
    assert 0.9 <= min(ran.seconds for ran in said) < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGALRM])
def test_no_signal_at_any_time_looks_healthy(tmp_path: Path, number: signal.Signals) -> None:
    """It leaves with 1, or dies of the signal where it has hardly begun.

    keepalived takes exit 0 after its SIGTERM for a success, so the moments are many and close to each other, from its
    start until it waits for the server.
    """
    with servers.mute() as server:

        def code(moment: float | None) -> tuple[int, float]:
            server.asked.clear()
            begun = time.monotonic()
            name = f"{number}-{moment}"
            with start(tmp_path, "chk_port", *at(server, "-e", "x", "-t", "3", "--name", name)) as process:
                server.asked.wait(moment)
                waited = time.monotonic() - begun
                process.send_signal(number)
                process.communicate()
            return process.returncode, waited

        asking, whole = code(None)
        assert asking == FAILED
        assert {code(whole * step / 24)[0] for step in range(24)} <= {FAILED, -number}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('exec chk_port "$@" >&-', id="stdout closed"),
        pytest.param('exec chk_port "$@" <&- >&- 2>&-', id="all closed"),
        pytest.param('exec chk_port "$@" >/dev/full 2>/dev/full', id="stdout full"),
        pytest.param('umask 0177; exec chk_port "$@"', id="the umask of keepalived"),
        pytest.param('exec env -i "$(command -v chk_port)" --name env-i "$@"', id="empty environment"),
        pytest.param('cd /proc/self/fdinfo; exec chk_port "$@"', id="no folder to stand in"),
        pytest.param('export PYTHONPATH=/nowhere PYTHONHOME=/nowhere; exec chk_port "$@"', id="Python misled"),
    ],
)
def test_the_answer_does_not_hang_on_its_surroundings(tmp_path: Path, line: str) -> None:
    """What a caller closed, filled or took away changes neither answer; twice, so that a verdict is there as well."""
    with servers.listening() as good, servers.closed() as bad:
        for _ in range(2):
            assert shell(tmp_path, line, *at(good)).code == 0
            assert shell(tmp_path, line, *at(bad)).code == FAILED
            assert shell(tmp_path, line, "--no-such-option").code == FAILED


def test_the_umask_of_keepalived_shuts_nobody_out(tmp_path: Path) -> None:
    """Its 0177 would leave folders that not even their owner can enter, and verdicts that no exporter can read."""
    with servers.listening() as server:
        shell(tmp_path, 'umask 0177; exec chk_port "$@" --name it', *at(server))
    assert (tmp_path / "run/verdict").stat().st_mode & 0o700 == 0o700
    assert (tmp_path / "run/verdict/it").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("mount -t tmpfs tmpfs /dev", id="no /dev/null"),
        pytest.param('mkdir -p "$V"; mount -t tmpfs -o ro tmpfs "$V"', id="verdict folder read-only"),
        pytest.param('mkdir -p "$V"; mount -t tmpfs -o nr_inodes=1 tmpfs "$V"', id="verdict folder full"),
        pytest.param('export VIPWARDEN_RUNTIME_DIR="$V/not/there"', id="verdict folder missing"),
        pytest.param('export VIPWARDEN_RUNTIME_DIR="/dev/null"', id="verdict folder no folder"),
        pytest.param("umount -l /proc", id="no /proc"),
    ],
)
def test_the_answer_does_not_hang_on_the_system(tmp_path: Path, line: str) -> None:
    """A node in trouble still gets an honest answer."""
    line = f'V="$VIPWARDEN_RUNTIME_DIR/verdict"; {line}; exec chk_port "$@"'
    with servers.listening() as good, servers.closed() as bad:
        assert shell(tmp_path, line, *at(good), flags=["-m"]).code == 0
        assert shell(tmp_path, line, *at(bad), flags=["-m"]).code == FAILED


def test_no_space_for_the_verdict_changes_no_answer(tmp_path: Path) -> None:
    """The disk is full when the verdict is to be written: the answer stands, and the old verdict with it."""
    line = (
        'V="$VIPWARDEN_RUNTIME_DIR/verdict"; mkdir -p "$V"; mount -t tmpfs -o size=8k tmpfs "$V"; '
        'chk_port "$@" --name it; before=$(cat "$V/it"); cat /dev/zero >"$V/full" 2>/dev/null || :; '
        'chk_port "$@" --name it; test "$before" = "$(cat "$V/it")"; echo same'
    )
    with servers.listening() as good:
        ran = shell(tmp_path, line, *at(good), flags=["-m"])
    assert ran.code == 0
    assert ran.out.endswith("same\n")


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """Give a copy of the code with launchers and bundles of its own, where no parent folder is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="vipwarden-"))
    folder.chmod(0o755)
    try:
        for name in ("checks", "keepalived_scripts", "vipwarden"):
            shutil.copytree(CODE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "bin").mkdir()
        python = str(Path(sys.executable).resolve())
        write = (CODE / "packaging/launchers.py", "--python", python, "--code", folder, folder / "bin")
        subprocess.run((sys.executable, *write), check=True, capture_output=True)
        subprocess.run((sys.executable, "-ISB", folder / "keepalived_scripts/bundle.py"), check=True)
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "module",
    ["keepalived_scripts/chk", "checks/port", "vipwarden/net/oneshot", "vipwarden/net/net", "vipwarden/state/verdict"],
)
@pytest.mark.parametrize("damage", ["missing", "a folder", "cut off", "not text", "closed"])
def test_broken_code_is_1(copy: Path, tmp_path: Path, module: str, damage: str) -> None:
    """A module that is missing, damaged or closed to the user fails the check, and never the other way round."""
    if damage == "closed":
        open_to_others()
    file = copy / f"{module}.py"
    whole = file.read_bytes()
    with servers.listening() as server:
        try:
            file.unlink()
            if damage == "a folder":
                file.mkdir()
            elif damage == "closed":
                file.write_bytes(whole)
                file.chmod(0)
                shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)
            elif damage != "missing":
                file.write_bytes(whole[: len(whole) // 2] + b"(" if damage == "cut off" else b"\0\xff" * 100)
            env = {**environment(tmp_path), "VIPWARDEN_RUNTIME_DIR": "/nowhere"}
            command = [str(copy / "bin/chk_port"), *at(server)]
            user = 65534 if damage == "closed" else None
            done = subprocess.run(command, env=env, user=user, capture_output=True, check=False)
        finally:
            file.rmdir() if damage == "a folder" else file.unlink(missing_ok=True)
            file.write_bytes(whole)
        healed = subprocess.run(command, env=env, user=user, capture_output=True, check=False)
    assert done.returncode == FAILED
    assert healed.returncode == 0


@pytest.mark.parametrize(
    ("more", "healthy", "failed"),
    [
        ((), FAILED, FAILED),
        (("--misc-dynamic",), 2, FAILED),
        (("--misc-dynamic", "--in-maintenance", "down"), FAILED, FAILED),
        (("--in-maintenance", "hold"), 0, 0),
    ],
)
def test_in_maintenance_keepalived_is_told_so(tmp_path: Path, more: tuple[str, ...], healthy: int, failed: int) -> None:
    """By the name of the check or of its host; at the end it is told what the check found."""
    env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    record = ("--for", "1h", "--reason", "new disks", "--by", "alice")
    with servers.listening() as server:
        line = at(server, *more)
        assert run(tmp_path, "chk_port", *line, env=env).code == 0
        assert run(tmp_path, "vipwarden", "maint", "start", "--host", "192.0.2.1", *record, env=env).code == 2
        assert run(tmp_path, "vipwarden", "maint", "start", "--host", server.host, *record, env=env).code == 0
        assert run(tmp_path, "chk_port", *line, env=env).code == healthy
        status = run(tmp_path, "vipwarden", "status", env=env)
        assert " by alice: new disks: " in status.out
    for _ in range(2):
        assert run(tmp_path, "chk_port", *line, env=env).code == failed
    assert run(tmp_path, "vipwarden", "maint", "end", "--host", server.host, "--by", "alice", env=env).code == 0
    assert run(tmp_path, "chk_port", *line, env=env).code == FAILED


def test_launchers_are_there_for_every_check() -> None:
    """Each of the commands can be executed and names no other check's code."""
    for name in ("port", "process", "http_digest", "mysql_ping"):
        text = (BIN / f"chk_{name}").read_text()
        assert os.access(BIN / f"chk_{name}", os.X_OK)
        assert f"main({name!r}, sys.argv[1:])" in text
