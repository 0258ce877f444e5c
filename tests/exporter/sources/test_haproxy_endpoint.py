"""Is every series of HAProxy's own Prometheus endpoint among ours, with the same value?"""

from __future__ import annotations

import math
import re
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.render.exposition import render
from exporter.settings import settings
from exporter.sources.haproxy import source as collector
from tests.commands import program, shell
from tests.servers.haproxy import agent, command, haproxy, wait_for
from tests.servers.ports import free_ports
from vipwarden.node.haproxy.source import Source

DOCS = Path(__file__).parents[3] / "docs" / "exporter-haproxy.md"
# what changes from one scrape to the next: the process, and the frontend that is scraped
_MOVES = re.compile(
    r"haproxy_process_(uptime_seconds|idle_time_percent|current_(tasks|run_queue|connections|connection_rate|session_rate)"
    r"|(connections|requests|bytes_out)_total|bytes_out_rate|jobs|pool_.*|max_(connection|session)_rate|total_warnings)"
    r"|haproxy_(frontend|backend|server)_(current_sessions|current_session_rate|(http_requests|connections)_rate_current)"
    r"|haproxy_server_(check|agent)_duration_seconds"
)
_EXCUSED = re.compile("agg_check_status|_time_average_seconds")  # what has another value there
_BODY = """
  option socket-stats
resolvers office
  nameserver ns1 127.0.0.1:{closed}
  nameserver ns2 127.0.0.1:{missing}
frontend fe
  bind 127.0.0.1:{front} name "web"
  http-request deny if {{ path /denied }}
  use_backend dead if {{ path /dead }}
  default_backend be
frontend fe-tcp
  mode tcp
  bind 127.0.0.1:{tcp}
  default_backend tcp
backend be
  option httpchk GET /
  stick-table type ip size 1k expire 1m
  http-request return status 200 if {{ path /here }}
  server up 127.0.0.1:{answers} check inter 100 maxconn 9
  server down 127.0.0.1:{closed} check inter 100 fall 1
  server broken 127.0.0.1:{refuses} check inter 100 fall 1 rise 3
  server maint 127.0.0.1:{answers} check disabled
  server paused 127.0.0.1:{answers} check inter 100
  server drain 127.0.0.1:{answers} check inter 100
  server plain 127.0.0.1:{answers} weight 7 backup
  server idle 127.0.0.1:{answers} weight 0
  server follows 127.0.0.1:{answers} track be/down
  server away 127.0.0.1:{answers} track be/maint
  server half 127.0.0.1:{answers} agent-check agent-port {half} agent-inter 500
  server told-down 127.0.0.1:{answers} check inter 100 agent-check agent-port {down} agent-inter 500
  server told-drain 127.0.0.1:{answers} check inter 100 agent-check agent-port {drain} agent-inter 500
backend dead
  server down 127.0.0.1:{closed} check inter 100 fall 1
backend tcp
  mode tcp
  server up 127.0.0.1:{answers} check inter 100
backend empty
backend leaving
  option httpchk GET /
  http-check disable-on-404
  server gone 127.0.0.1:{missing} check inter 100
listen missing
  bind 127.0.0.1:{missing}
  http-request return status 404
listen answers
  bind 127.0.0.1:{answers}
  timeout tarpit 30ms
  http-request tarpit deny_status 200 if {{ path /slow }}
  http-request return status 200
listen refuses
  bind 127.0.0.1:{refuses}
  http-request return status 503
frontend own
  bind 127.0.0.1:{own}
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""


Key: TypeAlias = tuple[str, frozenset[tuple[str, str]]]


class Scrape(NamedTuple):
    """What a scrape says: types by name, and values by name and labels."""

    types: dict[str, str]
    values: dict[Key, float]


class Excuse(NamedTuple):
    """A line of the table in the docs."""

    metric: re.Pattern[str]
    versions: str
    there: str
    here: str

    def holds(self, version: tuple[int, int]) -> bool:
        """Whether it is about this version of HAProxy."""
        low, _, high = self.versions.replace("all", "").removeprefix("from ").partition("to ")
        return _version(low or "0.0") <= version <= _version(high or "99.0")


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def excuses(version: tuple[int, int]) -> list[Excuse]:
    """Read from the docs what they say of a version."""
    section = DOCS.read_text(encoding="utf-8").partition("## What differs")[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.split("\n") if line.startswith("| `")]
    cells = [[cell.strip().replace("\\|", "|").strip("`") for cell in row] for row in rows]
    assert all(len(row) == 5 and row[4] for row in cells)
    found = [Excuse(re.compile(row[0]), *row[1:4]) for row in cells]
    return [one for one in found if one.holds(version)]


def scrape(text: str) -> Scrape:
    """Read a scrape; types as they stand there, for the parser takes liberties with them."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    samples = [one for family in text_families(text) for one in family.samples]
    values = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
    # the parser gives every counter a _total
    return Scrape(types, {(_known(key[0], types), key[1]): value for key, value in values.items()})


def _known(name: str, types: dict[str, str]) -> str:
    return name if name in types else name.removesuffix("_total")


