"""Are the tables of options and metrics as the code has them, and the metrics those that come out of a real scrape?"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.commands import CODE
from tests.docs.node import node
from tests.docs.pages import ALL, prose
from tests.prometheus.files import alerts

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (CODE / "docs" / "metrics.md").read_text("utf-8")
_OTHERS = {"keepalived_connect_any", "keepalived_unconfined_script_exec_t", "keepalived_exporter_check_script_status"}
_SEVERAL = {"haproxy_instance"}  # only where there is more than one


def rows() -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of each metric of the page."""
    found = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| [^|]+ \|$", PAGE, re.MULTILINE)
    return {name: (kind, set(filter(None, labels.replace(" ", "").split(",")))) for name, kind, labels in found}


def test_nothing_that_is_generated_is_stale() -> None:
    """Else: make generate."""
    line = [sys.executable, "-B", str(CODE / "packaging" / "generate.py"), "--check"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_has_a_type_and_a_meaning_and_stands_there_once() -> None:
    """And no line of the page is anything else."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(lines) == len(rows())
    assert {kind for kind, _ in rows().values()} == {"counter", "gauge", "untyped"}
    assert all(one.endswith("_total") for one, (kind, _) in rows().items() if kind == "counter")


def test_every_name_in_the_code_of_the_exporter_is_on_the_page() -> None:
    """Wherever a whole name stands before a type, in a call or a table."""
    made = set()
    for path in (CODE / "exporter").rglob("*.py"):
        for part in ast.walk(ast.parse(path.read_text("utf-8"))):
            items = part.args if isinstance(part, ast.Call) else part.elts if isinstance(part, ast.Tuple) else []
            words = [item.value if isinstance(item, ast.Constant) else "" for item in items[:2]]
            if words[1:] and words[1] in ("counter", "gauge", "untyped") and "_" in str(words[0]):
                made.add(words[0])
    assert len(made) > 10
    assert made - set(rows()) == set()


def test_what_a_node_exports_is_on_the_page(tmp_path: Path) -> None:
    """With keepalived, two checks and HAProxy, all of them real: name, type and labels."""
    with node(tmp_path) as example, example.running("vipwarden", "exporter"):
        example.run("chk_port -H 192.0.2.11 -p 80; chk_port -H 192.0.2.12 -p 81")
        with example.running("keepalived", "-n", "-l"):
            example.must_come("curl -sf http://127.0.0.1:9877/metrics | grep -q keepalived_vrrp_state")
            said = example.run("curl -sf http://127.0.0.1:9877/metrics").out
    page, seen = rows(), 0
    for family in text_string_to_metric_families(said):
        for sample in family.samples:
            kind, labels = page[sample.name]
            assert kind.replace("untyped", "unknown") == family.type, sample.name
            assert set(sample.labels) - _SEVERAL == labels, sample.name
        seen += 1
    assert seen > 150


def test_metrics_and_alerts_that_the_pages_name_are_there() -> None:
    """Between backticks a metric, or an alert by its name."""
    text = "\n".join(prose(page) for page in ALL if page.name not in ("metrics.md", "CHANGELOG.md"))
    metrics = set(re.findall(r"`((?:keepalived|ipvs|vipwarden_check|haproxy_process)_[a-z0-9_]+_[a-z0-9]+)`", text))
    assert metrics
    assert metrics - set(rows()) - _OTHERS == set()
    named = set(re.findall(r"\b(?:Vip|Vrrp|Ipvs|Haproxy|Exporter|Collector)[A-Z][A-Za-z]+\b", text))
    assert named - set(alerts()) == set()
