"""Is a group that may send no echo requests told, whoever sends them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.doctor.node import Node
from tests.doctor.rule_cases import with_echo
from tests.doctor.test_rules import named

if TYPE_CHECKING:
    from pathlib import Path

CHK = "/usr/libexec/keepalived/chk_icmp_echo"
COMMAND = f'vrrp_script ping {{\n script "{CHK} -H 192.0.2.1"\n user nobody nogroup\n}}\n'
INSTANCE = "vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n track_script {\n ping\n }\n}\n"


@pytest.mark.parametrize(
    ("allowed", "unit", "said"),
    [
        ("1 0", "", True),  # the kernel's default: nobody, and not root either
        ("0 2147483647", "", False),
        ("0 0", "Group=nogroup\n", True),
        ("0 0", "User=nobody\n", True),
        ("0 0", "User=nobody\nGroup=0\n", False),
        ("0 0", "Group=unknown\n", False),
        ("", "", False),
        ("what is this", "", False),
    ],
)
def test_the_group_of_the_agent(tmp_path: Path, allowed: str, unit: str, said: bool) -> None:
    """Root's, or that of the unit; of a group that nobody knows nothing is said."""
    assert bool(named(with_echo(allowed, unit).examine(tmp_path), "icmp-group")) is said


@pytest.mark.parametrize(("allowed", "said"), [("0 0", True), ("65534 65534", False)])
def test_the_group_of_a_command(tmp_path: Path, allowed: str, said: bool) -> None:
    """That as which keepalived runs it."""
    files = {CHK[1:]: "#!/bin/sh\n", "proc/sys/net/ipv4/ping_group_range": allowed}
    found = named(Node(COMMAND + INSTANCE, files).examine(tmp_path), "icmp-group")
    assert [finding.line for finding in found] == ([2] if said else [])