def ours(path: str, *, openmetrics: bool = False) -> str:
    """Scrape by the collector."""
    facts = collector.read(settings(haproxy=(Source(path),)))
    assert facts.failure == ""
    return render(collector.SOURCE.series(facts), openmetrics=openmetrics).decode()


def get(port: int, path: str) -> str:
    """Ask over HTTP."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def test_every_series_of_its_own_endpoint_is_ours(tmp_path: Path) -> None:
    """Over servers in every state, but for what the table in the docs excuses; each of its lines has to occur."""
    front, tcp, answers, refuses, missing, closed, own = free_ports(7)
    with agent("up 50%") as half, agent("down") as down, agent("drain") as drain:
        ports = {
            "front": front,
            "tcp": tcp,
            "answers": answers,
            "refuses": refuses,
            "missing": missing,
            "closed": closed,
            "own": own,
        }
        body = _BODY.format(**ports, half=half, down=down, drain=drain)
        with haproxy(body) as path:
            for server, status in (
                *(("be/down", "DOWN"), ("be/broken", "DOWN"), ("dead/down", "DOWN"), ("be/follows", "DOWN")),
                *(("be/told-down", "DOWN (agent)"), ("be/told-drain", "DRAIN (agent)"), ("leaving/gone", "NOLB")),
            ):
                wait_for(path, server, status)
            command(path, "set server be/drain state drain")
            command(path, "set server be/paused state maint")
            for page in ("/here", "/", "/denied", "/dead", "/nothing", "/slow"):
                with suppress(urllib.error.HTTPError):
                    get(front, page)
            wait_for(path, "be/paused", "MAINT")
            for _ in range(10):  # checks go on meanwhile
                before, theirs, after = scrape(ours(path)), scrape(get(own, "/metrics")), scrape(ours(path))
                if all(_EXCUSED.search(key[0]) for key in _differing(before, theirs, after)):
                    break
    states = {
        dict(key[1])["state"] for key, value in after.values.items() if key[0] == "haproxy_server_status" and value
    }
    assert states == {"UP", "DOWN", "DRAIN", "MAINT", "NOLB"}

    (said,) = (dict(key[1])["version"] for key in after.values if key[0] == "haproxy_process_build_info")
    table = excuses(_version(said))
    used: set[Excuse] = set()
    for key in _differing(before, theirs, after):
        assert _EXCUSED.search(key[0]), key
        used.add(next(one for one in table if one.metric.fullmatch(key[0]) and one.there != "NaN"))
    for key, value in theirs.values.items():
        name = key[0]
        if name not in after.types or key not in after.values:
            used.add(_excuse(table, name, value, key))
        if name in after.types and theirs.types[name] != after.types[name]:
            used.add(next(one for one in table if one.metric.fullmatch(name) and one.here == after.types[name]))
    assert used == set(table)
    assert len(theirs.values) > 1300


def _differing(before: Scrape, theirs: Scrape, after: Scrape) -> list[Key]:
    """Return what is not between the values of the scrapes before and after."""
    found = []
    for key, value in theirs.values.items():
        if (
            key in before.values
            and key in after.values
            and ("proxy", "own") not in key[1]
            and not _MOVES.fullmatch(key[0])
        ):
            low, high = sorted((before.values[key], after.values[key]))
            slack = 2 if key[0] == "haproxy_process_start_time_seconds" else 0  # reckoned, before 2.5
            if not low - slack <= value <= high + slack:
                found.append(key)
    return found


def _excuse(table: list[Excuse], name: str, value: float, key: object) -> Excuse:
    for one in table:
        if one.metric.fullmatch(name) and one.here in ("no series", "a series for each"):
            if one.there == "NaN" and math.isnan(value):
                return one
            if one.there == "-1" and value == -1:
                return one
            if one.there == "a value" or (one.there.isdecimal() and value == int(one.there)):
                return one
            if one.there == "a value during maintenance" and "paused" in str(key):
                return one
    pytest.fail(f"{key} is {value} at HAProxy's own endpoint and not among ours")


def test_both_formats_say_the_same_and_satisfy_their_parsers_and_promtool(tmp_path: Path) -> None:
    """The parsers of prometheus_client, and promtool check metrics without a word."""
    front, closed = free_ports(2)
    body = f"""
  option socket-stats
listen shop
  bind 127.0.0.1:{front}
  stick-table type ip size 1k
  server one 127.0.0.1:{front} check inter 50
  server two 127.0.0.1:{closed} check inter 50 fall 1
"""
    with haproxy(body) as path:
        wait_for(path, "shop/two", "DOWN")
        text, openmetrics = ours(path), ours(path, openmetrics=True)
    assert openmetrics.endswith("\n# EOF\n")
    parser: Any = openmetrics_parser
    found = {
        (one.name, frozenset(one.labels.items()))
        for family in parser.text_string_to_metric_families(openmetrics)
        for one in family.samples
    }
    assert found == set(scrape(text).values)
    assert len(found) == sum(not line.startswith("#") for line in text.splitlines())  # nothing twice
    (tmp_path / "metrics").write_text(text, encoding="utf-8")
    said = shell(tmp_path, '"$1" check metrics < "$2"', program("promtool"), str(tmp_path / "metrics"))
    assert (said.code, said.out, said.err) == (0, "", "")
