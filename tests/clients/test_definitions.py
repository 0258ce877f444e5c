"""Are the clients' files those of today's checks?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nagios_plugins.check import front_end
from tests.clients.node import definitions
from tests.commands import CODE
from vipwarden.core.options import options
from vipwarden.core.registry import load, names

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = (
    "docs/icinga.md",
    "docs/nagios.md",
    "packaging/icinga/vipwarden.conf",
    "packaging/nagios/vipwarden.cfg",
    "packaging/nrpe/vipwarden.cfg",
)
ASIDE = {"help", "version", "password"}  # the last is refused whatever it is


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write them anew."""
    return definitions(tmp_path_factory.mktemp("clients"))


@pytest.mark.parametrize("path", WRITTEN)
def test_what_is_in_the_tree_is_what_would_be_written(fresh: Path, path: str) -> None:
    """After a change of a check's options `make clients` is due."""
    assert (CODE / path).read_text() == (fresh / path).read_text(), "stale: make clients"


def test_nothing_else_is_written(fresh: Path) -> None:
    """So the list above is whole."""
    assert {str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()} == set(WRITTEN)


@pytest.mark.parametrize("check", names())
def test_every_option_is_a_variable_that_is_described_and_in_the_table(check: str) -> None:
    """Counted here from the signature, not by the generator."""
    itl = (CODE / "packaging" / "icinga" / "vipwarden.conf").read_text()
    start = itl.index(f'object CheckCommand "vipwarden_{check}"')
    block = itl[start : itl.index("\n}\n", start)]
    table = (CODE / "docs" / "icinga.md").read_text()
    found = {name: option for name, option in options(load(check), front_end).items() if name not in ASIDE}
    assert block.count("description = ") == len(found)
    for name, option in found.items():
        assert f'"{option.flag}" = {{' in block
        assert f"$vipwarden_{check}_{name}$" in block
        assert f"| `vipwarden_{check}_{name}` | `{option.flag}` | " in table


def test_nrpe_is_told_where_the_plugins_lie(tmp_path: Path) -> None:
    """They lie elsewhere on Debian."""
    text = (definitions(tmp_path, "--plugins", "/usr/lib/nagios/plugins") / "packaging/nrpe/vipwarden.cfg").read_text()
    assert text == (CODE / "packaging/nrpe/vipwarden.cfg").read_text().replace("/lib64/", "/lib/")
