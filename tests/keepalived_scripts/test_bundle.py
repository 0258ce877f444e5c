"""Does a chk_ command load its modules from their bundle, and from nothing that is not what the sources are?"""

from __future__ import annotations

import importlib
import marshal
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, Ran, run
from tests.servers import misbehaving as servers
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the code, ``code``, and a copy of this that no test changes."""
    folder = tmp_path_factory.mktemp("bundle")
    top = folder / "code"
    for name in ("checks", "keepalived_scripts", "vipwarden"):
        shutil.copytree(CODE / name, top / name, ignore=shutil.ignore_patterns("__pycache__"))
    (top / "bin").mkdir()
    write = (sys.executable, CODE / "packaging/launchers.py", "--python", sys.executable, "--code", top, top / "bin")
    subprocess.run(write, check=True, capture_output=True)
    bundle = (sys.executable, "-ISBX", "no_debug_ranges", top / "keepalived_scripts/bundle.py")
    subprocess.run(bundle, check=True)
    shutil.copytree(top, folder / "built")
    return folder


@pytest.fixture(name="top")
def _top(folder: Path) -> Path:
    """Return a copy of the code with launchers and bundles, and without other bytecode: a bundle knows its place."""
    for name in ("code", "run"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return Path(shutil.copytree(folder / "built", folder / "code"))


@pytest.fixture(name="server")
def _server() -> Iterator[servers.Server]:
    with servers.listening() as server:
        yield server


def ask(top: Path, server: servers.Server, *more: str) -> Ran:
    """Run chk_port of the copy."""
    return run(top.parent, top / "bin/chk_port", "-H", server.host, "-p", str(server.port), *more)


def compiled(top: Path) -> set[str]:
    """Return the names of the modules that were imported one by one, and so compiled."""
    return {path.name.partition(".")[0] for path in top.rglob("*/__pycache__/*.pyc")}


def bundle(top: Path) -> Path:
    """Return the bundle of chk_port."""
    (path,) = (top / "__pycache__").glob("chk_port.*")
    return path


def test_there_is_one_for_each_check(top: Path) -> None:
    """By the name of the command; and for the two that restart a service."""
    found = {path.stem for path in (top / "__pycache__").iterdir()}
    checks = {f"chk_{path.stem}" for path in (CODE / "checks").glob("[!_]*.py")}
    assert found == {*checks, "chk_service", "chk_haproxy"}


@pytest.mark.parametrize("check", names())
def test_what_an_ordinary_run_loads_is_in_it(top: Path, check: str) -> None:
    """Also what the run imports only when it needs it: LATER of the check."""
    (path,) = (top / "__pycache__").glob(f"chk_{check}.*")
    _, entries = marshal.loads(path.read_bytes())
    own = importlib.import_module(f"tests.checks.test_{check}").LOADS.split()
    assert {name for name in own if name.startswith("vipwarden")} <= {entry[0] for entry in entries}


def test_a_service_is_asked_by_its_bundle(top: Path) -> None:
    """Its memory and its check come with it; what writes the memory down does not."""
    running = Path("/proc/self/comm").read_text().strip()
    for _ in range(2):
        assert run(top.parent, top / "bin/chk_service", "--command", running).code == 0
    assert compiled(top) <= {"standing", "syslog", "tell", "restart"}


def test_no_module_of_a_bundle_is_imported(top: Path, server: servers.Server) -> None:
    """What an ordinary run does not need comes as it always does: the name of the first verdict is a change."""
    first = ask(top, server)
    assert (first.code, first.err) == (0, "")
    assert compiled(top) == {"standing", "syslog", "tell"}
    assert ask(top, server, "--help").out.startswith("usage: chk_port")


@pytest.mark.parametrize(
    "module", ["checks/port", "vipwarden/net/stream", "vipwarden/__init__", "keepalived_scripts/chk"]
)
def test_an_edit_counts_at_once(top: Path, server: servers.Server, module: str) -> None:
    """In any of the modules, though it left the size as it was."""
    for name, old, new in (("checks/port", "is open", "is OPEN"), (module, '"""', "'''")):
        path = top / f"{name}.py"
        path.write_text(path.read_text().replace(old, new))
    assert ask(top, server).out.startswith(f"{server.host}:{server.port} is OPEN")
    assert compiled(top) > {"port", "chk", "stream"}


def test_a_source_that_is_gone_is_a_failure(top: Path, server: servers.Server) -> None:
    """As it is without a bundle."""
    (top / "checks/port.py").unlink()
    assert ask(top, server).code == 1


def test_a_copy_of_the_folder_is_another_one(top: Path, server: servers.Server) -> None:
    """Its own sources count, not those that the bundle was made of."""
    other = top.with_name("other")
    shutil.copytree(top, other)  # with the times of all files
    launcher = other / "bin/chk_port"
    launcher.write_text(launcher.read_text().replace(str(top), str(other)))
    shutil.rmtree(top)
    assert ask(other, server).code == 0
    assert compiled(other) == {"standing", "syslog", "tell"}


def test_half_a_bundle_is_none(top: Path, server: servers.Server) -> None:
    """Nor is one that is empty, a folder, or nothing of the kind."""
    path = bundle(top)
    whole = path.read_bytes()
    for data in (b"", b"x" * 100, *(whole[: len(whole) * part // 7] for part in range(1, 7)), whole[:-1]):
        path.write_bytes(data)
        assert ask(top, server).code == 0
    path.unlink()
    path.mkdir()
    assert ask(top, server).code == 0
