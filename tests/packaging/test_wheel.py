"""Does the wheel serve those who have no package of ours? By pipx, whose folder is empty before."""

from __future__ import annotations

import configparser
import subprocess
from typing import TYPE_CHECKING

from tests.commands import CODE, program
from tests.packaging.building import packages, run, wheels
from vipwarden import VERSION

if TYPE_CHECKING:
    from pathlib import Path


def test_pipx_installs_the_wheel_and_every_command_starts(tmp_path: Path) -> None:
    """All that setup.cfg names, and the one that is a shell script."""
    wheel = next(packages("rpm").glob("*.whl"))
    pip = f"--constraint={CODE}/constraints.txt --find-links={wheels()} --disable-pip-version-check"
    install = (program("pipx"), "install", f"--pip-args={pip}", wheel)
    run(*install, PIPX_HOME=str(tmp_path / "home"), PIPX_BIN_DIR=str(tmp_path / "bin"))
    setup = configparser.ConfigParser()
    setup.read(CODE / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    commands = {line.partition(" = ")[0] for line in lines if line} | {"chk_verdict"}
    assert {path.name for path in (tmp_path / "bin").iterdir()} == commands
    for command in commands - {"chk_verdict"}:
        done = subprocess.run([tmp_path / "bin" / command, "--help"], capture_output=True, check=False, text=True)
        assert done.stdout.startswith("usage: "), command
    assert run(tmp_path / "bin" / "vipwarden", "--version") == f"vipwarden {VERSION}\n"
    assert subprocess.run([tmp_path / "bin" / "chk_verdict"], check=False, capture_output=True).returncode == 1
