"""Will Grafana take the dashboard, and find what its panels ask for?"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from tests.prometheus.files import dashboard, promtool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_KINDS = {"row", "stat", "state-timeline", "table", "timeseries"}  # in every Grafana since 9
_OWN = {"__rate_interval": "1m"}


def expressions(chosen: str = "x") -> list[str]:
    """Return what panels and annotations ask, with what is chosen in the place of variables."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    found += [one["expr"] for one in dashboard()["annotations"]["list"] if "expr" in one]
    return [re.sub(r"\$(\w+)", lambda name: _OWN.get(name[1], chosen), one) for one in found]


def _sources(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if "datasource" in node:
            yield node["datasource"]
        for one in node.values():
            yield from _sources(one)
    elif isinstance(node, list):
        for one in node:
            yield from _sources(one)


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    """Within the 24 columns of Grafana."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} == _KINDS
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
    assert {y for _, y in taken} == set(range(max(y for _, y in taken) + 1))


def test_every_expression_is_promql(tmp_path: Path) -> None:
    """By Prometheus' own parser."""
    rules = [{"record": "x", "expr": one, "labels": {"number": str(index)}} for index, one in enumerate(expressions())]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", str(path))


def test_any_prometheus_can_be_chosen() -> None:
    """No source is named but by the variable, nor any dashboard, folder or version of a site."""
    assert all(one == _SOURCE or one["uid"] == "-- Grafana --" for one in _sources(dashboard()))
    for panel in dashboard()["panels"]:
        assert panel["type"] == "row" or panel["datasource"] == _SOURCE
        assert all(target["datasource"] == _SOURCE for target in panel.get("targets", []))
    assert dashboard()["id"] is None
    assert dashboard()["uid"] is None


def test_variables_are_used_and_none_is_missing() -> None:
    """Each depends on those before it."""
    variables = dashboard()["templating"]["list"]
    names = [one["name"] for one in variables]
    assert names == ["datasource", "job", "cluster", "node", "proxy"]
    text = json.dumps({**dashboard(), "templating": ""})
    assert set(re.findall(r"\$\{?(\w+)", text)) - set(_OWN) == set(names)
    for before, one in pairwise(variables[1:]):
        assert f"${before['name']}" in one["definition"]
        assert one["definition"] == one["query"]["query"]


def test_panels_say_what_they_show_and_targets_differ() -> None:
    """Titles within their row, and letters within their panel."""
    for panel in dashboard()["panels"]:
        references = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(references)) == len(references)
        assert panel["title"]
        assert panel["type"] == "row" or references
    assert 36 <= dashboard()["schemaVersion"] <= 41
