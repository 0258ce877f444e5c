"""Which checks does a configuration stand for, with patterns written out and names followed?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.settings import plan, real_servers
from vipwarden.config.document import ConfigError, Document
from vipwarden.config.entries import checks
from vipwarden.config.pattern import Hosts, PortList
from vipwarden.config.weight import Weight
from vipwarden.core.result import OK, State

if TYPE_CHECKING:
    from pathlib import Path

    from vipwarden.config.entry import Entry

PORT = "check: port, port: 1, host: h"


def entries(*lines: str) -> dict[str, Entry]:
    """Return the entries of a configuration by name."""
    return {entry.name: entry for entry in checks(Document("a.yaml", "\n  ".join(["checks:", *lines])))}


def refused(*lines: str) -> str:
    """Return what is said of a configuration that cannot be."""
    with pytest.raises(ConfigError) as error:
        entries(*lines)
    return str(error.value)


def test_one_entry_stands_for_a_list_of_hosts_and_ports() -> None:
    """Each has a name of its own, and all have the same keys."""
    found = entries('web: {check: port, hosts: ["192.0.2.[9-11]", "::1", name], ports: "80,8080-8081", interval: 2}')
    assert list(found)[:4] == ["web@192.0.2.9:80", "web@192.0.2.9:8080", "web@192.0.2.9:8081", "web@192.0.2.10:80"]
    assert len(found) == 15
    one = found["web@[::1]:8081"]
    assert (one.values["host"], one.values["port"], one.interval) == ("::1", (8081,), 2)


def test_a_pattern_may_be_of_hosts_or_of_ports_alone() -> None:
    """The other one is the same for all."""
    assert list(entries("a: {check: http_digest, hosts: [x, y], path: /p}")) == ["a@x", "a@y"]
    found = entries("a: {check: port, host: h, ports: 1-3}")
    assert [(name, entry.values["host"], entry.values["port"]) for name, entry in found.items()] == [
        ("a@:1", "h", (1,)), ("a@:2", "h", (2,)), ("a@:3", "h", (3,)),
    ]  # fmt: skip


KEEPALIVED = """
virtual_server 192.0.2.1 80 {
    real_server 192.0.2.11 8080 { weight 1 }
    real_server 2001:db8::12 8080 { weight 1 }
}
virtual_server 192.0.2.2 80 {
    real_server 192.0.2.11 8080 { weight 1 }
    real_server 192.0.2.13 8081 { weight 1 }
}
"""


def test_real_servers_come_from_keepalived_conf(tmp_path: Path) -> None:
    """Each once, of all virtual servers."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(KEEPALIVED)
    text = f"checks:\n  real: {{check: port, real_servers: {conf}, interval: 1}}\n  most: {{at_least: 2, of: [real]}}\n"
    found = {entry.name: entry for entry in plan("a.yaml", text).entries}
    assert list(found) == [
        "real@192.0.2.11:8080", "real@[2001:db8::12]:8080", "real@192.0.2.13:8081", "most",
    ]  # fmt: skip
    assert found["real@[2001:db8::12]:8080"].values["host"] == "2001:db8::12"
    assert found["most"].members == tuple(list(found)[:3])


@pytest.mark.parametrize(
    "text", ["", "virtual_server 192.0.2.1 80 {\n}\n", "virtual_server fwmark 1 {\n real_server 192.0.2.1 {\n }\n}\n"]
)
def test_a_keepalived_conf_without_ports_to_check_is_refused(tmp_path: Path, text: str) -> None:
    """With the place of the key that asked for it."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yaml:2: checks\.real\.real_servers .*keepalived\.conf"):
        plan("a.yaml", f"checks:\n  real: {{check: port, real_servers: {conf}}}\n")
    with pytest.raises(ValueError, match=r"no missing\.conf at"):
        list(real_servers(str(tmp_path / "missing.conf"), "", None))


_SERVICES = """
virtual_server 192.0.2.10 80 {
 lb_kind DR
 real_server 198.51.100.11 80 { }
 real_server 198.51.100.12 81 { lvs_method TUN }
 real_server 198.51.100.13 8080 { lvs_method NAT }
}
virtual_server_group web { 2001:db8::20 443
 2001:db8::1e-1f 443 }
