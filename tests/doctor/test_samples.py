"""Does the doctor read what keepalived reads? Configurations with what keepalived's manual page has to offer."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from doctor.case import Case
from doctor.finding import ERROR
from doctor.host import Host
from doctor.report import examine
from doctor.tracking import Peers
from tests.commands import program
from tests.doctor.node import SOUND
from vipwarden.node.keepalived.conf import parse

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.conf"))
NODE = "lb1"
NEEDED = SOUND | {"bin/true": "\0", "bin/test": "\0", "addresses": "", "run/keepalived.track": "0"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_keepalived_knows_every_word_of_a_sample(path: Path) -> None:
    """Else it would prove nothing."""
    command = [program("keepalived"), "-t", "-l", "-i", NODE, "-f", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stderr
    assert not re.findall(r".*(?:Unknown keyword|Unexpected|Missing '|Invalid|missing).*", said)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a node whose files belong to root")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_and_has_no_false_error(tmp_path: Path, path: Path) -> None:
    """All of its statements have a block, and no rule takes a good statement for a wrong one."""
    tmp_path.chmod(0o755)  # it is the root of users as well
    for name, text in NEEDED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    conf = parse(str(path), config_id=NODE)
    case = Case(conf, Host(str(tmp_path), addresses=f"{tmp_path}/addresses"), None, Peers([], []))
    assert {one.rule for one in examine(case) if one.severity == ERROR} == set()


def test_sequences_and_definitions_become_the_blocks_that_they_stand_for() -> None:
    """Three instances, two real servers, and the priority of this node."""
    conf = parse(str(SAMPLES[0].with_name("sequences.conf")), config_id=NODE)
    assert [(block.name, block.value("virtual_router_id")) for block in conf.named("vrrp_instance")] == [
        (f"VI_{number}", str(number)) for number in (81, 82, 83)
    ]
    (service,) = conf.named("virtual_server")
    servers = [(server.name, server.value("weight")) for server in service.named("real_server")]
    assert servers == [("198.51.100.1", "10"), ("198.51.100.2", "20")]
    for node, priority in ((NODE, "150"), ("lb2", "100")):
        (instance,) = parse(str(SAMPLES[0].with_name("conditions.conf")), config_id=node).named("vrrp_instance")
        assert (instance.name, instance.value("priority")) == (f"VI_{node}", priority)
