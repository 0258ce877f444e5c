"""What does the doctor read in the scripts that keepalived runs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.report import examine
from tests.doctor.node import OWN, SH, Node, instance, misc, script, service, tracked
from tests.doctor.rule_cases import FILE, SCRIPT, with_script
from tests.doctor.spoken import AS_ROOT, rules, words

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = AS_ROOT


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("if ! killall -0 haproxy; then exit 1; fi", "idiom-killall"),
        ("pgrep -x nginx >/dev/null", "idiom-killall"),
        ("A=`pidof mysqld`", "idiom-killall"),
        ("counter=$(ps -C nginx --no-heading|wc -l)", "idiom-ps-count"),
        ("ps -ef | grep haproxy | grep -v grep | wc -l", "idiom-ps-count"),
        ("ps aux |grep -c '[h]aproxy'", "idiom-ps-count"),
        ("/etc/init.d/keepalived stop", "idiom-stops-keepalived"),
        ("service keepalived stop", "idiom-stops-keepalived"),
        ("/usr/bin/systemctl --no-block stop keepalived.service", "idiom-stops-keepalived"),
        ("killall keepalived", "idiom-stops-keepalived"),
        ("pkill -9 keepalived", "idiom-stops-keepalived"),
        ('echo "down at $(date)"; systemctl stop keepalived', "idiom-stops-keepalived"),
        ("echo systemctl stop keepalived | at now", "idiom-stops-keepalived"),
        ("[ $# = 0 ] && service keepalived stop", "idiom-stops-keepalived"),
        ("bash -c 'systemctl stop keepalived'", "idiom-stops-keepalived"),
        ('echo it is "$(pidof haproxy)"', "idiom-killall"),
        ('echo "don\'t"; pidof haproxy', "idiom-killall"),
        ("/usr/bin/nmap -sS localhost -p 80", "idiom-nmap"),
        ("mysql -h 192.0.2.1 -ucheck -psecret -e 'select 1'", "idiom-mysqladmin"),
        ("sleep 3", "script-sleeps"),
    ],
)
def test_each_habit_of_the_tutorials_is_seen(tmp_path: Path, line: str, rule: str) -> None:
    """Wherever it stands in a script, with the number of its line."""
    found = [one for one in with_script(f"{SH}\n{line}\n").examine(tmp_path) if one.rule == rule]
    assert [(one.path, one.line) for one in found] == [(SCRIPT, 3)]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("killall -0 haproxy", "chk_haproxy"),
        ("ps -ef | grep haproxy | grep -v grep | wc -l", "chk_haproxy"),
        ("pidof mysqld", "chk_mysql_ping"),
        ("pgrep -x nginx", "chk_http_digest"),
        ("ps -C httpd --no-heading | wc -l", "chk_http_digest"),
        ("pkill -0 bind9", "chk_process -C bind9"),
        ("ps -C redis-server | wc -l", "chk_process -C redis-server"),
        ("ps aux | grep -c x", "chk_process -C NAME"),
    ],
)
def test_the_fix_is_the_check_that_asks_the_daemon(tmp_path: Path, line: str, wanted: str) -> None:
    """A process that is there may be stopped; for a real server no process of this node tells anything."""
    (finding,) = [it for it in with_script(f"{SH}{line}\n").examine(tmp_path) if it.rule.startswith("idiom")]
    assert finding.fix.startswith(f'script "/usr/libexec/keepalived/{wanted}')
    (tmp_path / "real").mkdir()
    checker = Node(service(misc(SCRIPT)), {FILE: f"{SH}{line}\n"})
    (finding,) = [it for it in checker.examine(tmp_path / "real") if it.rule.startswith("idiom")]
    assert "chk_port -H ADDRESS" in finding.fix


def test_a_script_that_a_shell_is_given_is_read_as_well(tmp_path: Path) -> None:
    """Even where it has no first line of its own."""
    node = Node(tracked(f"/bin/sh -e {SCRIPT} x"), {FILE: "nmap localhost\n"})
    assert [(one.path, one.line) for one in node.examine(tmp_path)] == [(SCRIPT, 1)]


@pytest.mark.parametrize(
    "line",
    [
        "# killall -0 haproxy",
        "systemctl restart haproxy",
        "systemctl stop keepalived-exporter-of-mine; true",
        "grep -c x /proc/net/tcp",
        "echo nmapped",
        "sleep 0.5",
        "mysql --defaults-file=/etc/my.cnf -e 'select 1'",
        "echo 'never: systemctl stop keepalived' >&2",
        'curl -m 1 x || { echo "state $1; see pidof haproxy"; exit 1; }',
        "logger -t chk pidof is not used && exit 1",
        "if :; then echo killall -0 haproxy; fi",
        "test -e '# x' # not pidof haproxy",
        "cat <<EOF\nsystemctl stop keepalived\nEOF",
        "usage() { cat >&2 <<-'END'\n\tpidof haproxy\n\tEND\n}",
    ],
)
def test_what_only_looks_like_a_habit_is_none(tmp_path: Path, line: str) -> None:
    """Comments, parts of words, what is only printed, and the harmless."""
    found = {rule for rule in rules(with_script(f"{SH}{line}\n"), tmp_path) if rule.startswith(("idiom", "script-sle"))}
    assert found == set()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#!/bin/sh\r\necho\r\n", "has Windows line ends"),
        ("#!\n", "cannot be run: none"),
        ("#!/bin/none -e\n", "cannot be run: /bin/none"),
        ("#!/usr/bin/env python9\n", "finds no python9"),
        ("#!/usr/bin/env -S A=1 python9 -u\n", "finds no python9"),
        ("#!/etc/passwd\n", "cannot be run: /etc/passwd"),
        ("#! /bin/sh -e\n", ""),
        ("#!/usr/bin/env sh\n", ""),
        ("\x7fELF", ""),
    ],
)
def test_the_first_line_of_a_script_is_read_as_the_kernel_does(tmp_path: Path, text: str, wanted: str) -> None:
    """Missing interpreters, env, and lines from Windows."""
    node = with_script("", modes={FILE: 0o755})
    case = node.build(tmp_path)
    (tmp_path / FILE).write_bytes(text.encode())
    said = "\n".join(one.what for one in examine(case) if one.rule == "interpreter-missing")
    assert wanted in said
    assert bool(said) is bool(wanted)


def test_env_failing_is_told_from_exec_failing(tmp_path: Path) -> None:
    """The one is a failure for keepalived, the other a success."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    env = words(with_script("#!/usr/bin/env x9\n"), tmp_path / "a", "interpreter-missing")
    direct = words(with_script("#!/bin/x9\n"), tmp_path / "b", "interpreter-missing")
    assert "nothing but failures" in env
    assert "counts as success" in direct


