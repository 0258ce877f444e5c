"""Does docs/doctor.md tell of every rule and option what is true?"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from cli.doctor import main as doctor
from cli.snippet import main as snippet
from doctor.rules import RULES
from tests.commands import CODE

if TYPE_CHECKING:
    import pytest

PAGE = (CODE / "docs/doctor.md").read_text("utf-8")


def test_the_page_has_each_rule_with_what_it_finds() -> None:
    """In the order of the rules, each with a reason and what helps."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| `")]
    rules = {row[0].strip("`"): row[1:] for row in rows if len(row) == 5}
    assert list(rules) == list(RULES)
    for name, (severity, about, why, helps) in rules.items():
        assert (severity, about) == (RULES[name].severity, RULES[name].about)
        assert why, name
        assert helps, name


def test_the_page_has_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    """As --help lists them."""
    doctor(["--help"])
    asked = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    snippet(["port", "--help"])
    snippet_has = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    page = set(re.findall(r"--[a-z-]+", PAGE))
    assert asked <= page
    assert {
        "--as",
        "--name",
        "--weight",
        "--interval",
        "--fall",
        "--rise",
        "--folder",
        "--misc-dynamic",
    } <= snippet_has & page


def test_the_examples_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Each snippet that it asks for is printed."""
    examples = [line.split("snippet ")[1] for line in PAGE.splitlines() if line.startswith("    vipwarden snippet")]
    assert len(examples) == 5
    for example in examples:
        assert snippet(shlex.split(example)) == 0, capsys.readouterr().err
        assert "/usr/libexec/keepalived" in capsys.readouterr().out or "track_file" in example
