"""Does every metric, label and value that rules and panels ask for come out of the exporter?"""

from __future__ import annotations

from collections import defaultdict

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import render
from exporter.sources.ipvs import source as ipvs
from tests.commands import program
from tests.prometheus import node
from tests.prometheus.files import alerts, recorded
from tests.prometheus.namespace import namespace, until
from tests.prometheus.promql import used
from tests.prometheus.test_dashboard import expressions
from tests.servers.haproxy import haproxy
from tests.servers.ports import free_ports
from vipwarden.core.result import CRITICAL, Metric, Result
from vipwarden.node.ipvs.read import COUNTERS, Service, Table, Totals
from vipwarden.node.ipvs.table import Columns
from vipwarden.state import files
from vipwarden.state.handover import path
from vipwarden.state.paths import handover
from vipwarden.state.publish import publish

# label by label, the values that it has
Series = dict[str, dict[str, set[str]]]
_TARGET = {"job", "instance", "cluster"}
_PROMETHEUS: dict[str, set[str]] = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}
_HAPROXY = """
frontend www
  bind 127.0.0.1:{}
  maxconn 50
  default_backend web
backend web
  server a 127.0.0.1:{} check maxconn 9
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Return what a node with keepalived, two HAProxies, IPVS, a check, a panic and a hand-over exports."""
    program("keepalived")
    folder = tmp_path_factory.mktemp("names")
    panic, run = Result(CRITICAL, "2 of 2 fail", [Metric("held", 2)]), f"{folder}/lb1/run"
    with (
        namespace(folder / "hub") as hub,
        namespace(folder / "lb1") as lb1,
        haproxy(_HAPROXY.format(*free_ports(2))) as socket,
    ):
        node.links(hub, [lb1])
        files.ready(handover(run))
        files.write(path("VI_1", run), b"-254")
        node.start(lb1, "lb1", 150, "127.0.0.1:9877", [f"edge=unix:{socket}", f"inner=unix:{socket}"])

        def scraped() -> str:
            publish(f"{run}/verdict", "all", "panic", panic, 0.0)
            text = lb1.ask("http://127.0.0.1:9877/metrics")
            whole = "keepalived_script_status" in text and 'check="panic"' in text and 'check="process"' in text
            return text if whole and "keepalived_vrrp_last_transition" in text else ""

        text = until("a whole scrape", scraped, logs=lb1.logs)
    return _series(text + _ipvs())


def _ipvs() -> str:
    """Write a table as the kernel tells it by netlink: this one may have no IPVS."""
    numbers = [range(1, 2)] * len(COUNTERS)
    columns = Columns([("192.0.2.21", "80")], ["Route"], [1], [2], [3], [4], numbers)
    service = Service("TCP", "192.0.2.1", 80, "", "wrr", False, columns, [1] * len(COUNTERS))
    table = Table([service], Totals([1] * len(COUNTERS)), "netlink")
    return render(ipvs.series(table)).decode()


def _series(text: str) -> Series:
    found: Series = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found[sample.name][label].add(value)
            found[sample.name].setdefault("", set())
    return found


def _labels(name: str, exported: Series) -> set[str]:
    """Return the labels of a metric, or at most those of a recorded one."""
    if name in recorded():
        return set().union(*(_labels(one, exported) for one in used(recorded()[name]).metrics))
    if name in _PROMETHEUS:
        own = _PROMETHEUS[name]
        return own | _TARGET | (set().union(*(exported[one] for one in exported)) if name == "ALERTS" else set())
    assert name in exported, f"{name} is not exported"
    return set(exported[name]) | _TARGET


def _check(expression: str, exported: Series) -> None:
    use = used(expression)
    known = {name: _labels(name, exported) for name in use.metrics}
    for name, matchers in use.metrics.items():
        for label, operator, value in matchers:
            assert label in known[name], f"{name} has no label {label}: {expression}"
            if operator in ("=", "!=") and label in exported.get(name, {}):
                assert value in exported[name][label], f"{name} has no {label}={value!r}: {expression}"
    more = use.labels - set().union(*known.values())
    assert not more, f"{more} are labels of nothing in {expression}"


def test_alerts_ask_for_what_is_exported(exported: Series) -> None:
    """Name, labels, and the values that are named."""
    for rule in alerts().values():
        _check(rule["expr"], exported)


def test_recording_rules_ask_for_what_is_exported(exported: Series) -> None:
    """Or for what other rules record."""
    for expression in recorded().values():
        _check(expression, exported)


def test_panels_ask_for_what_is_exported(exported: Series) -> None:
    """Or recorded; the variables have any value."""
    for expression in expressions():
        _check(expression, exported)
