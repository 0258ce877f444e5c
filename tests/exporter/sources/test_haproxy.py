"""Is every HAProxy of a node read, each by itself, and as much of it as is wanted?"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.choice import CheckStatus, Choice, Pattern
from exporter.render.exposition import render
from exporter.settings import settings
from exporter.sources.haproxy import source as collector
from exporter.sources.haproxy.page import parse_page
from tests.exporter.running import metrics, nowhere
from tests.servers.certificate import self_signed
from tests.servers.haproxy import command, haproxy, running, wait_for
from tests.servers.ports import free_ports
from vipwarden.node.haproxy.socket import Report, parse_stat
from vipwarden.node.haproxy.source import AuthFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Values = dict[tuple[str, tuple[str, ...]], float]
_NUMBERS = ("scur", "bin", "lastsess", "qtime", "weight", "check_code", "check_duration", "hrsp_2xx", "act", "throttle")


def values(text: str) -> Values:
    """Return the value of each sample by its name and the values of its labels."""
    found = [one for family in text_families(text) for one in family.samples]
    assert len({(one.name, tuple(one.labels.values())) for one in found}) == len(found)
    return {(one.name, tuple(one.labels.values())): one.value for one in found}


def scrape(*sources: str, **others: Any) -> tuple[Values, str]:
    """Read these sources; return the samples, and what could not be read."""
    facts = collector.read(settings(haproxy=tuple(map(Source, sources)), **others))
    return values(render(collector.SOURCE.series(facts)).decode()), facts.failure


@contextmanager
def saying(folder: Path, begin: bytes, more: bytes = b"", times: int = 0, *, is_over: bool = False) -> Iterator[str]:
    """Answer on a unix socket with that, and keep it open unless that is all; yield the path."""
    path = str(folder / "odd")
    ended = threading.Event()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(begin)
                for _ in range(times):
                    connection.sendall(more)
                ended.wait(0 if is_over else 60)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            ended.set()
            thread.join()


def test_one_instance_has_the_labels_of_haproxy_and_several_have_their_names(tmp_path: Path) -> None:
    """A dead one costs its own series alone, and what it said is told."""
    front, over = free_ports(2)
    with haproxy(f"listen shop\n bind 127.0.0.1:{front}\n server s 127.0.0.1:{front}\n") as path:
        alone, failure = scrape(path)
        assert failure == ""
        assert alone["haproxy_up", ()] == 1
        assert alone["haproxy_server_weight", ("shop", "s")] == 1
        several, failure = scrape(f"a={path}", f"b=unix:{tmp_path}/gone", f"c=tcp://127.0.0.1:{over}")
    assert several["haproxy_up", ("a",)] == 1
    assert several["haproxy_up", ("b",)] == several["haproxy_up", ("c",)] == 0
    assert several["haproxy_server_weight", ("a", "shop", "s")] == 1
    assert {key[1][0] for key in several if key[0] != "haproxy_up"} == {"a"}
    assert f"{tmp_path}/gone is closed" in failure
    assert f"127.0.0.1:{over} is closed" in failure
    after, _ = scrape(path)
    assert after == {("haproxy_up", ()): 0}  # nothing old


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be another user for a while, without any capability."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become another user")
def test_a_socket_that_this_user_may_not_open_says_nothing_of_haproxy(tmp_path: Path) -> None:
    """The collector fails and tells why; haproxy_up 0 would page for a process that serves."""
    front, closed = free_ports(2)
    conf = tmp_path / "haproxy.cfg"
    conf.write_text("global\n stats socket /run/haproxy/admin.sock\n", encoding="utf-8")
    with haproxy(f"listen shop\n bind 127.0.0.1:{front}\n server s 127.0.0.1:{front}\n") as path:
        with as_nobody():
            found, failure = scrape(path)
            several, _ = scrape(f"a={path}", f"b=tcp://127.0.0.1:{closed}")
            unread = metrics(nowhere(tmp_path))
            scraped = metrics(nowhere(tmp_path, haproxy=(Source(path),)))
        assert scrape(path)[0]["haproxy_up", ()] == 1
    assert found == {}
    assert "Permission denied" in failure
    assert "SupplementaryGroups= of its group" in failure
    assert several == {("haproxy_up", ("b",)): 0}
    for one in (unread, scraped):
        assert one["vipwarden_scrape_collector_success", ("haproxy",)] == 0
        assert not any(name.startswith("haproxy_") for name, _ in one)


def test_a_socket_over_tcp_and_a_stats_page_say_the_same(tmp_path: Path) -> None:
    """But for what a page does not tell: addresses, and much of the process."""
    front, tcp, page = free_ports(3)
    body = f"""
