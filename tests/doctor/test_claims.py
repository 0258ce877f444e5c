"""Is it true what the rules of the doctor say of keepalived? The real one checks the same configurations."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from doctor.case import Case
from doctor.host import Host
from doctor.report import examine
from doctor.tracking import Peers
from tests.commands import program
from tests.doctor.all_cases import FIRES, SILENT
from tests.doctor.daemon import check, log
from tests.doctor.node import OWN
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version, installed

SAYS = {
    "script-user-unset": "Unable to set default user for vrrp script chk - removing",
    "script-user-unknown": "Unable to set default user for vrrp script chk - removing",
    "script-security-off": "SECURITY VIOLATION",
    "weight-in-sync-group": "ignoring tracked script chk with weights due to SYNC group",
    "weight-of-address-owner": "ignoring tracked script chk with weights due to address_owner",
    "track-unknown": "track script other not found, ignoring",
    "interval-fraction": "invalid number '0.5'",
    "vrid-duplicate": "VRID 51",
    "auth-pass-long": "Truncating auth_pass to 8 characters",
    "vip-none": "No VIP specified",
    "nopreempt-master": "nopreempt will not work with initial state MASTER - clearing",
    "protocol-missing": "no protocol set - defaulting to UDP",
    "sorry-server-weights": "setting hysteresis to 4294967295",
    "preempt-delay-master": "preempt delay will not work with initial state MASTER - clearing",
    "unicast-without-peers": "Defaulting to multicast",
    "interface-missing": "ens192",
}
ELSEWHERE = ("interval-fraction", "script-user-unset")  # silent for another version, and where there is the user


@pytest.mark.skipif(os.geteuid() != 0, reason="keepalived wants root")
@pytest.mark.parametrize("rule", SAYS)
def test_keepalived_says_so_itself_when_it_checks_the_configuration(tmp_path: Path, rule: str) -> None:
    """And does not where the rule is silent."""
    version = installed()
    if version is not None and version >= Version("2.3.0"):
        pytest.skip("its words are those of keepalived 2.2")

    def said(conf: str) -> str:
        conf = conf.replace(OWN, program("true")).replace("eth0", "v0").replace("eth1", "v1")
        return check(tmp_path, conf)[1]

    assert SAYS[rule] in said(FIRES[rule].conf)
    if rule not in ELSEWHERE:
        assert SAYS[rule] not in said(SILENT[rule].conf)


@pytest.mark.skipif(os.geteuid() != 0, reason="keepalived wants root")
def test_a_track_file_without_its_folder_fails_open(tmp_path: Path) -> None:
    """Even with weight 0 reverse, as track-file-folder says: keepalived becomes master."""
    conf = "track_file t {\n file /none/x\n weight 0 reverse\n}\n"
    conf += "vrrp_instance V {\n interface v0\n virtual_router_id 7\n priority 254\n version 3\n advert_int 0.1\n"
    conf += " virtual_ipaddress {\n 192.0.2.1\n }\n track_file {\n t\n }\n}\n"
    log(tmp_path, conf, "Entering MASTER STATE")


@pytest.mark.skipif(os.geteuid() != 0, reason="keepalived wants root")
def test_keepalived_counts_what_cannot_be_started_as_success() -> None:
    """But for env, which starts and then finds nothing: as interpreter-missing and interpreter-unnamed say."""
    texts = {
        "gone": ("#!/bin/none\n", "VRRP_Script(gone) succeeded"),
        "windows": ("#!/bin/sh\r\nexit 1\r\n", "VRRP_Script(windows) succeeded"),
        "unnamed": ("exit 1\n", "VRRP_Script(unnamed) "),  # failed where it is built with libmagic
        "env": ("#!/usr/bin/env python9\n", "VRRP_Script(env) failed (exited with status 127)"),
    }
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="claims-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        conf = "global_defs {\n enable_script_security\n script_user root\n}\n"
        for name, (text, _) in texts.items():
            (folder / name).write_bytes(text.encode())
            (folder / name).chmod(0o755)
            conf += f"vrrp_script {name} {{\n script {folder}/{name}\n interval 60\n}}\n"
        tracked = "\n".join(texts)
        conf += "vrrp_instance V {\n interface v0\n virtual_router_id 7\n priority 100\n"
        conf += f" virtual_ipaddress {{\n 192.0.2.1\n }}\n track_script {{\n {tracked}\n }}\n}}\n"
        log(folder, conf, *(said for _, said in texts.values()))
        (folder / "k.conf").write_text(conf, encoding="utf-8")
        case = Case(parse(f"{folder}/k.conf"), Host(), None, Peers())
        found = {one.what.split(": ")[0]: one for one in examine(case) if one.rule.startswith("interpreter")}
    assert set(found) == {f"vrrp_script {name}" for name in texts}
    for name, one in found.items():
        assert ("counts as success" in one.consequence) is (name != "vrrp_script env")


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/bin").is_symlink(), reason="/bin is no link, or this is not root")
def test_a_script_below_a_linked_bin_is_dropped_where_the_doctor_says_so(tmp_path: Path) -> None:
    """That is from keepalived 2.3.0 on: /usr/bin is the path without links."""
    for folder in ("/bin", "/usr/bin"):
        path = tmp_path / "k.conf"
        conf = FIRES["script-missing"].conf.replace("/etc/keepalived/chk.sh", f"{folder}/true").replace("eth0", "v0")
        path.write_text(conf, encoding="utf-8")
        rules = {one.rule for one in examine(Case(parse(str(path)), Host(), installed(), Peers()))}
        _, said = check(tmp_path, conf)
        assert ("script-not-a-file" in rules) is ("Disabling track script chk due to insecure" in said)
