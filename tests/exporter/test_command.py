"""Does ``vipwarden exporter`` start, read, reload and end as a service does? The command itself, as it is installed."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from exporter.http.answers import HEALTHY
from tests.commands import program, run, shell
from tests.exporter.command import NOTHING, exporter, mute
from tests.exporter.http.certificates import HASH, Authority
from tests.exporter.running import request
from tests.servers.ports import free_ports


@pytest.mark.alone
def test_sigterm_ends_it_soon_even_in_a_slow_scrape(tmp_path: Path) -> None:
    """With the code 0; the scrape is cut off."""
    with (
        mute(tmp_path) as (path, come),
        exporter(tmp_path, "--haproxy", f"unix:{path}") as running,
        socket.create_connection(("127.0.0.1", running.port), 10) as scrape,
    ):
        scrape.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert come.wait(60)
        assert request(running.port, "/-/ready").status == 200
        begun = time.monotonic()
        running.child.send_signal(signal.SIGTERM)
        assert running.child.wait(60) == 0
        assert time.monotonic() - begun < 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quietly_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    """Also with connections that are kept open."""
    with exporter(tmp_path) as running, socket.create_connection(("127.0.0.1", running.port), 10) as kept:
        kept.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(65536).endswith(HEALTHY)
        running.child.send_signal(number)
        assert running.child.wait(60) == 0
        assert running.child.stderr is not None
        assert running.child.stderr.read() == ""


@pytest.mark.alone
def test_a_dead_source_costs_its_own_series_only(tmp_path: Path) -> None:
    """By Prometheus' own header the scrape is over in time."""
    with mute(tmp_path) as (path, _), exporter(tmp_path, "--haproxy", f"unix:{path}") as running:
        begun = time.monotonic()
        answer = request(running.port, "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "2"})
        assert time.monotonic() - begun < 2
        assert answer.status == 200
        assert 'vipwarden_scrape_collector_success{collector="haproxy"} 0' in answer.body
        assert 'vipwarden_scrape_collector_success{collector="checks"} 1' in answer.body


def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    """A wrong one is told of with file, line and key, and the old one stays."""
    path = tmp_path / "vipwarden.yaml"
    first, second = free_ports(2)
    with exporter(tmp_path, text=f"{NOTHING}  listen: 127.0.0.1:{first}\n") as running:
        path.write_text(f"{NOTHING}  listen: 127.0.0.1:{second}\n  web_config: {tmp_path}/web.yaml\n")
        (tmp_path / "web.yaml").write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
        running.child.send_signal(signal.SIGHUP)
        assert f"reloaded: serves http://127.0.0.1:{second}/" in running.line("reloaded")
        assert request(second, "/-/healthy").status == 401
        with pytest.raises(ConnectionRefusedError):
            request(first, "/-/healthy")
        path.write_text(f"{NOTHING}  listne: 127.0.0.1:{first}\n")
        running.child.send_signal(signal.SIGHUP)
        line = running.line("not reloaded, everything goes on as before")
        assert f": {path}:4: exporter.listne is not known; known are listen, " in line
        assert request(second, "/-/healthy").status == 401
        with closing(socket.create_server(("127.0.0.1", first))):
            path.write_text(f"{NOTHING}  listen: 127.0.0.1:{first}\n")
            running.child.send_signal(signal.SIGHUP)
            assert f"cannot listen on 127.0.0.1:{first}: the port is in use" in running.line("not reloaded")
        assert request(second, "/-/healthy").status == 401
        path.write_text(f"{NOTHING}  listen: 127.0.0.1:{second}\n")
        running.child.send_signal(signal.SIGHUP)
        running.line("reloaded")
        assert request(second, "/-/healthy").status == 200


def test_the_web_configuration_is_read_again_without_a_signal(tmp_path: Path) -> None:
    """Its next request is asked for the password."""
    web = tmp_path / "web.yaml"
    web.write_text("{}\n")
    with exporter(tmp_path, "--web-config", str(web)) as running:
        assert request(running.port, "/metrics").status == 200
        web.write_text(f"basic_auth_users:\n  alice: {HASH}\n")
        assert request(running.port, "/metrics").status == 401
        assert f"{web}: read again" in running.line("read again")
        web.write_text("basic_auth_users:\n  alice: password\n")
        assert request(running.port, "/metrics").status == 401
        assert f"{web}:2: basic_auth_users.alice is no bcrypt hash" in running.line("stays in force")


def test_a_service_manager_hears_of_it_all(tmp_path: Path) -> None:
    """READY after it listens, the watchdog by the event loop, RELOADING and READY again, STOPPING."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(f"{tmp_path}/notify")
        manager.settimeout(60)

        def heard(wanted: bytes) -> bytes:
            while wanted not in (words := manager.recv(4096)):
                pass
            return words

        env = {"NOTIFY_SOCKET": f"{tmp_path}/notify", "WATCHDOG_USEC": "200000"}
        with exporter(tmp_path, env=env) as running:
            assert f"STATUS=serves http://127.0.0.1:{running.port}/".encode() in heard(b"READY=1")
            begun = time.monotonic()
            for _ in range(4):
                heard(b"WATCHDOG=1")
            assert time.monotonic() - begun < 2
            running.child.send_signal(signal.SIGHUP)
            assert b"MONOTONIC_USEC=" in heard(b"RELOADING=1")
            heard(b"READY=1")
            running.child.send_signal(signal.SIGTERM)
            heard(b"STOPPING=1")
            assert running.child.wait(60) == 0


@pytest.mark.parametrize(
    ("text", "web", "options", "said"),
    [
        ("exporter: {listen: here}\n", "", [], "vipwarden.yaml:1: exporter.listen is 'here', but"),
        ("exporter: {max_scrapes: 0}\n", "", [], "exporter.max_scrapes is '0', but a number from 1 to 65536 is wanted"),
        ("exporter: [a]\n", "", [], "vipwarden.yaml:1: exporter must be a mapping"),
        ("exports: {}\n", "", [], "vipwarden.yaml:1: exports is not known; known are checks, "),
        ("checks: {a: {check: nonsense}}\n", "", [], "vipwarden.yaml:1: checks.a.check "),
        ("exporter: {web_config: WEB}\n", "a: 1\n", [], "web.yaml:1: a is not known; known are tls_server_config"),
        ("", "basic_auth_users: {a: b}\n", ["--web-config", "WEB"], "web.yaml:1: basic_auth_users.a is no bcrypt hash"),
        ("", "", ["--web-config", "/nonexistent/web"], "/nonexistent/web: cannot be read: No such file"),
        ("", "", ["--config", "/nonexistent/c"], "/nonexistent/c: cannot be read: No such file"),
        ("", "", ["--listen", "80"], "--listen '80': '80' is no address to listen on"),
        ("", "", ["--timeout", "0"], "--timeout '0': a duration is"),
        ("", "", ["--nonsense"], "there is no option '--nonsense'"),
        ("", "", ["nonsense"], "'nonsense' belongs to no option"),
        ("", "", ["--haproxy", "ftp://x"], "--haproxy 'ftp://x'"),
    ],
)
def test_what_is_misconfigured_is_refused_with_its_place(
    tmp_path: Path, text: str, web: str, options: list[str], said: str
) -> None:
    """By --check-config, and by the start alike; the code is 2."""
    path = tmp_path / "web.yaml"
    path.write_text(web)
    (tmp_path / "vipwarden.yaml").write_text(text.replace("WEB", str(path)))
    given = [option.replace("WEB", str(path)) for option in options]
    if "--config" not in given:
        given += ["--config", str(tmp_path / "vipwarden.yaml")]
    for check in [["--check-config"]] if "checks" in text else [["--check-config"], ["--listen", "127.0.0.1:0"]]:
        if "--listen" in given and "--listen" in check:
            continue
        done = run(tmp_path, "vipwarden", "exporter", *given, *check)
        assert done.code == 2, done
        assert done.err.startswith("vipwarden exporter: ")
        assert said in done.err
        assert done.out == ""


def test_what_is_well_configured_is_said_to_be(tmp_path: Path) -> None:
    """With the certificates that the web configuration names, and nothing is listened on."""
    Authority(tmp_path).sign("server")
    (tmp_path / "web.yaml").write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
    path = tmp_path / "vipwarden.yaml"
    path.write_text(
        f"exporter:\n  listen: ['192.0.2.1:9877', ':9878']\n  web_config: {tmp_path}/web.yaml\n  timeout: 2\n"
    )
    done = run(tmp_path, "vipwarden", "exporter", "--config", str(path), "--check-config")
    assert (done.code, done.out) == (0, f"{path}: nothing wrong\n")


def test_it_listens_on_each_address_that_it_is_given(tmp_path: Path) -> None:
    """The command line goes before the configuration."""
    first, second, third = free_ports(3)
    options = ["--listen", f"127.0.0.1:{first}", "--listen", f"[::1]:{second}"]
    with exporter(tmp_path, *options, text=f"{NOTHING}  listen: 127.0.0.1:{third}\n") as running:
        assert running.port == first
        assert request(first, "/-/healthy").status == 200
        with socket.create_connection(("::1", second), 10) as sock:
            sock.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.0 200 OK\r\n")
        with pytest.raises(ConnectionRefusedError):
            request(third, "/-/healthy")


def test_a_port_in_use_is_told_and_the_code_is_1(tmp_path: Path) -> None:
    """With who might have it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "vipwarden", "exporter", "--listen", f"127.0.0.1:{port}")
    assert done.code == 1
    assert (
        f"vipwarden exporter: cannot listen on 127.0.0.1:{port}: the port is in use; see who has it by 'ss" in done.err
    )


