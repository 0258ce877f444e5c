"""Is the list of programs whole, and does `make test` leave alone whoever wants to be left alone?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import programs
from tests.commands import open_to_others

FOLDER = Path(programs.__file__).parent
GROUPS = {"base", "setup", "test", "lab", "packages", "bare", "qemu", "releases", "roots"}


def test_a_package_is_listed_once_and_wanted_by_somebody() -> None:
    """And by nobody who does not exist."""
    packages = [package for package, _, _ in programs.listed()]
    assert len(packages) == len(set(packages))
    assert {by for _, wanted, _ in programs.listed() for by in wanted} == GROUPS
    assert all(names for _, _, names in programs.listed())


def test_every_program_that_a_test_asks_for_is_listed() -> None:
    """Where it is asked for by its name."""
    named = re.compile(r'\bprogram\(["\']([^"\']+)["\']\)')
    asked = {name for path in FOLDER.rglob("*.py") for name in named.findall(path.read_text(encoding="utf-8"))}
    assert {"ip", "haproxy"} <= asked
    for name in asked:
        assert programs.package_of(name)


@pytest.mark.parametrize(
    ("user", "install", "said"),
    [(None, "no", "(INSTALL=no)"), (65534, "", "(as root on Debian or Ubuntu they are installed)")],
)
def test_what_is_missing_is_told_in_one_line(user: int | None, install: str, said: str) -> None:
    """And nothing is installed; what is there is not spoken of."""
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root may become another user")
    interpreter = open_to_others() if user else sys.executable
    environment = {**os.environ, "INSTALL": install}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        script = shutil.copy(programs.__file__, folder)
        Path(folder, "programs.txt").write_text("none test no-such-program\nshells test sh\nother lab neither-this\n")
        command = [interpreter, script, "test"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, user=user, check=True)
    assert done.stdout == f"not installed: none: tests that need them are skipped {said}\n"
