"""Which groups does the section panic define, and what is refused, with its place?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.settings import plan
from vipwarden.config.document import ConfigError
from vipwarden.config.panic import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from vipwarden.config.panic import Group

CHECKS = """\
checks:
  web: {check: port, hosts: ["192.0.2.[11-13]"], port: 80, interval: 2, timeout: 1}
  db: {check: port, host: 192.0.2.50, port: 3306, interval: 4, timeout: 3, fall: 3, fast_interval: 1, retry: 1}
  all: {all_of: [web, db]}
panic:
"""
CONF = """\
virtual_server 192.0.2.10 80 {
    lb_kind NAT
    real_server 10.0.0.1 80 {
    }
    real_server 10.0.0.2 80 {
    }
}
virtual_server 192.0.2.20 80 {
    lb_kind NAT
    real_server 10.0.0.2 80 {
    }
    real_server 10.0.0.3 80 {
    }
}
"""


def panics(text: str) -> list[Group]:
    """Return the groups of a section."""
    return plan("vipwarden.yaml", CHECKS + text).panics


def test_a_group_has_the_checks_that_it_names() -> None:
    """By the name of a pattern, of an entry, or by a pattern of names; the window is that of the slowest member."""
    one, two = panics("  a: {of: [web]}\n  b: {of: ['*@*1[12]', db], above: 60%, window: 5, longest: 30}\n")
    assert one.members == ("web@192.0.2.11", "web@192.0.2.12", "web@192.0.2.13")
    assert one.rule == Rule(50, 3, 300)
    assert two.members == ("web@192.0.2.11", "web@192.0.2.12", "db")
    assert two.rule == Rule(60, 5, 30)
    (three,) = panics("  a: {of: db}\n")
    assert three.rule.window == 4 + 2 * 3 + 2 * 3


def test_by_default_each_virtual_service_is_a_group(tmp_path: Path) -> None:
    """A real server of two of them belongs to both."""
    path = tmp_path / "keepalived.conf"
    path.write_text(CONF)
    text = f"checks: {{web: {{check: port, real_servers: {path}}}}}\npanic: {{real servers: {{}}}}\n"
    assert [(group.name, group.members) for group in plan("vipwarden.yaml", text).panics] == [
        ("real servers 192.0.2.10 80", ("web@10.0.0.1:80", "web@10.0.0.2:80")),
        ("real servers 192.0.2.20 80", ("web@10.0.0.2:80", "web@10.0.0.3:80")),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("  a: {of: [wob]}\n", "6: panic.a.of names 'wob', which does not exist; did you mean 'web'?"),
        ("  a: {of: 'w?b'}\n", "6: panic.a.of names 'w?b', which does not exist"),
        ("  a: {}\n", "6: panic.a has no checks: name them by of, or have an entry with real_servers"),
        ("  a:\n", "6: panic.a must be a mapping of keys to values"),
        ("  a: {of: web, abov: 5}\n", "6: panic.a.abov is not known; known are of, above, window, longest"),
        ("  a: {of: web, above: 0}\n", "6: panic.a.above is '0', but a share is a whole number of percent"),
        ("  a: {of: web, above: 100%}\n", "6: panic.a.above is '100%', but a share is a whole number of percent"),
        ("  a: {of: web, longest: -1}\n", "6: panic.a.longest is '-1', but a duration is a number of seconds"),
        ("  a:\n    of: web\n    longest: 2\n", "6: panic.a.longest is 2 s, below the window of 3 s"),
        ("  a: {of: web}\n  a: {of: web}\n", "7: panic.a is given twice"),
        ("  - web\n", "6: panic must be a mapping of keys to values"),
    ],
)
def test_a_wrong_group_is_refused_with_file_line_and_key(text: str, error: str) -> None:
    """And a name that is nearly right is suggested."""
    with pytest.raises(ConfigError) as caught:
        panics(text)
    assert f"vipwarden.yaml:{error}" in str(caught.value)


def test_a_group_takes_no_name_of_a_check() -> None:
    """Its verdict has a name of its own."""
    text = "checks: {vipwarden panic a: {check: port, host: localhost, port: 1}}\npanic: {a: {of: '*'}}\n"
    with pytest.raises(ConfigError, match="has a verdict of the name of a check"):
        plan("vipwarden.yaml", text)
