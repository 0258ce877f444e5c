"""Has any of our plugins the name of somebody else's? All lie in one folder."""

from __future__ import annotations

from pathlib import Path

from tests.commands import lacking
from vipwarden.core.registry import names

_THEIRS = {
    name
    for line in Path(__file__).with_name("plugins.txt").read_text().splitlines()
    if not line.startswith("#")
    for name in line.split()
}
_FOLDER = Path("/usr/lib/nagios/plugins")


def test_no_plugin_has_the_name_of_another() -> None:
    """Of those of monitoring-plugins, nagios-plugins and their contributions."""
    assert len(_THEIRS) > 150
    assert not {f"check_{name}" for name in names()} & _THEIRS


def test_the_list_has_what_is_installed_here() -> None:
    """So that it does not fall behind the packages."""
    if not _FOLDER.exists():
        lacking("monitoring-plugins are not installed")
    installed = {path.name for path in _FOLDER.glob("check_*") if not path.is_symlink() or path.exists()}
    assert installed - {f"check_{name}" for name in names()} <= _THEIRS
