"""Are the tables of docs/rehearse.md and of the README those that the command prints?

After a change on purpose: VIPWARDEN_WRITE_GOLDEN=1 writes them anew, to be read before they are kept.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from cli.rehearse import main
from tests.commands import CODE

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [CODE / name for name in ("README.md", "README.zh-CN.md", "docs/rehearse.md", "docs/zh-CN/rehearse.md")]
_BLOCK = re.compile(r"^```text\n(\$ vipwarden rehearse (.*)\n)(?:.*\n)*?```$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CODE)))
def test_the_tables_are_those_of_the_command(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the pairs of docs/rehearse, and keepalived 2.2.7."""
    monkeypatch.chdir(CODE / "docs" / "rehearse")
    text = page.read_text("utf-8")

    def printed(found: re.Match[str]) -> str:
        main([*shlex.split(found[2]), "--keepalived-version", "2.2.7"])
        out, err = capsys.readouterr()
        assert err == ""
        table = "".join(f"{line}\n" for line in out.splitlines() if not line.startswith("Seconds:")).rstrip("\n")
        return f"```text\n{found[1]}{table}\n```"

    fresh, count = _BLOCK.subn(printed, text)
    assert count
    if os.environ.get("VIPWARDEN_WRITE_GOLDEN"):
        page.write_text(fresh, encoding="utf-8")
    assert fresh == text
