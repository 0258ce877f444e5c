"""Do the rules hold what they promise?"""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.commands import program
from tests.prometheus.files import DOCS, PROMETHEUS, RULES, TESTS, alerts, promtool, recorded
from tests.prometheus.promql import used


def _tests(kind: str) -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in TESTS]
    return [one for file in files for test in file["tests"] for one in test.get(kind, [])]


def test_promtool_accepts_every_rule() -> None:
    """As Prometheus would at its start."""
    promtool("check", "rules", *map(str, RULES))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_silent_as_their_tests_say(path: Any) -> None:
    """By Prometheus' own evaluation, with labels and texts to the letter; failover.yaml is a healthy failover."""
    promtool("test", "rules", str(path))


def test_every_alert_is_tested_firing_and_silent() -> None:
    """And nothing is tested that is not there."""
    firing = {one["alertname"] for one in _tests("alert_rule_test") if one["exp_alerts"]}
    silent = {one["alertname"] for one in _tests("alert_rule_test") if not one["exp_alerts"]}
    assert firing == silent == set(alerts())


def test_every_recorded_series_is_tested() -> None:
    """By its name in an expression."""
    assert {name for one in _tests("promql_expr_test") for name in used(one["expr"]).metrics} >= set(recorded())


def test_alerts_need_no_recording_rules() -> None:
    """Who leaves those out has alerts all the same."""
    for rule in alerts().values():
        assert not set(used(rule["expr"]).metrics) & set(recorded())


@pytest.mark.parametrize("name", alerts())
def test_every_alert_says_how_bad_it_is_and_where(name: str) -> None:
    """Severity, and texts that name the node, or the VIP where it is about a whole cluster."""
    rule = alerts()[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description"}
    both = " ".join(rule["annotations"].values())
    if name != "NoExporters":
        assert "$labels.instance" in both or ("$labels.ip_address" in both and "$labels.cluster" in both)
    assert "keepalived_vip_held" not in rule["expr"] or "$labels.ip_address" in both


def test_no_alert_is_faster_than_a_failover() -> None:
    """At least a minute, but for the one that looks back by itself."""
    assert {name for name, rule in alerts().items() if "for" not in rule} == {"VrrpFlapping"}
    assert all(re.fullmatch(r"[1-9][0-9]*[mh]", rule["for"]) for rule in alerts().values() if "for" in rule)


def test_the_documentation_has_every_alert_as_it_is() -> None:
    """A heading with the name, and a line with severity and duration."""
    found = re.findall(
        r"^### (\w+)\n\n(\w+), (?:after ([0-9]+[mh])|at once)\. ", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name: (severity, wait) for name, severity, wait in found} == {
        name: (rule["labels"]["severity"], rule.get("for", "")) for name, rule in alerts().items()
    }


def test_the_examples_are_valid() -> None:
    """By promtool and amtool; what inhibits and what is inhibited are alerts that there are."""
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    path = PROMETHEUS / "alertmanager.yml"
    subprocess.run([program("amtool"), "check-config", str(path)], check=True, capture_output=True, timeout=60)
    named = re.findall(r'alertname =~? "([^"]*)"', path.read_text(encoding="utf-8"))
    assert {name for names in named for name in names.split("|")} <= set(alerts())
