"""What is packaged for Prometheus and Grafana?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.commands import program

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "packaging" / "prometheus"
RULES = sorted(PROMETHEUS.glob("rules/*.yaml"))
TESTS = sorted(PROMETHEUS.glob("tests/*.yaml"))
DASHBOARD = ROOT / "packaging" / "grafana" / "vipwarden.json"
DOCS = ROOT / "docs" / "alerts.md"


def rules() -> list[dict[str, Any]]:
    """Return every rule."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return every alert by its name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> dict[str, str]:
    """Return the expression of every recorded series by its name."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def promtool(*words: str) -> str:
    """Run promtool, which must have nothing to say against it."""
    done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
