"""What the clients look at: the plugins as a package installs them, and a web server that comes and goes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import nagiosplugin
import pytest

from tests.commands import CODE, open_to_others
from tests.servers.nginx import nginx
from tests.servers.program import sleeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# an address for this run alone, so that nobody else comes to listen there while the server is away
ADDRESS = f"127.78.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
PORT = 8080
PROGRAM = f"vw-clients-{os.getpid()}"  # runs as long as the web server does
PAGE = "It costs 5$ per hit; cheap!\n"
CONSTANT = 3600  # seconds between two checks of what never changes


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that every user may look into; not in /tmp, which a namespace may cover."""
    with tempfile.TemporaryDirectory(prefix="vw-clients-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def plugins(folder: Path) -> Path:
    """Install the plugins into a folder, readable by all, and return where they lie."""
    code, libraries, where = (folder / name for name in ("code", "libraries", "plugins"))
    where.mkdir()
    for package in ("checks", "nagios_plugins", "keepalived_scripts", "vipwarden"):
        shutil.copytree(CODE / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    source = Path(nagiosplugin.__file__).parent
    shutil.copytree(source, libraries / "nagiosplugin", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    interpreter = open_to_others()
    subprocess.run([interpreter, "-m", "compileall", "-q", code, libraries], check=True)
    command = [sys.executable, str(CODE / "packaging" / "launchers.py"), "--python", interpreter, "--flags", "B"]
    command += ["--code", str(code), "--libraries", str(libraries), str(where)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return where


@contextmanager
def web(folder: Path, servers: str = "") -> Iterator[None]:
    """Run a real nginx on ADDRESS and PORT, and PROGRAM beside it."""
    (folder / "index.html").write_text(PAGE)
    block = f"server {{ listen 127.0.0.1:PORT0; listen {ADDRESS}:{PORT}; }} {servers}"
    with ExitStack() as stack:
        stack.enter_context(nginx(folder, block))
        stack.enter_context(sleeper(folder, PROGRAM))
        yield


def until(what: Callable[[], object], *, seconds: float = 60, tell: Callable[[], object] = str) -> None:
    """Wait for something; fails with what there is to tell where it does not come."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            pytest.fail(f"it did not come: {tell()}")
        time.sleep(0.05)
