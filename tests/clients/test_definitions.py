"""Has every option of a check its variable for Icinga? make check finds files that are stale."""

from __future__ import annotations

import pytest

from nagios_plugins.check import front_end
from tests.commands import CODE
from vipwarden.core.options import options
from vipwarden.core.registry import load, names

ASIDE = {"help", "version", "password"}  # the last is refused whatever it is


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
