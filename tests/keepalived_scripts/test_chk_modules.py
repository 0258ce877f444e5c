"""Which modules does a chk_ command load? An exact list for each check, so that a heavy import is seen at once.

A health check runs once a second for each service: what it imports is most of what it costs. LOADS of the check's own
test has what is its own on the ordinary path (healthy, numeric address, no change, no TLS), and ``healthy()`` there
yields the options of such a run. A check of TLS itself has ssl there, which stands for all that ssl loads.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, environment
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from pathlib import Path

# What every one of them loads beside a bare interpreter.
CORE = """
    __future__ _socket select
    checks keepalived_scripts keepalived_scripts.chk
    vipwarden vipwarden.core vipwarden.core.options vipwarden.core.result vipwarden.core.values
    vipwarden.net vipwarden.net.address vipwarden.net.blocking vipwarden.net.net vipwarden.net.oneshot
    vipwarden.net.stream
    vipwarden.state vipwarden.state.clock vipwarden.state.files vipwarden.state.paths vipwarden.state.publish
    vipwarden.state.verdict
"""
HEAVY = {
    "_collections_abc", "argparse", "asyncio", "collections", "contextlib", "dataclasses", "enum", "functools",
    "importlib", "json", "logging", "os", "pathlib", "re", "selectors", "signal", "site", "socket", "ssl", "stat",
    "subprocess", "tempfile", "threading", "typing", "urllib",
}  # fmt: skip
# The launcher's own steps, with the names of what was loaded in place of leaving.
RUN = """
import sys
bare = set(sys.modules)
sys.path[:0] = [{code!r}]
import posix
own = posix.getpid()
def leave(code):
    if posix.getpid() != own:  # a child that read a file
        leave_for_good(code)
    posix.write(1, " ".join(sorted(set(sys.modules) - bare)).encode())
    leave_for_good(code)
leave_for_good, posix._exit = posix._exit, leave
from keepalived_scripts.chk import main
main({check!r}, sys.argv[1:])
"""


def loaded(folder: Path, check: str, *arguments: str) -> set[str]:
    """Return the modules that a healthy run loads which has nothing to tell to syslog."""
    command = [sys.executable, "-IS", "-c", RUN.format(code=str(CODE), check=check), *arguments]
    for _ in range(2):  # the first verdict is a change
        done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("check", names())
def test_a_check_loads_these_modules_and_no_others(tmp_path: Path, check: str) -> None:
    """No list grows without being looked at; none may hold what costs milliseconds."""
    own = importlib.import_module(f"tests.checks.test_{check}")
    with own.healthy(tmp_path) as options:
        found = loaded(tmp_path, check, *options.split())
    wanted = {*CORE.split(), f"checks.{check}", *own.LOADS.split()}
    brought = loaded_by_ssl() if "ssl" in wanted else set()
    assert sorted(found - brought) == sorted(wanted - brought)
    assert not (found - brought) & HEAVY


def loaded_by_ssl() -> set[str]:
    """Return the modules that the ssl module brings, of this Python."""
    command = [sys.executable, "-IS", "-c", "import ssl, sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
