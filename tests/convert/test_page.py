"""Is the example of docs/convert.md as it is printed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.convert import main
from tests.commands import CODE
from tests.docs.pages import blocks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_example_is_converted_as_it_is_printed(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """The diff, and what is left alone."""
    before, after = blocks("text", pages=[CODE / "docs" / "convert.md"])
    conf, checks = tmp_path / "keepalived.conf", tmp_path / "vipwarden.yaml"
    conf.write_text(before.text, encoding="utf-8")
    assert main([str(conf), "--config", str(checks), "--keepalived-version", "2.2.8"]) == 0
    said = b"".join(capsysbinary.readouterr()).decode()
    said = said.replace(str(conf), "/etc/keepalived/keepalived.conf").replace(
        str(checks), "/etc/vipwarden/vipwarden.yaml"
    )
    assert said == after.text
