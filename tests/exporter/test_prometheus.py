"""Does a real Prometheus take what is served, in both formats, over TLS and by password, and within its time?"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands import program
from tests.exporter.command import exporter, mute
from tests.exporter.http.certificates import HASH, PASSWORD, USER, Authority
from tests.servers.haproxy import haproxy
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Prometheus asks for OpenMetrics first, and before 2.49 always: the text format is asked for by a HAProxy between
_BETWEEN = """
frontend text
  bind 127.0.0.1:{}
  http-request set-header Accept text/plain;version=0.0.4
  default_backend exporter
backend exporter
  server exporter 127.0.0.1:{}
"""
_JOBS = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - job_name: openmetrics
    static_configs: [targets: ['127.0.0.1:{direct}']]
  - job_name: text
    static_configs: [targets: ['127.0.0.1:{between}']]
  - job_name: chosen
    params: {{'collect[]': [haproxy]}}
    static_configs: [targets: ['127.0.0.1:{direct}']]
  - job_name: secured
    scheme: https
    tls_config: {{ca_file: {folder}/ca.crt, cert_file: {folder}/client.crt, key_file: {folder}/client.key}}
    basic_auth: {{username: {user}, password_file: {folder}/password}}
    static_configs: [targets: ['127.0.0.1:{secured}']]
  - job_name: stranger
    scheme: https
    tls_config: {{ca_file: {folder}/ca.crt, cert_file: {folder}/client.crt, key_file: {folder}/client.key}}
    static_configs: [targets: ['127.0.0.1:{secured}']]
  - job_name: hanging
    static_configs: [targets: ['127.0.0.1:{hanging}']]
"""


class Prometheus:
    """One that runs; ``log`` is what it says."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def ask(self, expression: str) -> dict[str, float]:
        """Return the value of an expression by job."""
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{query}", timeout=60) as answer:
                found: dict[str, Any] = json.load(answer)
        except OSError:
            return {}
        return {one["metric"].get("job", ""): float(one["value"][1]) for one in found["data"]["result"]}

    def metadata(self, job: str, metric: str) -> str:
        """Return the type of a metric as a job was told it, or nothing."""
        query = urllib.parse.urlencode({"match_target": f'{{job="{job}"}}', "metric": metric})
        url = f"http://127.0.0.1:{self.port}/api/v1/targets/metadata?{query}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            found = json.load(answer)["data"]
        return str(found[0]["type"]) if found else ""

    def until(self, expression: str, wanted: dict[str, float]) -> None:
        """Wait until an expression has these values."""
        deadline = time.monotonic() + 60
        while (found := self.ask(expression)) != wanted:
            assert time.monotonic() < deadline, (expression, found, self.log.read_text()[-2000:])
            time.sleep(0.1)


@contextmanager
def prometheus(folder: Path, jobs: str) -> Iterator[Prometheus]:
    """Run one with these jobs."""
    (port,) = free_ports(1)
    (folder / "prometheus.yaml").write_text(jobs)
    log = folder / "prometheus.log"
    options = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data", "--log.level=debug"]
    command = [program("prometheus"), *options, f"--web.listen-address=127.0.0.1:{port}"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as child:
        try:
            yield Prometheus(port, log)
        finally:
            child.kill()


@pytest.mark.timeout(90)
def test_a_real_prometheus_scrapes_both_formats_and_tls(tmp_path: Path) -> None:
    """Each job by its way; who brings no password is refused, and a source that hangs costs itself alone."""
    authority = Authority(tmp_path)
    authority.sign("server")
    authority.sign("client", "DNS:prometheus.test")
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "web.yaml").write_text(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_ca_file: ca.crt\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.test]\n"
        f"basic_auth_users:\n  {USER}: {HASH}\n"
    )
    for name in ("direct", "secured", "hanging"):
        (tmp_path / name).mkdir()
    with ExitStack() as stack:
        between, direct = free_ports(2)
        stats = stack.enter_context(haproxy(_BETWEEN.format(between, direct)))
        path, _ = stack.enter_context(mute(tmp_path))
        own = ["--haproxy", f"unix:{stats}"]
        stack.enter_context(exporter(tmp_path / "direct", *own, "--listen", f"127.0.0.1:{direct}"))
        web = ["--web-config", str(tmp_path / "web.yaml")]
        secured = stack.enter_context(exporter(tmp_path / "secured", *own, *web))
        hanging = stack.enter_context(exporter(tmp_path / "hanging", "--haproxy", f"unix:{path}"))
        ports = {"between": between, "direct": direct, "secured": secured.port, "hanging": hanging.port}
        jobs = _JOBS.format(folder=tmp_path, user=USER, **ports)
        found = stack.enter_context(prometheus(tmp_path, jobs))
        good = {"openmetrics": 1.0, "text": 1.0, "chosen": 1.0, "secured": 1.0, "hanging": 1.0}
        found.until("up", {**good, "stranger": 0.0})
        found.until("haproxy_up", {**good, "hanging": 0.0})
        wanted = dict.fromkeys(("openmetrics", "text", "chosen", "secured"), 3.0)  # of four scrapes, perhaps
        found.until("clamp_max(changes(haproxy_process_uptime_seconds[1m]), 3)", wanted)
        success = 'vipwarden_scrape_collector_success{collector="haproxy"}'
        found.until(success, {**good, "hanging": 0.0})
        # every series of the one format is in the other
        series = found.ask('count by (job) ({job=~"openmetrics|text|secured"})')
        assert len(set(series.values())) == 1, series
        assert series["text"] > 100
        # a counter is named without its _total by the metadata of OpenMetrics alone
        assert [found.metadata(job, "haproxy_process_connections") for job in ("openmetrics", "text")] == [
            "counter",
            "",
        ]
        assert found.metadata("text", "haproxy_process_connections_total") == "counter"
        log = found.log.read_text()
    for trouble in ("duplicate", "out of order", "out-of-order", "Append failed", "Error on ingesting"):
        assert trouble not in log, log[-3000:]
    assert "server returned HTTP status 401 Unauthorized" in log
