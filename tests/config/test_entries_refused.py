"""Which entries are refused, by their line and key?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.written import PORT, entries, refused
from vipwarden.config import entries as written_out
from vipwarden.config.pattern import Hosts, PortList
from vipwarden.config.weight import Weight


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a: {check: port, host: h, hosts: [x]}", "a.hosts cannot be combined with what it replaces"),
        ("a: {check: port, hosts: [x], real_servers: /k}", "a.hosts cannot be combined with"),
        ("a: {check: process, command: c, hosts: [x]}", "a.hosts means nothing to process, which has no host"),
        (
            "a: {check: port, port: 1, hosts: ['192.0.2.[9-3]']}",
            "a.hosts is '192.0.2.[9-3]', but the range 9-3 runs backwards",
        ),
        ("a: {check: port, hosts: ['x[1-']}", "a.hosts is 'x[1-', but a range of hosts is written"),
        ("a: {check: port, hosts: [x], ports: 0}", "a.ports is '0', but a port is a number"),
        ("a: {check: port, hosts: [x], ports: 9-3}", "the range 9-3 runs backwards"),
        ("a: {check: port, hosts: [x, x]}", "a@x is given twice"),
        ("a: {check: port, host: h, interval: 0.05}", "a.interval is below 0.1 s"),
        ("a: {check: port, host: h, fast_interval: 0.01}", "a.fast_interval is below 0.1 s"),
        (
            "a: {check: port, port: 1, host: h, interval: 1, agent_loss_after: 1}",
            "a.agent_loss_after is not above the interval",
        ),
        ("a: {check: port, host: h, rise: 0}", "a.rise is '0', but a whole number from 1 up is wanted"),
        (
            "a: {check: port, port: 1, host: h, on_agent_loss: keep}",
            "a.on_agent_loss is 'keep', but fail or hold is wanted",
        ),
        ("a: {check: port, host: h, weight: 5}", "a.weight is '5', but a weight is a number for each state"),
        ("a: {check: port, host: h, weight: ok=1}", "critical is missing"),
        (
            "a: {check: port, port: 1, host: h, weight: 'ok=254, critical=0'}",
            "'254' is no whole number from -253 to 253",
        ),
        ("a: {check: port, host: h, healthy: maybe}", "a.healthy is 'maybe', but ok or warning is wanted"),
        ("a: {check: port, host: h, healthy: critical}", "a.healthy is 'critical', but ok or warning is wanted"),
        ("a: {check: port, host: h, healthy: unknown}", "a.healthy is 'unknown', but ok or warning is wanted"),
        ("a: {check: port, host: h, healthy: 2}", "a.healthy is '2', but ok or warning is wanted"),
        ("a: {all_of: [b], healthy: critical}", "a.healthy is 'critical', but ok or warning is wanted"),
        ("a: {check: port, host: h, weight: 'ok=1, critical=50'}", "a worse state has a higher number"),
        ("a: {check: port, host: h, weight: 'warning=1, critical=2'}", "a worse state has a higher number"),
        (
            "a: {check: port, port: 1, host: h, weight: 'time 0:1 = 50:10, critical=20'}",
            "a worse state has a higher number",
        ),
        (
            "a: {check: port, port: 1, host: '10.[0-99].1.1'}",
            "a.host is '10.[0-99].1.1', but this is no host; a range such as",
        ),
        ("a: {check: port, host: 'web[1-9]'}", "a.host is 'web[1-9]', but this is no host; a range such as"),
        (
            "a: {check: port, port: 1, host: 127.0.0.010}",
            "a.host is '127.0.0.010', but an IPv4 address has four numbers",
        ),
        ("a: {check: port, host: 127.1}", "a.host is '127.1', but an IPv4 address has four numbers"),
        (
            "a: {check: port, port: 1, hosts: ['10.0.0.[008-012]']}",
            "a.hosts names '10.0.0.008': an IPv4 address has four",
        ),
        (
            "a: {check: port, port: 1, hosts: ['10.0.0.[250-256]']}",
            "a.hosts names '10.0.0.256': an IPv4 address has four",
        ),
        ("a: {check: port, host: h, source: h}", "a.source is 'h', but an address of this node is wanted"),
        ("a: {check: port, host: h, only_if: b}", "a.only_if names 'b', which does not exist"),
        ("a: {check: port, host: h, only_if: a}", "a depends on itself"),
        ("a: {all_of: [a]}", "a depends on itself"),
        ("a: {all_of: [b], any_of: [b]}", "a wants one of all_of, any_of, or at_least with of"),
        ("a: {at_least: 2}", "a wants one of all_of, any_of, or at_least with of"),
        ("a: {of: [b]}", "a wants one of all_of, any_of, or at_least with of"),
        ("a: {at_least: 3, of: [b, c]}", "a.at_least names 'b', which does not exist"),
        ("a: {any_of: [b], interval: 1}", "a.interval is not known"),
        ("a: {rise: 2}", "a has no check: say which one it is"),
        ("vipwarden agent: {check: port, host: h}", "is the name of the agent's own verdict"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line_and_key(line: str, told: str) -> None:
    """Whatever the agent would make of it."""
    if "check: port," in line and not any(key in line for key in (" port:", " ports:", "real_servers:")):
        line = line.replace("check: port,", "check: port, port: 1,", 1)  # else that would be wrong first
    said = refused(line)
    assert said.startswith("a.yaml:2: checks.")
    assert told in said


def test_more_checks_than_an_agent_can_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as they are too many: 100 000, and here 100."""
    assert written_out._MOST == 100_000
    monkeypatch.setattr(written_out, "_MOST", 100)
    said = refused("a: {check: port, hosts: ['x[1-400]'], ports: 1-400}")
    assert said == "a.yaml:2: checks.a is beyond the limit of 100 checks"


def test_more_than_there_are_cannot_be_needed() -> None:
    """A quorum that is never reached would be down for ever."""
    said = refused("a: {at_least: 3, of: [b]}", "b: {check: port, hosts: [x, y], port: 1}")
    assert said == "a.yaml:2: checks.a.at_least is 3, of only 2"


def test_a_circle_is_refused_however_long() -> None:
    """By one of its names."""
    said = refused("a: {all_of: [b]}", "b: {any_of: [c]}", f"c: {{{PORT}, only_if: a}}")
    assert "depends on itself" in said


@given(text=st.text(max_size=30))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    """Of each type that an operator writes here."""
    for build in (Hosts, PortList, Weight):
        try:
            build(text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{check: port, host: h}", "no port given"),
        ("{check: port, host: /run/socket, port: 1}", "/run/socket has no ports"),
        ("{check: process}", "nothing to search for"),
    ],
)
def test_options_that_contradict_each_other_are_refused(entry: str, said: str) -> None:
    """With `weight 0 reverse` such an entry would put every node into FAULT."""
    assert refused(f"a: {entry}").startswith("a.yaml:2: checks.a can never be healthy: ")
    assert said in refused(f"a: {entry}")


def test_an_interface_that_is_not_there_yet_is_no_contradiction() -> None:
    """It may come up later, and the agent has to start meanwhile."""
    assert list(entries("a: {check: port, port: 1, host: 'fe80::1%nosuch0'}")) == ["a"]