def test_a_plugin_is_told_by_its_folder(tmp_path: Path) -> None:
    """By that of its target as well; a script of one's own may be called check_ too."""
    node = Node(
        service(misc("/etc/keepalived/check_web", "misc_dynamic")),
        links={"etc/keepalived/check_web": "/usr/lib/nagios/plugins/check_tcp"},
    )
    assert "misc-dynamic-nagios" in rules(node, tmp_path)


def test_a_script_of_a_plain_user_is_not_guarded(tmp_path: Path) -> None:
    """Only the path of what root runs is looked at."""
    node = Node(tracked(SCRIPT, "user nobody"), {FILE: SH}, {"etc/keepalived": 0o777})
    assert "script-insecure" not in rules(node, tmp_path)


def test_user_and_group_behind_a_notify_script_are_no_arguments(tmp_path: Path) -> None:
    """A word behind it that is no user is a mistake in quoting."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fine = Node(script() + instance(f"notify {OWN} nobody nogroup\ntrack_script {{\n chk\n}}"))
    assert not rules(fine, tmp_path / "a")
    said = words(Node(script() + instance(f"notify_master {OWN} master")), tmp_path / "b", "script-user-unknown")
    assert "no user master" in said


@pytest.mark.parametrize(("version", "speaks"), [("2.2.8", False), ("2.3.0", True), ("2.3.4", True), ("", False)])
def test_a_link_among_the_folders_of_a_script_counts_from_2_3_0_on(tmp_path: Path, version: str, speaks: bool) -> None:
    """Such as /bin and /sbin of today's systems."""
    node = Node(tracked("/sbin/chk"), {"usr/sbin/chk": SH}, links={"sbin": "usr/sbin"}, version=version)
    found = words(node, tmp_path, "script-not-a-file")
    assert found.startswith("vrrp_script chk: /sbin is a link on the path of /sbin/chk" if speaks else "")
    assert bool(found) is speaks
