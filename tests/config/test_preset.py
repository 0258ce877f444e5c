"""Are the ready-made entries whole, and do they judge real servers, or what stands for them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.config.written import entries, refused
from tests.servers.certificate import self_signed
from tests.servers.nginx import nginx
from tests.servers.redis import redis
from vipwarden.config.preset import PRESETS
from vipwarden.core.result import CRITICAL, OK, State
from vipwarden.net.blocking import BlockingNet, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# what presets ask for is there, but for a replica of Patroni
_SERVERS = """
server {
    listen 127.0.0.1:PORT0;
    location = /primary { return 200; }
    location = /replica { return 503; }
    location = /replica-of-another { return 200; }
    location = /api/health/checks/local-alarms { return 200 '{"status":"ok"}'; }
    location = /swift/healthcheck { return 200; }
}
server {
    listen 127.0.0.1:PORT1 ssl;
    ssl_certificate FOLDER/kubernetes.crt;
    ssl_certificate_key FOLDER/kubernetes.key;
    location = /readyz { return 200 ok; }
    location = /livez { return 503; }
}
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """Run a web server; yields the folder of its CA, and its ports."""
    folder = tmp_path_factory.mktemp("preset")
    self_signed(folder, "kubernetes")
    with nginx(folder, _SERVERS, 2) as numbers:
        yield folder, numbers


def state(line: str) -> State:
    """Run the only check of a configuration."""
    (entry,) = entries(line).values()
    return run(entry.function(BlockingNet(), **entry.values), entry.timeout).state


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_whole_entry(preset: str) -> None:
    """With its name alone, and for several hosts and other ports."""
    entry = entries(f"a: {{preset: {preset}}}")["a"]
    assert entry.check == PRESETS[preset]["check"]
    assert list(entries(f"a: {{preset: {preset}, hosts: '192.0.2.[1-2]', port: 7}}")) == ["a@192.0.2.1", "a@192.0.2.2"]
    assert entries(f"a: {{preset: {preset}, host: web, ports: '7,8', interval: 1}}")["a@:8"].values["host"] == "web"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("preset: kube-apiserver, port: PORT1, ca_file: FOLDER/kubernetes.crt", OK),
        ("preset: kube-apiserver, port: PORT1, ca_file: FOLDER/kubernetes.crt, path: /livez", CRITICAL),
        ("preset: kube-apiserver, port: PORT1, ca_file: FOLDER/kubernetes.crt, sni: other", CRITICAL),
        ("preset: patroni-primary, port: PORT0", OK),
        ("preset: patroni-replica, port: PORT0", CRITICAL),
        ("preset: patroni-replica, path: /replica-of-another, port: PORT0", OK),
        ("preset: rabbitmq, port: PORT0", OK),
        ("preset: ceph-rgw, ports: [PORT0]", OK),
    ],
)
def test_pages(ports: tuple[Path, list[str]], line: str, wanted: State) -> None:
    """The keys of the entry take precedence."""
    folder, numbers = ports
    for index, number in enumerate(numbers):
        line = line.replace(f"PORT{index}", number)
    assert state(f"a: {{{line.replace('FOLDER', str(folder))}}}") == wanted


def test_a_redis_master(tmp_path: Path) -> None:
    """A replica is none."""
    with redis(tmp_path) as master, redis(tmp_path, f"replicaof 127.0.0.1 {master.port}") as replica:
        assert state(f"a: {{preset: redis-master, port: {master.port}}}") == OK
        assert state(f"a: {{preset: redis-master, port: {replica.port}}}") == CRITICAL


def test_what_is_no_preset() -> None:
    """With the line, and what was meant."""
    assert refused("a: {check: port}", "b: {preset: galeera}").splitlines()[1].endswith("did you mean 'galera'?")
    assert "a.yaml:3: checks.a.preset is ''" in refused("a:", "  preset: [x]")
    assert "a.yaml:3: checks.a.path is not known" in refused("a:", "  path: /x", "  preset: galera")
    assert "give one of them" in refused("a: {preset: redis-master, replica: true}")
    assert "has no check" in refused("a: {host: x}")


def test_a_check_may_have_presets_of_its_own() -> None:
    """As dialog has."""
    entry = entries("a: {check: dialog, preset: smtp, host: h}")["a"]
    assert (entry.check, entry.values["preset"]) == ("dialog", "smtp")
