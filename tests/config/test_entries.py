"""Which checks does a configuration stand for, with patterns written out and names followed?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.settings import plan, real_servers
from tests.config.written import PORT, entries
from vipwarden.config.document import ConfigError
from vipwarden.config.pattern import Hosts
from vipwarden.config.weight import Weight
from vipwarden.core.result import OK, State

if TYPE_CHECKING:
    from pathlib import Path


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
