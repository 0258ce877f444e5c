"""Does a real split brain reach the operators: keepalived, exporters, a real Prometheus, a real Alertmanager?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.commands import program
from tests.prometheus.namespace import namespace, until
from tests.prometheus.node import VIP, links, start
from tests.prometheus.test_dashboard import expressions
from tests.servers.haproxy import haproxy
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from tests.prometheus.namespace import Namespace

RULES = Path(__file__).parents[2] / "packaging" / "prometheus" / "rules"
_HAPROXY = """
frontend www
  bind 127.0.0.1:{}
  default_backend web
backend web
  server a 127.0.0.1:{}
"""
_PROMETHEUS, _ALERTMANAGER = "127.0.0.1:9090", "127.0.0.1:9093"


def test_two_masters_raise_an_alert_that_names_both(tmp_path: Path) -> None:
    """Two nodes that no longer hear each other; it ends when they do."""
    for name in ("keepalived", "prometheus", "prometheus-alertmanager", "curl", "ip"):
        program(name)
    with ExitStack() as stack:
        hub, one, two = (stack.enter_context(namespace(tmp_path / name)) for name in ("hub", "lb1", "lb2"))
        links(hub, (one, two))
        socket = stack.enter_context(haproxy(_HAPROXY.format(*free_ports(2))))
        start(one, "lb1", 150, "192.0.2.11:9877", [f"edge=unix:{socket}", f"inner=unix:{socket}"])
        start(two, "lb2", 100, "192.0.2.12:9877", [f"unix:{socket}"])
        _watch(hub)

        def asked(expression: str) -> list[dict[str, Any]]:
            answer = hub.json(f"http://{_PROMETHEUS}/api/v1/query", query=expression)
            return [] if answer is None else list(answer["data"]["result"])

        def logs() -> str:
            return f"{hub.logs()}\n{one.logs()}\n{two.logs()}"

        healthy = f'sum(keepalived_vip_held{{ip_address="{VIP}"}}) == 1 and sum(keepalived_vrrp_state == 2) == 2'
        until("one MASTER", lambda: asked(f"{healthy} and count(up == 1) == 2"), logs=logs)
        for expression in expressions(".*"):  # no panel has labels that match in more than one way
            answer = hub.json(f"http://{_PROMETHEUS}/api/v1/query", query=expression)
            assert answer is not None, expression
        rules = [
            rule
            for group in hub.json(f"http://{_PROMETHEUS}/api/v1/rules")["data"]["groups"]
            for rule in group["rules"]
        ]
        assert {rule.get("lastError", "") for rule in rules} == {""}
        until("silence", lambda: asked("up") and not asked('ALERTS{alertstate="firing"}'), logs=logs)

        for port in ("node0", "node1"):  # both are scraped as before, but do not hear each other
            hub.run("bridge", "link", "set", "dev", port, "isolated", "on")
        alert = until("the alert", lambda: _alert(hub), logs=logs)
        assert alert["labels"] == {
            "alertname": "VipSplitBrain",
            "job": "vipwarden",
            "cluster": "west",
            "vrid": "51",
            "ip_address": VIP,
            "severity": "critical",
        }
        assert alert["annotations"] == {
            "summary": f"VIP {VIP} (VRID 51) of west is held by 2 nodes at once",
            "description": f"{VIP} is on the interfaces of lb1 and lb2. Clients reach one or the other.",
        }
        other = 'ALERTS{alertname=~"VipWithoutOwner|VipOwnerUnknown|VipUnseen",alertstate="firing"}'
        until("no other alert for it", lambda: not asked(other), logs=logs)

        for port in ("node0", "node1"):
            hub.run("bridge", "link", "set", "dev", port, "isolated", "off")
        until("its end", lambda: _alert(hub) is None, logs=logs)
        until("health", lambda: asked(healthy), logs=logs)


def _watch(hub: Namespace) -> None:
    """Start Prometheus and Alertmanager with the rules as they are packaged, but impatient."""
    rules = hub.folder / "rules"
    rules.mkdir()
    for path in RULES.glob("*.yaml"):
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in text["groups"]:
            group["interval"] = "200ms"
            for rule in group["rules"]:
                rule.update({"for": "0s"} if "for" in rule else {})
        (rules / path.name).write_text(yaml.safe_dump(text), encoding="utf-8")
    targets = [
        {"targets": [f"192.0.2.{11 + index}:9877"], "labels": {"cluster": "west", "instance": f"lb{1 + index}"}}
        for index in range(2)
    ]
    prometheus = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "200ms"},
        "rule_files": [f"{rules}/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [_ALERTMANAGER]}]}]},
        "scrape_configs": [{"job_name": "vipwarden", "static_configs": targets}],
    }
    alertmanager = {"route": {"receiver": "nobody", "group_wait": "0s"}, "receivers": [{"name": "nobody"}]}
    for name, configuration in (("prometheus", prometheus), ("alertmanager", alertmanager)):
        Path(hub.folder, f"{name}.yml").write_text(json.dumps(configuration), encoding="utf-8")
    hub.start(
        "prometheus-alertmanager",
        "--config.file=alertmanager.yml",
        "--storage.path=alertmanager",
        f"--web.listen-address={_ALERTMANAGER}",
        "--cluster.listen-address=",
    )
    hub.start(
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=prometheus",
        f"--web.listen-address={_PROMETHEUS}",
        "--rules.alert.resend-delay=1s",
    )


def _alert(hub: Namespace) -> dict[str, Any] | None:
    """Return the split brain as Alertmanager knows it; None where it does not, or has been told of its end."""
    url = f"http://{_ALERTMANAGER}/api/v2/alerts"
    found = hub.json(url, filter='alertname="VipSplitBrain"', active="true") or []
    return next((one for one in found if one["labels"]["ip_address"] == VIP), None)
