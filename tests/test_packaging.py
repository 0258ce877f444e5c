"""Does the wheel hold the whole product, and nothing else?"""

from __future__ import annotations

import configparser
from pathlib import Path

from setuptools import find_packages  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *("agent", "checks", "cli", "convert", "doctor", "exporter", "keepalived_scripts", "nagios_plugins"),
    *("rehearse", "vipwarden"),
)


def test_every_package_is_in_the_wheel() -> None:
    """A folder that is forgotten would be missing from the wheel and nowhere else; tests are no product."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    include = setup["options.packages.find"]["include"].split()
    wanted = {
        ".".join(path.parent.relative_to(ROOT).parts) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    }
    assert set(find_packages(str(ROOT), include=include)) == wanted


def test_packaging_is_no_package() -> None:
    """With an __init__.py it would hide the library of that name that pip and pytest import."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
