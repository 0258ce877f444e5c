"""Which modules does a chk_ command load? An exact list for each check, so that a heavy import is seen at once.

A health check runs once a second for each service: what it imports is most of what it costs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import CODE, environment
from tests.servers import misbehaving as servers

# What every one of them loads beside a bare interpreter.
CORE = """
    __future__ _socket select
    checks checks.core checks.core.blocking checks.core.net checks.core.oneshot checks.core.options
    checks.core.registry checks.core.result checks.core.stream checks.core.values checks.core.verdict
    keepalived_scripts keepalived_scripts.chk
"""
# Check: its options, and what it loads beside CORE on its ordinary path (healthy, numeric address, no change).
CHECKS = {
    "port": ("-H {host} -p {port}", "checks.port checks.core.range"),
    "process": ("-C {program}", "checks.process checks.core.range checks.node checks.node.procfs checks.node.wanted"),
}
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
def leave(code):
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


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_loads_these_modules_and_no_others(tmp_path: Path, check: str) -> None:
    """No list grows without being looked at; none may hold what costs milliseconds."""
    arguments, own = CHECKS[check]
    program = Path("/proc/self/comm").read_text().strip()
    with servers.listening() as server:
        words = arguments.format(host=server.host, port=server.port, program=program).split()
        found = loaded(tmp_path, check, *words)
    assert sorted(found) == sorted({*CORE.split(), *own.split()})
    assert not found & HEAVY