listen shop
  bind 127.0.0.1:{front}
  server s 127.0.0.1:{front} weight 3
frontend page
  bind 127.0.0.1:{page}
  stats enable
  stats uri /stats
  stats auth admin:secret
global
  stats socket ipv4@127.0.0.1:{tcp} level user
"""
    (tmp_path / "auth").write_text("admin:secret\n", encoding="utf-8")
    (tmp_path / "wrong").write_text("admin:wrong\n", encoding="utf-8")
    url = f"http://127.0.0.1:{page}/stats;csv"
    with haproxy(body) as path:
        by_unix, by_tcp = scrape(path)[0], scrape(f"tcp://127.0.0.1:{tcp}")[0]
        by_page, failure = scrape(url, haproxy_auth_file=(AuthFile(f"{tmp_path}/auth"),))
        assert failure == ""
        refused = [
            scrape(url)[1],
            scrape(url, haproxy_auth_file=(AuthFile(f"{tmp_path}/wrong"),))[1],
            scrape(url, haproxy_auth_file=(AuthFile(f"{tmp_path}/none"),))[1],
            scrape(f"http://127.0.0.1:{page}/x;csv")[1],
        ]
    for found in (by_unix, by_tcp, by_page):
        assert found["haproxy_server_weight", ("shop", "s")] == 3
        assert ("haproxy_process_build_info", (*_version(by_unix),)) in found
        started = found["haproxy_process_start_time_seconds", ()]
        assert started == pytest.approx(by_unix["haproxy_process_start_time_seconds", ()], abs=3)
        assert found["haproxy_process_max_connections", ()] == 200
    assert ("haproxy_server_info", ("shop", "s", f"127.0.0.1:{front}", "")) in by_unix
    assert ("haproxy_server_info", ("shop", "s", "", "")) in by_page
    servers = {key for key in by_unix if key[0].startswith("haproxy_server_") and key[0] != "haproxy_server_info"}
    assert servers == {
        key for key in by_page if key[0].startswith("haproxy_server_") and key[0] != "haproxy_server_info"
    }
    assert ["wants a user" in refused[0], "refuses the user" in refused[1], "cannot read" in refused[2]] == [True] * 3
    assert "status 503" in refused[3]
    assert not any("secret" in one or "wrong;" in one for one in refused)


def _version(found: Values) -> tuple[str, ...]:
    return next(key[1] for key in found if key[0] == "haproxy_process_build_info")


def test_a_stats_page_over_https_is_verified(tmp_path: Path) -> None:
    """By the CA that is given, and not read otherwise."""
    (page,) = free_ports(1)
    pem = tmp_path / "both.pem"
    cert, key = self_signed(tmp_path)
    pem.write_text(cert.read_text() + key.read_text(), encoding="utf-8")
    with haproxy(f"frontend page\n bind 127.0.0.1:{page} ssl crt {pem}\n stats enable\n stats uri /\n"):
        url = f"https://127.0.0.1:{page}/;csv"
        found, failure = scrape(url, haproxy_ca_file=str(cert))
        assert failure == ""
        assert found["haproxy_frontend_status", ("page", "UP")] == 1
        found, failure = scrape(url)
    assert found == {("haproxy_up", ()): 0}
    assert "is not valid" in failure


def test_a_malformed_row_costs_its_own_series_alone(tmp_path: Path) -> None:
    """The collector fails and tells how many there are."""
    table = b"# pxname,svname,type,status,scur,\nshop,s1,2,UP,3,\nshop,s2,2,\nshop,s3,2,UP,4,\nshop,BACKEND,1,UP,7,\n"
    with saying(tmp_path, b"Name: HAProxy\nVersion: 2.6.12\n\n" + table + b"\n", is_over=True) as path:
        found, failure = scrape(path)
    assert found["haproxy_up", ()] == 1
    assert {key[1]: value for key, value in found.items() if key[0] == "haproxy_server_current_sessions"} == {
        ("shop", "s1"): 3,
        ("shop", "s3"): 4,
    }
    assert failure == f"{path}: 1 row of 'show stat' is malformed and left out"


def test_a_backend_whose_servers_are_down_by_design_is_told() -> None:
    """The alert for servers that are DOWN leaves it out."""
    (front,) = free_ports(1)
    body = f"listen leader\n bind 127.0.0.1:{front}\n server s 127.0.0.1:{front}\nbackend web\n server s 127.0.0.1:1\n"
    with haproxy(body) as path:
        found, _ = scrape(path, haproxy_down_by_design=Pattern("lead.*"))
        none, _ = scrape(path)
    marked = {key: value for key, value in found.items() if key[0] == "haproxy_backend_down_by_design"}
    assert marked == {("haproxy_backend_down_by_design", ("leader",)): 1}
    assert not [key for key in none if key[0] == "haproxy_backend_down_by_design"]


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("HAProxy version 2.6.12-1+deb12u4, released 2023/06/16", "2.6.12-1+deb12u4"),
        ("HA-Proxy version 1.8.27-493ce0b 2020/11/06", "1.8.27-493ce0b"),
        ("HAProxy Enterprise version 2.8.0-1.0.0-323.501, released 2024/01/09", "2.8.0-1.0.0-323.501"),
        ("HAProxy version 1.5.0-994126-357 2015/07/02", "1.5.0-994126-357"),
        ("HAProxy version", None),
        ("Report of version 3", None),
    ],
)
def test_the_version_is_read_from_the_page_of_any_make(line: str, version: str | None) -> None:
    """As its heading has it."""
    html = f'<h1><a href="http://www.haproxy.org/">{line}</a></h1><h2>Statistics Report for pid 830</h2>'
    assert parse_page(html).get("Version") == version


def test_series_that_are_not_wanted_are_left_out() -> None:
    """By proxy, server, metric and maintenance; counts of a backend stay those of all its servers."""
    (front,) = free_ports(1)
    body = f"""
