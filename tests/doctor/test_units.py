"""Does systemd-networkd delete the VIPs of which the doctor says so, and no others?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import program
from tests.doctor.cases_node import NETWORK, NETWORKD, UNIT, WANTS
from tests.doctor.node import Node, instance, script, tracked

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces want root")

CFG = {"etc/haproxy/haproxy.cfg": "frontend f\n bind :80\n"}
HAPROXY = {"usr/lib/systemd/system/haproxy.service": "[Unit]\n", f"{WANTS}/cron.service": ""}
# a node as networkd sees it after boot: udev has its interfaces, and it may write its own folder
_NODE = """
mount -t tmpfs none /run
mount -t sysfs sysfs /sys
mkdir -p /run/systemd/system /run/systemd/netif/links /run/udev/data /run/systemd/network
chown -R systemd-network /run/systemd/netif
ip link add eth0 type veth peer name eth1
for name in lo eth0 eth1; do
    ip link set $name up
    printf 'I:1\\nG:systemd\\nQ:systemd\\nV:1\\n' >/run/udev/data/n$(cat /sys/class/net/$name/ifindex)
done
ip addr add 192.0.2.10/32 dev eth0
cp -R {folder}/etc/systemd/network/. /run/systemd/network
state=/run/systemd/netif/links/$(cat /sys/class/net/eth0/ifindex)
{networkd} >/run/log 2>&1 &
until ip -o addr show dev eth0 | grep -q 192.0.2.9/24 && grep -qs ADMIN_STATE=configured $state; do sleep 0.05; done
ip -o addr show dev eth0
cat $state
kill $!
"""


def by_networkd(folder: Path) -> str:
    """Return what a real systemd-networkd leaves on eth0, and what it writes of it."""
    networkd = program("/usr/lib/systemd/systemd-networkd")
    text = _NODE.format(folder=folder, networkd=networkd)
    command = [program("unshare"), "-nmpf", "--kill-child", "--mount-proc", "sh", "-ec", text]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("setting", "keeps"),
    [
        ("", False),
        ("[Network]\nKeepConfiguration=static\n", True),
        ("[Network]\nKeepConfiguration=yes\n", True),
        ("[Network]\nKeepConfiguration=dhcp\n", False),
        ("# KeepConfiguration=static\n", False),
        ("[Network]\nKeepConfiguration=static\nKeepConfiguration=no\n", False),
    ],
)
def test_networkd_deletes_the_vips_that_the_doctor_names(tmp_path: Path, setting: str, keeps: bool) -> None:
    """By the same files."""
    files = NETWORKD | {f"{NETWORK}.d/50-keep.conf": setting}
    node = Node(tracked(), files)
    root = tmp_path / "root"
    assert bool([one for one in node.examine(root) if one.rule == "vip-networkd"]) is not keeps
    left = by_networkd(root)
    assert ("192.0.2.10/32" in left) is keeps
    assert "NETWORK_FILE=/run/systemd/network/10-eth0.network" in left


@pytest.mark.parametrize(
    ("more", "speaks"),
    [
        ({}, True),
        ({"run/systemd/netif/links/2": "ADMIN_STATE=unmanaged\n"}, False),
        ({"sys/class/net/eth0/ifindex": "3\n"}, False),
        ({NETWORK: "[Network]\nKeepConfiguration = static\n"}, False),
        ({f"run/systemd/network/{Path(NETWORK).name}.d/k.conf": "[Network]\nKeepConfiguration=true\n"}, False),
        ({NETWORK: "[DHCP]\nCriticalConnection=yes\n"}, False),
        ({NETWORK: "[Network]\nDescription=KeepConfiguration=static\n"}, True),
    ],
)
def test_only_what_networkd_manages_and_does_not_keep_is_named(
    tmp_path: Path, more: dict[str, str], speaks: bool
) -> None:
    """As its own state says; an interface that it does not manage is left alone."""
    found = Node(tracked(), NETWORKD | more).examine(tmp_path)
    assert [one.rule for one in found] == ["vip-networkd"] * speaks


@pytest.mark.parametrize(
    ("conf", "files", "speaks"),
    [
        (tracked(), HAPROXY, True),
        (tracked(), HAPROXY | {f"{WANTS}/haproxy@site.service": ""}, False),
        (tracked(), HAPROXY | {f"{WANTS}/pacemaker.service": ""}, False),
        (tracked(), HAPROXY | {"etc/rc.local": "#!/bin/sh\nservice haproxy start\n"}, False),
        (
            script() + instance('track_script {\n chk\n}\nnotify_master "/usr/bin/systemctl start haproxy"'),
            HAPROXY,
            False,
        ),
        (script() + instance("track_script {\n chk\n}\nnotify_master /etc/n.sh"), HAPROXY, False),
        ("", UNIT, False),
    ],
)
def test_what_something_else_starts_is_not_named(
    tmp_path: Path, conf: str, files: dict[str, str], speaks: bool
) -> None:
    """A notify script, a cluster manager, rc.local or another unit."""
    more = {"etc/n.sh": "#!/bin/sh\nsystemctl restart haproxy\n", "usr/bin/systemctl": "\0"}
    found = Node(conf, CFG | files | more).examine(tmp_path)
    assert [one.rule for one in found] == ["not-enabled"] * speaks