virtual_server_group mail { 192.0.2.20-22 25 }
virtual_server group web {
 lb_kind tun type ipip
 real_server 2001:db8:1::11 443 { }
}
virtual_server group mail {
 lb_kind TUN
 real_server 198.51.100.15 25 { lvs_method TUN type gue port 6080 }
}
virtual_server fwmark 7 {
 lb_kind DR
 real_server 198.51.100.14 25 { }
}
virtual_server 192.0.2.40 443 {
 lb_kind TUN
 real_server 2001:db8:1::11 443 { }
}
"""


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (
            'via: lb_kind, virtual_server: "192.0.2.10  80"',
            {
                "real@198.51.100.11@192.0.2.10:80": ("198.51.100.11", 80, "dr:192.0.2.10"),
                "real@198.51.100.12@192.0.2.10:80": ("198.51.100.12", 80, "tun:192.0.2.10"),
                "real@198.51.100.13:8080": ("198.51.100.13", 8080, None),
            },
        ),
        (
            "via: lb_kind, virtual_server: group web",
            {
                f"real@2001:db8:1::11@{name}:443": ("2001:db8:1::11", 443, f"tun:{vip}")
                for vip in ("2001:db8::20", "2001:db8::1e", "2001:db8::1f")
                for name in (f"[{vip}]",)
            },
        ),
        (
            'via: "lb_kind:192.0.2.30", virtual_server: fwmark 7',
            {"real@198.51.100.14@192.0.2.30:25": ("198.51.100.14", 25, "dr:192.0.2.30")},
        ),
        ("virtual_server: fwmark 7", {"real@198.51.100.14:25": ("198.51.100.14", 25, None)}),
        (
            'via: "dr:192.0.2.9", virtual_server: fwmark 7',
            {"real@198.51.100.14:25": ("198.51.100.14", 25, "dr:192.0.2.9")},
        ),
    ],
)
def test_paths_to_real_servers_come_from_keepalived_conf(
    tmp_path: Path, more: str, wanted: dict[str, tuple[str, int, str | None]]
) -> None:
    """By lb_kind of the service or the server, to each VIP of a group; a server of NAT is asked at its own address."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(_SERVICES)
    found = plan("a.yaml", f"checks:\n  real: {{check: http_digest, real_servers: {conf}, {more}}}\n").entries
    seen = {it.name: (it.values["host"], it.values["port"], it.values.get("via")) for it in found}
    assert seen == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("via: lb_kind, virtual_server: fwmark 7", "virtual_server fwmark 7 has no VIP: write via: lb_kind:VIP"),
        ("via: lb_kind, virtual_server: group mail", "a path in a tunnel of type gue cannot be built, only ipip"),
        ("via: lb_kind, virtual_server: 192.0.2.40 443", "192.0.2.40 and 2001:db8:1::11 are not both IPv4 or IPv6"),
        ("via: nat", "lb_kind is wanted, lb_kind:VIP for services of a fwmark, dr:VIP or tun:VIP"),
        ("virtual_server: 192.0.2.11 80", "has no real servers of virtual_server 192.0.2.11 80"),
    ],
)
def test_paths_that_keepalived_conf_does_not_tell_are_refused(tmp_path: Path, text: str, why: str) -> None:
    """With the line of what is missing."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(_SERVICES)
    with pytest.raises(ConfigError, match=re.escape(why)):
        plan("a.yaml", f"checks:\n  real: {{check: port, real_servers: {conf}, {text}}}\n")


def test_names_of_patterns_stand_for_all_of_their_checks() -> None:
    """In what is composed of others and in only_if; what depends comes behind."""
    found = entries(
        "all: {all_of: [web, db], healthy: warning}",
        "some: {any_of: [web@b]}",
        f"db: {{{PORT}, interval: 7, only_if: [some]}}",
        "web: {check: port, hosts: [a, b], port: 80, interval: 3, timeout: 1}",
    )
    assert list(found) == ["web@a", "web@b", "some", "db", "all"]
    assert found["all"].members == ("web@a", "web@b", "db")
    assert (found["all"].needed, found["all"].interval, found["all"].loss_after) == (3, 7, 17.5)
    assert found["all"].healthy == State.WARNING
    assert (found["some"].needed, found["some"].check) == (1, "any_of")
    assert found["db"].only_if == ("some",)


def test_a_check_has_its_keys_or_their_defaults() -> None:
    """Times in seconds; two and a half intervals until the agent is lost."""
    plain = entries(f"a: {{{PORT}, interval: 2}}")["a"]
    assert (plain.rise, plain.fall, plain.retry, plain.fast_interval, plain.loss_after) == (1, 1, 0, 2, 5)
    assert (plain.track, plain.syslog, plain.hold, plain.weight, plain.healthy) == (True, True, False, None, OK)
    more = "rise: 2, fall: 3, retry: 1, fast_interval: 0.5, agent_loss_after: 9"
    more += ", track: no, syslog: no, on_agent_loss: hold"
    full = entries(f"a: {{{PORT}, interval: 2, {more}, weight: 'ok=1, critical=0'}}")["a"]
    assert (full.rise, full.fall, full.retry, full.fast_interval, full.loss_after) == (2, 3, 1, 0.5, 9)
    assert (full.track, full.syslog, full.hold, full.weight) == (False, False, True, Weight("ok=1, critical=0"))


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
        ("a: {check: port, hosts: ['x[1-400]'], ports: 1-400}", "is beyond the limit of 100000 checks"),
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


def test_more_than_there_are_cannot_be_needed() -> None:
    """A quorum that is never reached would be down for ever."""
    said = refused("a: {at_least: 3, of: [b]}", "b: {check: port, hosts: [x, y], port: 1}")
    assert said == "a.yaml:2: checks.a.at_least is 3, of only 2"


def test_a_circle_is_refused_however_long() -> None:
    """By one of its names."""
    said = refused("a: {all_of: [b]}", "b: {any_of: [c]}", f"c: {{{PORT}, only_if: a}}")
    assert "depends on itself" in said


@given(low=st.integers(0, 300), count=st.integers(0, 20), width=st.integers(1, 4))
def test_ranges_of_hosts_keep_their_width(low: int, count: int, width: int) -> None:
    """As 01 to 12."""
    first = f"{low:0{width}d}"
    found = Hosts(f"web[{first}-{low + count}].example")
    assert len(found) == count + 1
    assert found[0] == f"web{first}.example"
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("text", ["h", "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "/run/x.sock", "fe80::1%eth0"])
def test_a_host_without_a_range_is_itself(text: str) -> None:
    """Brackets around an IPv6 address are none."""
    assert Hosts(text) == (text.strip("[]"),)


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