listen shop
  bind 127.0.0.1:{front}
  server one 127.0.0.1:{front}
  server two 127.0.0.1:{front}
  server empty 127.0.0.1:{front} disabled
listen other
  server one 127.0.0.1:{front}
"""
    with haproxy(body) as path:
        found, _ = scrape(
            path,
            haproxy_only_proxies=Pattern("sh.p"),
            haproxy_without_servers=Pattern("two"),
            haproxy_without_maint=True,
            haproxy_without_metrics=Pattern("haproxy_(process|frontend)_.*"),
        )
        assert {key[1][:2] for key in found if key[0] == "haproxy_server_weight"} == {("shop", "one")}
        assert {key[1][0] for key in found if key[0].startswith("haproxy_backend_")} == {"shop"}
        assert found["haproxy_backend_agg_server_status", ("shop", "MAINT")] == 1
        assert not [key for key in found if key[0].startswith(("haproxy_process_", "haproxy_frontend_"))]
        command(path, "disable server shop/one")
        gone, _ = scrape(path, haproxy_without_maint=True)
        assert {key[1] for key in gone if key[0] == "haproxy_server_weight"} == {("shop", "two"), ("other", "one")}
        few, _ = scrape(path, haproxy_only_metrics=Pattern("haproxy_server_weight"))
        assert {key[0] for key in few} == {"haproxy_up", "haproxy_server_weight"}


def test_the_active_check_status_alone_is_one_series_for_each_server() -> None:
    """It follows the checks."""
    front, closed = free_ports(2)
    body = f"listen shop\n bind 127.0.0.1:{front}\n server a 127.0.0.1:{front} check inter 50\n"
    with haproxy(body + f" server b 127.0.0.1:{closed} check inter 50 fall 1\n server c 127.0.0.1:{front}\n") as path:
        wait_for(path, "shop/b", "DOWN")
        found, _ = scrape(path, check_status=CheckStatus("active"))
    checks = {key[1]: value for key, value in found.items() if key[0] == "haproxy_server_check_status"}
    assert checks == {("shop", "a", "L4OK"): 1, ("shop", "b", "L4CON"): 1}
    with pytest.raises(ValueError, match="all or active"):
        CheckStatus("some")
    with pytest.raises(ValueError, match="regular expression"):
        Pattern("(")


def test_the_process_is_seen_and_old_workers_are_counted_after_a_reload() -> None:
    """As long as they serve somebody."""
    (front,) = free_ports(1)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        body = f"listen shop\n mode tcp\n bind 127.0.0.1:{front}\n server s 127.0.0.1:{server.getsockname()[1]}\n"
        body += " timeout client 60s\n timeout server 60s\n"
        path, master = stack.enter_context(running(body, "-W"))
        before, _ = scrape(path)
        assert before["haproxy_process_old_workers", ()] == 0
        assert before["haproxy_process_resident_memory_bytes", ()] > 1e6
        assert before["haproxy_process_cpu_seconds_total", ()] >= 0
        # a connection of the scrape itself may just be open
        open_now = len(os.listdir(f"/proc/{_pid(path)}/fd"))  # noqa: PTH208
        assert before["haproxy_process_open_fds", ()] == pytest.approx(open_now, abs=3)
        worker = _pid(path)
        with socket.create_connection(("127.0.0.1", front)), server.accept()[0]:
            until = time.monotonic() + 60
            while _pid(path) in (0, worker) and time.monotonic() < until:
                os.kill(master.pid, signal.SIGUSR2)  # again: a master that has only just begun may miss it
                _wait_for_another(path, worker)
            during, _ = scrape(path)
    assert during["haproxy_process_old_workers", ()] >= 1
    assert 0 <= during["haproxy_process_old_worker_age_seconds", ()] < 60
    assert during["haproxy_process_old_workers_resident_memory_bytes", ()] > 1e6


def _wait_for_another(path: str, worker: int) -> None:
    until = time.monotonic() + 2
    while _pid(path) in (0, worker) and time.monotonic() < until:
        time.sleep(0.05)


def _info(path: str) -> dict[str, str]:
    try:
        return dict(line.split(": ", 1) for line in command(path, "show info").split("\n") if ": " in line)
    except OSError:  # during the reload
        return {"Pid": "0"}


def _pid(path: str) -> int:
    return int(_info(path)["Pid"])


def test_a_table_of_200_megabytes_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """And long before it has come."""
    row = b"be,s" + b"," * 60 + b"\n"
    with saying(
        tmp_path, b"Version: 1\n\n# pxname,svname,type,\n", row * 1000, 200_000_000 // len(row) // 1000
    ) as path:
        tracemalloc.start()
        try:
            begun = time.monotonic()
            found, failure = scrape(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert found == {("haproxy_up", ()): 0}
    assert "does not end its answer" in failure
    assert time.monotonic() - begun < 5
    assert peak < 80 << 20


@pytest.mark.alone
def test_a_socket_that_never_answers_meets_the_deadline_and_delays_no_other(tmp_path: Path) -> None:
    """Both are asked at the same time."""
    (front,) = free_ports(1)
    with haproxy(f"listen shop\n bind 127.0.0.1:{front}\n") as live, saying(tmp_path, b"") as mute:
        begun = time.monotonic()
        found, failure = scrape(f"mute={mute}", f"live={live}", timeout=0.5)
        assert 0.4 < time.monotonic() - begun < 3
    assert found["haproxy_up", ("mute",)] == 0
    assert found["haproxy_up", ("live",)] == 1
    assert "no answer from" in failure


CELLS = (
    st.text(max_size=6)
    | st.integers(-5, 2**70).map(str)
    | st.sampled_from(["1\n2", 'a"b', "1e5", "NaN", "٣", "", " 1"])
)
ROWS = st.tuples(
    st.sampled_from(["be", 'b"\\\n', "é", "\udcff"]) | st.text(max_size=4),
    st.sampled_from(["s", "BACKEND"]) | st.text(max_size=4),
    st.sampled_from("01237"),
    st.sampled_from(
        ["UP", "UP 1/3", "DOWN 2/3", "NOLB", "DRAIN", "MAINT (via be/s)", "no check", "DOWN (agent)", "STOP"]
    ),
    st.sampled_from(["L7OK", "* L7OK", "", "INI", "NEW"]),
    st.lists(CELLS, min_size=len(_NUMBERS), max_size=len(_NUMBERS)),
)


@given(st.lists(ROWS, max_size=6), st.booleans(), st.booleans())
def test_any_table_is_a_scrape_that_both_parsers_accept(rows: list[Any], active: bool, maint: bool) -> None:
    """No value of it can write a line of its own, no series is there twice, and no server has two states."""
    header = "# pxname,svname,type,status,check_status," + ",".join(_NUMBERS) + ","
    body = [",".join(_quoted(cell) for cell in (f"p{one[0]}", *one[1:5], *one[5])) + "," for one in rows]
    table = parse_stat("\n".join([header, *body, ""]).encode("utf-8", "replace"))
    choice = Choice(check_status=CheckStatus("active" if active else "all"), without_maint=maint)
    facts = collector.Haproxies([collector.Instance((), Report("s", {"Version": 'a"\n'}, table))], choice)
    families = list(collector.Encoder().series(facts))
    found = values(render(families).decode())
    om: Any = openmetrics_families
    again = [one for family in om(render(families, openmetrics=True).decode()) for one in family.samples]
    assert len(again) == len(found)
    for key, value in found.items():
        if key[0] == "haproxy_server_status" and value:
            assert sum(found[key[0], (*key[1][:-1], state)] for state in ("UP", "DOWN", "MAINT", "DRAIN", "NOLB")) == 1


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in '",\r\n') else cell
