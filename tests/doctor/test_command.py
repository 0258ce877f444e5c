"""Does the installed command examine the node itself, and answer with the right code?"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from doctor.rules import RULES
from doctor.tested import test as keepalived_test
from tests.commands import BIN, program, run
from tests.doctor.daemon import in_namespace
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from pathlib import Path

CONF = (
    "vrrp_instance V {\n interface v0\n virtual_router_id 7\n priority 100\n virtual_ipaddress {\n 192.0.2.10\n }\n}\n"
)


def test_a_test_of_keepalived_that_hangs_or_floods_is_ended(tmp_path: Path) -> None:
    """As that of 2.3.3 does for an SMTP_CHECK with a host: keepalived itself would not start either."""
    program("keepalived")
    conf = tmp_path / "k.conf"
    conf.write_text("$A=$A\n$A\n", encoding="utf-8")
    assert "does not end" in keepalived_test(str(conf), None, installed())
    conf.write_text("~SEQ(i, 1, 999999999) x\n", encoding="utf-8")
    assert "Unknown keyword 'x'" in keepalived_test(str(conf), None, installed())


def live(folder: Path, before: str, conf: str = CONF) -> dict[str, str]:
    """Run the doctor in a namespace of its own, after other commands, and return what it says by rule."""
    path = folder / "k.conf"
    path.write_text(conf, encoding="utf-8")
    doctor = f"{BIN}/vipwarden doctor {path} --json --haproxy-conf {folder}/none.cfg"
    command = in_namespace(f"sh -c '{before} {doctor}'")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["keepalived"] == str(installed())
    assert done.returncode == (2 if found["errors"] else 1 if found["warnings"] else 0)
    return {finding["rule"]: finding["what"] for finding in found["findings"]}


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces want root")
@pytest.mark.parametrize(
    ("good", "bad", "wanted"),
    [
        (" }\n}\n", " }\n", "missing"),
        ("_id 7", "_id 300", "300"),
        ("priority 100", "priority 100\n state master", "unknown state"),
        ("192.0.2.10", "10.0.0.999", "invalid IP 10.0.0.999"),
    ],
)
def test_keepalived_itself_is_asked(tmp_path: Path, good: str, bad: str, wanted: str) -> None:
    """What only it knows is an error with its words; what it takes is none."""
    program("keepalived")
    assert "keepalived-refuses" not in live(tmp_path, "")
    assert wanted in live(tmp_path, "", CONF.replace(good, bad))["keepalived-refuses"]


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces want root")
def test_it_asks_the_kernel_of_the_node(tmp_path: Path) -> None:
    """Addresses, interfaces, settings and the firewall are those of the namespace that it runs in."""
    for name in ("keepalived", "nft"):
        program(name)
    holding = live(tmp_path, "ip addr add 192.0.2.10/32 dev v0;")
    assert "vip-held-nowhere" not in holding
    assert "interface-missing" not in holding
    assert not [rule for rule in holding if rule.startswith("firewall")]
    table = 'nft add table inet f; nft "add chain inet f i { type filter hook input priority 0; policy drop; }";'
    dropping = live(tmp_path, table)
    assert dropping["firewall-blocks-vrrp"] == "nftables drops VRRP (protocol 112) for V on v0"
    assert "192.0.2.10 of V is not on v0" in dropping["vip-held-nowhere"]
    accepting = live(tmp_path, f"{table} nft add rule inet f i ip protocol vrrp accept;")
    assert not [rule for rule in accepting if rule.startswith("firewall")]
    iptables = live(tmp_path, "iptables-nft -P INPUT DROP;")
    assert iptables["firewall-blocks-vrrp"] == "iptables drops VRRP (protocol 112) for V on v0"
    nonlocal_bind = (
        'printf "frontend f\\n bind 192.0.2.10:80\\n" >{0}/none.cfg; sysctl -qw net.ipv4.ip_nonlocal_bind=0;'
    )
    assert "nonlocal-bind-off" in live(tmp_path, nonlocal_bind.format(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("{0}/none.conf",), "none.conf does not exist; the path of a"),
        (("{0}",), "is not a file"),
        (("{0}/bad.conf",), "bad.conf:2: ${_ENV A} depends on the environment"),
        (("{0}/k.conf", "--peer", "{0}/none.conf"), "none.conf does not exist; the path of a"),
        (("{0}/k.conf", "--peer-priority", "V=256"), "[INSTANCE=]N with N from 1 to 255"),
        (("{0}/k.conf", "--keepalived-version", "2"), "is written as 2.2.7"),
        (("{0}/k.conf", "--ignore", "nothing"), "--ignore 'nothing': there is no rule of that name"),
        (("{0}/k.conf", "--colour"), "there is no option '--colour'; see vipwarden doctor --help"),
    ],
)
def test_what_cannot_be_read_is_3(tmp_path: Path, arguments: tuple[str, ...], wanted: str) -> None:
    """With one line that says why."""
    (tmp_path / "k.conf").write_text(CONF, encoding="utf-8")
    (tmp_path / "bad.conf").write_text("a\nb ${_ENV A}\n", encoding="utf-8")
    ran = run(tmp_path, "vipwarden", "doctor", *(argument.format(tmp_path) for argument in arguments))
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, "", 1)
    assert wanted in ran.err


def test_its_rules_are_listed(tmp_path: Path) -> None:
    """By name, with what each of them finds; --help names every option."""
    listed = run(tmp_path, "vipwarden", "doctor", "--rules")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == list(RULES)
    told = run(tmp_path, "vipwarden", "doctor", "--help")
    assert told.code == 0
    for option in ("--peer", "--peer-priority", "--ignore", "--json", "--root", "--proc", "--keepalived-version"):
        assert option in told.out


def test_lines_for_another_node_are_examined_where_it_is_named(tmp_path: Path) -> None:
    """As keepalived does with its own --config-id."""
    path = tmp_path / "k.conf"
    path.write_text(f"{CONF}@b vrrp_script unused {{\n@b script /bin/true\n@b }}\n", encoding="utf-8")
    for name, speaks in (("a", False), ("b", True)):
        ran = run(tmp_path, "vipwarden", "doctor", str(path), "--root", str(tmp_path / "empty"), "--config-id", name)
        assert ("[script-not-tracked]" in ran.out) is speaks


def test_procfs_may_be_a_folder(tmp_path: Path) -> None:
    """Such as a copy of another node's."""
    (tmp_path / "k.conf").write_text(
        "virtual_server 192.0.2.1 80 {\n protocol TCP\n real_server 192.0.2.2 80 {\n TCP_CHECK {\n }\n }\n}\n",
        encoding="utf-8",
    )
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    for value, code in (("0", 2), ("1", 0)):
        (tmp_path / "sys/net/ipv4/ip_forward").write_text(value, encoding="utf-8")
        options = ("--proc", str(tmp_path), "--haproxy-conf", "/none", "--json")
        ran = run(tmp_path, "vipwarden", "doctor", str(tmp_path / "k.conf"), *options)
        assert (ran.code, json.loads(ran.out)["errors"]) == (code, code // 2)


def test_a_control_character_in_the_configuration_does_not_reach_the_terminal(tmp_path: Path) -> None:
    """What it shows is clean."""
    path = tmp_path / "k.conf"
    path.write_text('vrrp_script x\x1b[31m {\n script "/none\x07"\n}\n', encoding="utf-8")
    ran = run(tmp_path, "vipwarden", "doctor", str(path), "--root", str(tmp_path))
    assert "[script-missing]" in ran.out
    assert all(char.isprintable() or char == "\n" for char in ran.out)


@pytest.mark.parametrize("text", ["", "2", "2.2.x", "2.2.7.1", "-1.2.3", "99999.1.1"])
def test_a_version_that_is_none_is_refused(text: str) -> None:
    """Versions compare as numbers."""
    with pytest.raises(ValueError, match=r"2\.2\.7"):
        Version(text)
    assert Version("v2.10") > Version("2.9.9")
