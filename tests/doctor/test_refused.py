"""Does the doctor name the lines that the installed HAProxy refuses, and no others?"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from doctor.refused import installed
from tests.commands import program
from tests.doctor.cases_node import CFG
from tests.doctor.node import Node, tracked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a node whose files belong to root")

_DEFAULTS = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
_LISTEN = f"{_DEFAULTS}listen a\n bind unix@a.sock\n "
TEXTS = [
    "global\n nbproc 2\n",
    f"{_LISTEN}appsession X len 3 timeout 3h\n",
    f"{_LISTEN}reqirep a b\n",
    f"{_LISTEN}rspadd X:y\n",
    f"{_LISTEN}reqidel X\n",
    f"{_LISTEN}rspideny X\n",
    f"{_LISTEN}reqtarpit X\n",
    f"{_LISTEN}contimeout 5000\n",
    "defaults\n clitimeout 50000\n",
    f"{_LISTEN}timeout srvtimeout 1s\n",
    f"{_LISTEN}block if TRUE\n",
    f"{_LISTEN}redispatch\n",
    f"{_LISTEN}grace 1s\n",
    "listen a\n bind unix@a.sock\n mode health\n",
    f"{_LISTEN}monitor-net 127.0.0.0/8\n",
    f"{_LISTEN}option forceclose\n",
    f"{_LISTEN}option http-tunnel\n",
    f"{_LISTEN}bind-process 1\n",
    f"{_DEFAULTS}listen a 127.0.0.1:1111\n server x 127.0.0.1:1\n",
    f"{_DEFAULTS}frontend a :1111\n default_backend b\nbackend b\n",
    f"{_LISTEN}option httpchk HEAD / HTTP/1.1\\r\\nHost:\\ x\n",
    f"{_LISTEN}option httpchk HEAD / HTTP/1.1\n",
    f"{_LISTEN}option httpclose\n timeout client 1s\n http-request deny if FALSE\n",
    f"{_LISTEN}# nbproc 2\n option redispatch\n",
    f"{_LISTEN}.if version_before(2.1)\n reqirep a b\n.endif\n",
    f"{_LISTEN}.if 0\n reqirep a b\n.else\n log global\n.endif\n",
    f"{_LISTEN}.if 1\n log global\n.elif 1\n reqirep a b\n.endif\n",
    f"{_LISTEN}.if 1\n.if 0\n log global\n.elif 1\n reqirep a b\n.endif\n.endif\n",
    f"{_LISTEN}.if 1\n reqirep a b\n.endif\n",
    f"{_LISTEN}.if 0\nlisten b 127.0.0.1:1111\n server x 127.0.0.1:1\n.endif\n",
    f"{_DEFAULTS}frontend a\n bind unix@a.sock\n default_backend b # 127.0.0.1:80\nbackend b\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_haproxy_refuses_what_the_doctor_names(tmp_path: Path, text: str) -> None:
    """And takes what it is silent about."""
    haproxy = program("haproxy")
    version = installed()
    assert version is not None
    (tmp_path / "h.cfg").write_text(text, encoding="utf-8")
    done = subprocess.run([haproxy, "-c", "-f", "h.cfg"], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    found = Node(tracked(), {CFG: text}, haproxy=str(version)).examine(tmp_path / "root")
    assert [one.rule for one in found] == ["haproxy-refuses"] * (done.returncode != 0), done.stderr.decode()


def test_an_older_haproxy_or_an_unknown_one_is_left_alone(tmp_path: Path) -> None:
    """What it knows is not known to be refused."""
    for version in ("1.5.18", ""):
        node = Node(tracked(), {CFG: "".join(TEXTS)}, haproxy=version)
        assert not [one for one in node.examine(tmp_path / f"v{version}") if one.rule == "haproxy-refuses"]
