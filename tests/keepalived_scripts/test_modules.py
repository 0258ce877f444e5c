"""Does chk_service stay as light as the checks that it asks, and is each script a part of the command as well?"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, run
from tests.keepalived_scripts.service import Asked
from tests.keepalived_scripts.test_chk_modules import HEAVY, RUN
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from pathlib import Path

OWN = {"main", "memory", "options", "parts", "rules"}


def test_a_healthy_run_loads_the_checks_and_its_own_five_files(tmp_path: Path) -> None:
    """And nothing that costs milliseconds."""
    code = RUN.replace("keepalived_scripts.chk", "keepalived_scripts.service.main").format(
        code=str(CODE), check="service"
    )
    with servers.listening() as server:
        for _ in range(2):  # the first verdict is a change
            command = [sys.executable, "-IS", "-c", code, "--check", f"port -H {server.host} -p {server.port}"]
            done = subprocess.run(command, env=Asked(tmp_path).env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & HEAVY
    own = {name for name in modules if name.startswith("keepalived_scripts.")}
    assert own == {"keepalived_scripts.chk", "keepalived_scripts.service"} | {
        f"keepalived_scripts.service.{name}" for name in OWN
    }


@pytest.mark.parametrize(("part", "code"), [("chk_service", 1), ("chk_haproxy", 1), ("notify", 0), ("realserver", 0)])
def test_each_script_is_a_part_of_the_command(tmp_path: Path, part: str, code: int) -> None:
    """With the same help; that of a check is no success."""
    own, joined = run(tmp_path, part, "--help"), run(tmp_path, "vipwarden", part, "--help")
    assert (joined.code, joined.out, joined.err) == (code, own.out, own.err)
    assert part in run(tmp_path, "vipwarden", "--help").out
