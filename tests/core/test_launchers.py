"""Do the commands start as they are written, with nothing in between?"""

from __future__ import annotations

import configparser
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vipwarden import VERSION
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(__file__).parents[2]
LIBRARIES = sysconfig.get_path("purelib")


def write(target: Path, *more: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Write the commands into a folder."""
    script = CODE / "packaging" / "launchers.py"
    command: list[str | Path] = [sys.executable, script, "--python", python, "--code", ".", *more, target]
    return subprocess.run(command, capture_output=True, check=False, text=True, cwd=CODE)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all commands."""
    target = tmp_path_factory.mktemp("bin")
    for _ in range(2):  # the second time over the first
        done = write(target, "--libraries", LIBRARIES)
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(list(target.iterdir()))} commands in {target}\n"
    return target


@pytest.fixture
def listening() -> Iterator[str]:
    """Return a port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def run(
    command: Path, *arguments: str, folder: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with its verdicts there and next to no environment."""
    given = {"VIPWARDEN_RUNTIME_DIR": str(folder / "run"), **(env or {})}
    return subprocess.run(
        [command, *arguments], capture_output=True, check=False, text=True, cwd=folder, env=given, timeout=60
    )


def test_there_are_two_commands_for_each_check_and_one_for_people(commands: Path) -> None:
    """All may be run by everybody, and no file is left beside them."""
    wanted = {f"{front_end}_{check}" for front_end in ("check", "chk") for check in names()} | {"vipwarden"}
    found = {path.name for path in commands.iterdir()}
    assert wanted <= found
    assert {name for name in found - wanted if name.startswith(("check_", "chk_"))} == {
        "chk_haproxy",
        "chk_service",
    }
    assert (commands / "chk_verdict").read_text().startswith("#!/bin/sh\n")  # which needs no interpreter of ours
    assert {path.stat().st_mode & 0o7777 for path in commands.iterdir()} == {0o755}


def test_a_plain_wheel_has_the_same_commands(commands: Path) -> None:
    """Each stands for a function of its name; two have names too common for a PATH."""
    setup = configparser.ConfigParser()
    setup.read(CODE / "setup.cfg")
    scripts = dict(line.split(" = ") for line in setup["options.entry_points"]["console_scripts"].split("\n") if line)
    shell = {Path(line).name for line in setup["options"]["scripts"].split("\n") if line}
    assert {path.name for path in commands.iterdir()} == set(scripts) | shell | {"notify", "realserver"}
    for place in scripts.values():
        module, _, function = place.partition(":")
        found = getattr(__import__(module, fromlist=[function]), function)
        assert callable(found)


def test_what_keepalived_runs_sees_no_library(commands: Path) -> None:
    """Its interpreter is isolated, and its path is the code and the standard library."""
    for path in commands.iterdir():
        first, *rest = path.read_text().splitlines()
        if path.name == "chk_verdict":
            assert first == "#!/bin/sh"
            continue
        assert first == f"#!{sys.executable} -IS"
        if path.name.startswith(("chk_", "check_", "vipwarden")):
            assert (LIBRARIES in "\n".join(rest)) is not path.name.startswith("chk_")
        assert f"sys.path[:0] = [{str(CODE)!r}" in "\n".join(rest)


def test_the_commands_answer(commands: Path, tmp_path: Path, listening: str) -> None:
    """Each in the words of who calls it, for a port that is open and one that is not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = str(server.getsockname()[1])
    for port, chk, check in ((listening, 0, 0), (closed, 1, 2)):
        line = ("-H", "127.0.0.1", "-p", port)
        assert run(commands / "chk_port", *line, folder=tmp_path).returncode == chk
        plugin = run(commands / "check_port", *line, folder=tmp_path)
        assert (plugin.returncode, plugin.stdout[:8]) == (check, ("PORT OK ", "", "PORT CRI")[check])
        assert run(commands / "vipwarden", "check", "port", *line, folder=tmp_path).returncode == check
    assert len(list((tmp_path / "run" / "verdict").iterdir())) >= 4
    assert run(commands / "vipwarden", "--version", folder=tmp_path).stdout == f"vipwarden {VERSION}\n"


@pytest.mark.parametrize("command", ["chk_port", "check_port", "vipwarden"])
def test_neither_environment_nor_folder_can_put_other_code_in(
    commands: Path, tmp_path: Path, listening: str, command: str
) -> None:
    """For keepalived hands its own environment on, and may run a command in any folder."""
    for name in (
        "posix.py",
        "select.py",
        "json.py",
        "checks.py",
        "keepalived_scripts.py",
        "nagios_plugins.py",
        "vipwarden.py",
    ):
        (tmp_path / name).write_text("raise SystemExit(77)")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(78)")
    before = ("check", "port") if command == "vipwarden" else ()
    env = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nowhere", "PYTHONINSPECT": "1", "PYTHONWARNINGS": "error"}
    done = run(commands / command, *before, "-H", "127.0.0.1", "-p", listening, folder=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")


def test_more_flags_may_be_given(tmp_path: Path) -> None:
    """B, for one, writes no bytecode: the code may lie where nobody can write."""
    assert write(tmp_path, "--flags", "B").returncode == 0
    assert (tmp_path / "chk_port").read_text().startswith(f"#!{sys.executable} -ISB\n")


@pytest.mark.parametrize(
    "python", ["/opt/my python/bin/python3", "/" + "x" * 200, "/a;b", "python3", "bin/python3", "", "/a\n"]
)
def test_an_interpreter_that_no_kernel_could_start_is_refused(tmp_path: Path, python: str) -> None:
    """A command that cannot be started counts as healthy with keepalived."""
    done = write(tmp_path, python=python)
    assert done.returncode == 1
    assert "cannot stand in a #! line" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_packed_goes_by_a_link_to_its_code(tmp_path: Path) -> None:
    """Read once in a run: who began in one version ends in it. And each kind of command goes to its own folder."""
    for name in ("bin", "plugins", "scripts"):
        (tmp_path / name).mkdir()
    places = ("--plugins", str(tmp_path / "plugins"), "--scripts", str(tmp_path / "scripts"))
    assert write(tmp_path / "bin", *places, "--current", str(tmp_path / "current")).returncode == 0
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["vipwarden"]
    assert all(path.name.startswith("check_") for path in (tmp_path / "plugins").iterdir())
    assert {"chk_port", "chk_verdict", "notify", "realserver"} <= {
        path.name for path in (tmp_path / "scripts").iterdir()
    }
    assert "[code, code + '/vendor']" in (tmp_path / "plugins" / "check_port").read_text()
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(CODE)
        (tmp_path / "new").symlink_to(tmp_path / name)
        (tmp_path / "new").replace(tmp_path / "current")
        program = (tmp_path / "scripts" / "chk_port").read_text().replace("\nmain(", "\nprint(*sys.path[:2]); (")
        done = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, check=True, text=True)
        assert done.stdout.split()[0] == str(tmp_path / name)
        assert "vendor" not in done.stdout


def test_a_folder_with_any_name_can_hold_the_code(tmp_path: Path, listening: str) -> None:
    """Quotes, spaces and all."""
    odd = tmp_path / 'it\'s a "folder" \\n é'
    odd.mkdir()
    (odd / "code").symlink_to(CODE)
    for name in ("checks", "keepalived_scripts", "vipwarden"):
        (odd / name).symlink_to(CODE / name)
    (odd / "bin").mkdir()
    assert write(odd / "bin", "--code", str(odd)).returncode == 0
    done = run(odd / "bin" / "chk_port", "-H", "127.0.0.1", "-p", listening, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