def test_without_configuration_it_looks_in_the_usual_places(tmp_path: Path) -> None:
    """In a mount namespace with files of its own in /etc: keepalived.conf gives VIPs, haproxy.cfg a socket."""
    program("haproxy")
    (port,) = free_ports(1)
    line = """
        for name in keepalived haproxy vipwarden; do
            mkdir -p "$1/$name"; [ -d "/etc/$name" ] || continue; mount --bind "$1/$name" "/etc/$name"
        done
        cat > /etc/keepalived/keepalived.conf <<END
vrrp_instance VI_1 {
    interface lo
    virtual_router_id 51
    virtual_ipaddress {
        127.0.0.1
    }
}
END
        printf 'global\\n stats socket %s level user\\n' "$1/stats.sock" > /etc/haproxy/haproxy.cfg
        vipwarden exporter --listen "127.0.0.1:$2" 2> "$1/log" &
        trap 'kill $!' EXIT
        curl -sS --retry 50 --retry-connrefused --retry-delay 0 --retry-max-time 20 "http://127.0.0.1:$2/metrics"
    """
    program("curl")
    done = shell(tmp_path, line, str(tmp_path), str(port), flags=("-m",))
    assert 'keepalived_vip_held{iname="VI_1",vrid="51",intf="lo",ip_address="127.0.0.1"}' in done.out, done
    assert "haproxy_up" in done.out
    assert "stats.sock" in (tmp_path / "log").read_text()


