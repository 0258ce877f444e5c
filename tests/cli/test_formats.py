r"""Do other monitoring systems read the last verdicts as they are? Each format is read back by its own rules.

Zabbix: zabbix_sender(1), --input-file. Checkmk: the syntax of its manual, "Local checks". Icinga: the parameters of
process-check-result. Prometheus: its own client library.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cli.formats import FORMATS, checkmk, icinga, zabbix
from tests.commands import run
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, State, one_line
from vipwarden.state.table import Row
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from pathlib import Path

TEXT = 'said "5 | 3", \\n and a # b'
METRICS = (
    Metric("time", 0.25, "s", warn=Range("1"), crit=Range("2:10"), minimum=0),
    Metric("7 days", 3, warn=Range("@5"), crit=Range("~:9")),
    Metric("lost", float("nan"), "%"),
)
TABLE = [
    Row("web@192.0.2.11:80", "http_page", CRITICAL, 1e9, 0.5, TEXT, counts=True, ttl=8, metrics=METRICS),
    Row('a "name", ]', "port", OK, 1e9, 1.25, "open", counts=True),
    Row("new", "", UNKNOWN, None, None, "has no verdict yet", counts=True),
    Row("past", "port", CRITICAL, 1e9, 100, "closed", counts=False),
]


def fields(line: str) -> list[str]:
    """Split a line of zabbix_sender's input: a quoted field has backslashes before quotes and backslashes."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"(?: |$)|([^ "]+)(?: |$)', line)
    assert "".join(f"{plain or quoted}" for quoted, plain in parts)
    return [plain or re.sub(r"\\(.)", r"\1", quoted) for quoted, plain in parts]


def parameters(key: str) -> tuple[str, list[str]]:
    """Split an item key: each parameter is quoted, with a backslash before a quote."""
    word, _, rest = key.partition("[")
    assert not rest or rest.endswith("]")
    return word, [part.replace('\\"', '"') for part in re.findall(r'"((?:[^"\\]|\\"|\\(?!"))*)"', rest[:-1])]


def test_zabbix_sender_finds_each_value_in_its_line() -> None:
    """First the data of the discovery rules; a verdict that is past has no value."""
    lines = [fields(line) for line in zabbix(TABLE, None).splitlines()]
    assert all(len(line) == 3 and line[0] == "-" for line in lines)
    found = {(word, *names): value for _, key, value in lines for word, names in [parameters(key)]}
    assert [entry["{#NAME}"] for entry in json.loads(found["vipwarden.checks",])] == [row.name for row in TABLE[:3]]
    assert json.loads(found["vipwarden.metrics",])[0] == {
        "{#NAME}": TABLE[0].name, "{#METRIC}": "time", "{#UNIT}": "s",
    }  # fmt: skip
    assert found["vipwarden.state", TABLE[0].name] == "2"
    assert found["vipwarden.text", TABLE[0].name] == TEXT
    assert found["vipwarden.metric", TABLE[0].name, "time"] == "0.25"
    assert found["vipwarden.age", TABLE[1].name] == "1.25"
    assert ("vipwarden.metric", TABLE[0].name, "lost") not in found
    assert ("vipwarden.age", "new") not in found
    assert not [key for key in found if "past" in key]
    assert {line[0] for line in map(fields, zabbix(TABLE, "my lb").splitlines())} == {"my lb"}


LOCAL = re.compile(
    r'([0-3]) "([^"\\]+)" (-|[A-Za-z_][A-Za-z0-9_]*=[^ |]+(?:\|[A-Za-z_][A-Za-z0-9_]*=[^ |]+)*) ([^|\\\n]+)\n'
)


def test_checkmk_reads_each_line() -> None:
    """Names and texts have no character that means something there; thresholds are levels."""
    lines = [LOCAL.fullmatch(line) for line in checkmk(TABLE, None).splitlines(keepends=True)]
    assert [line and line.groups() for line in lines] == [
        (
            "2",
            "vipwarden web@192.0.2.11:80",
            "time=0.25;1;2:10;0|_7_days=3;;~:9".replace("~:", ""),
            'said "5 / 3", /n and a # b',
        ),
        ("0", "vipwarden a 'name', ]", "-", "open"),
        ("3", "vipwarden new", "-", "has no verdict yet"),
    ]


def test_icinga_takes_each_line_as_a_body() -> None:
    """The names stand beside the filter, the TTL where the verdict has one."""
    bodies = [json.loads(line) for line in icinga(TABLE, "lb1").splitlines()]
    assert [(body["filter_vars"]["check"], body["exit_status"], body.get("ttl")) for body in bodies] == [
        (TABLE[0].name, 2, 8), (TABLE[1].name, 0, None), ("new", 3, None),
    ]  # fmt: skip
    assert {body["filter"] for body in bodies} == {"host.name == node && service.name == check"}
    assert bodies[0]["performance_data"] == ["time=0.25s;1;2:10;0", "'7 days'=3;@5;~:9", "lost=U%"]
    assert bodies[0]["plugin_output"] == f"CRITICAL - {TEXT}"


ANY = st.text(st.characters(codec="utf-8"), max_size=30).map(one_line)


@given(name=ANY.filter(bool), text=ANY, metric=ANY.filter(bool))
def test_no_name_and_no_text_breaks_a_format(name: str, text: str, metric: str) -> None:
    """Each stays one line, or one value."""
    table = [Row(name, "port", OK, 1e9, 1, text, counts=True, metrics=[Metric(metric, 1)])]
    lines = [fields(line) for line in zabbix(table, None).splitlines()]
    assert [len(line) for line in lines] == [3] * 6 or not text
    assert len(checkmk(table, None).splitlines()) == 1
    assert LOCAL.fullmatch(checkmk(table, None))
    assert json.loads(icinga(table, None))["filter_vars"]["check"] == name


def test_the_command_prints_them(tmp_path: Path) -> None:
    """With 0, as the states are in the text; one at a time."""
    folder = tmp_path / "run" / "verdict"
    folder.mkdir(parents=True)
    (folder / "web").write_bytes(encode("port", Result(CRITICAL, "it is \\ down", METRICS), 1e9, 0.1, 60))
    for name in FORMATS:
        ran = run(tmp_path, "vipwarden", "status", f"--{name}")
        assert (ran.code, ran.err) == (0, "")
        assert "web" in ran.out
    families = {family.name: family for family in text_string_to_metric_families(ran.out)}
    [sample] = families["vipwarden_check_state"].samples
    assert (sample.labels, sample.value) == ({"name": "web", "check": "port"}, 2)
    assert {it.labels["metric"] for it in families["vipwarden_check_metric"].samples} == {"time", "7 days"}
    for wrong in (("--zabbix", "--json"), ("--icinga", "--checkmk"), ("--host", "a"), ("--checkmk", "--host", "a")):
        ran = run(tmp_path, "vipwarden", "status", *wrong)
        assert (ran.code, ran.out) == (3, "")
    (folder / "web").unlink()
    assert [run(tmp_path, "vipwarden", "status", f"--{name}").code for name in FORMATS] == [0, 0, 0, 0]


@pytest.mark.parametrize("state", [OK, CRITICAL])
def test_a_number_is_the_state(state: State) -> None:
    """As Nagios has them."""
    assert checkmk([Row("a", "port", state, None, None, "b", counts=True)], None) == f'{int(state)} "vipwarden a" - b\n'
