"""Does setup.cfg name all that there is? It is written by hand."""

from __future__ import annotations

import configparser
from pathlib import Path

from vipwarden.core.registry import names

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "checks", "cli", "doctor", "exporter", "keepalived_scripts", "nagios_plugins", "vipwarden")


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def test_every_check_has_its_two_commands_in_a_plain_wheel() -> None:
    """The launchers find the checks by themselves, a wheel's entry points do not."""
    lines = _setup()["options.entry_points"]["console_scripts"].split("\n")
    commands = {line.partition(" = ")[0] for line in lines if line}
    scripts = {"chk_haproxy", "chk_service"}
    assert commands == {"vipwarden"} | scripts | {
        *(f"{front_end}_{name}" for name in names() for front_end in ("check", "chk"))
    }


def test_every_package_is_listed() -> None:
    """A folder that is forgotten would be missing from the wheel and nowhere else."""
    listed = set(_setup()["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert listed == found


def test_packaging_is_no_package() -> None:
    """With an __init__.py it would hide the library of that name that pip and pytest import."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
