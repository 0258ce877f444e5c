"""Does each rule of the doctor speak where it should, and only there?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doctor.finding import SEVERITIES
from doctor.rules import RULES
from tests.doctor.all_cases import FIRES, SILENT
from tests.doctor.rule_cases import GOOD

if TYPE_CHECKING:
    from pathlib import Path

    from doctor.finding import Finding

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a node whose files belong to root")


def named(findings: list[Finding], rule: str) -> list[Finding]:
    """Return the findings of one rule."""
    return [finding for finding in findings if finding.rule == rule]


def test_every_rule_has_a_case_where_it_speaks_and_one_where_it_is_silent() -> None:
    """A rule without them proves nothing."""
    assert set(FIRES) == set(SILENT) == set(RULES)


@pytest.mark.parametrize("rule", FIRES)
def test_a_rule_speaks_with_file_consequence_and_fix(tmp_path: Path, rule: str) -> None:
    """What it says is one plain line each, about a file of the node."""
    found = named(FIRES[rule].examine(tmp_path), rule)
    assert found, rule
    worst = min(SEVERITIES.index(finding.severity) for finding in found)
    assert worst >= SEVERITIES.index(RULES[rule].severity)
    for finding in found:
        assert finding.path.startswith("/")
        assert str(tmp_path) not in str(finding)
        assert all(text.isprintable() and text for text in (finding.what, finding.consequence, finding.fix))
        if finding.path == "/etc/keepalived/keepalived.conf":
            assert finding.line > 0


@pytest.mark.parametrize("rule", SILENT)
def test_a_rule_is_silent_where_it_has_nothing_to_say(tmp_path: Path, rule: str) -> None:
    """As close to the case where it speaks as can be."""
    assert not named(SILENT[rule].examine(tmp_path), rule)


def test_a_sound_node_is_clean(tmp_path: Path) -> None:
    """Nothing at all is said about it."""
    assert GOOD.examine(tmp_path) == []


def test_no_finding_shows_a_secret(tmp_path: Path) -> None:
    """Neither the password of VRRP nor that of the statistics."""
    for rule, secret in (("auth-pass-long", "s3cret"), ("haproxy-stats-password", "admin:admin")):
        folder = tmp_path / rule
        folder.mkdir()
        assert secret not in str(FIRES[rule].examine(folder))