def test_help_names_every_option(tmp_path: Path) -> None:
    """Each with what it is for."""
    done = run(tmp_path, "vipwarden", "exporter", "--help")
    assert done.code == 0
    for option in ("config", "listen", "web-config", "check-config", "haproxy", "keepalived-conf", "proc"):
        assert f"  --{option}" in done.out


def test_a_thousand_scrapes_leave_no_memory_behind(tmp_path: Path) -> None:
    """In both formats, packed and not; on connections that are kept, and on new ones."""
    accepts = ({"Accept": "text/plain"}, {"Accept": "application/openmetrics-text"}, {"Accept-Encoding": "gzip"})

    async def scrape(port: int, count: int) -> None:
        async with ClientSession(connector=TCPConnector(limit=4)) as session:
            for number in range(count):
                headers = {**accepts[number % 3], "Connection": "close" if number % 5 == 0 else "keep-alive"}
                async with session.get(f"http://127.0.0.1:{port}/metrics", headers=headers) as answer:
                    assert answer.status == 200
                    await answer.read()

    def held(pid: int) -> tuple[int, int]:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
        return resident, len(list(Path(f"/proc/{pid}/fd").iterdir()))

    with exporter(tmp_path) as running:
        asyncio.run(scrape(running.port, 300))
        before = held(running.child.pid)
        asyncio.run(scrape(running.port, 1000))
        after = held(running.child.pid)
    assert after[0] - before[0] < 1 << 20
    assert abs(after[1] - before[1]) <= 4  # connections of the client that are just being closed


def test_a_mistake_in_the_checks_is_logged(tmp_path: Path) -> None:
    """They are the agent's, which refuses them; the page goes on."""
    with exporter(tmp_path, text=f"{NOTHING}checks: {{web: {{check: prot, host: h}}}}\n") as running:
        running.child.send_signal(signal.SIGHUP)
        assert "did you mean 'port'?" in running.line("the agent refuses this configuration")
        running.line("reloaded")
