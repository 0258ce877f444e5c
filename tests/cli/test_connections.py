"""Is it known which connections real servers still have, and is nothing called gone that nobody counts?"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from cli import connections
from cli.connections import CountError, is_known, left, places, until_gone
from tests.agent.drive import entries
from tests.node.test_ipvs import FIXTURES
from tests.servers.haproxy import haproxy
from tests.servers.ports import free_ports
from vipwarden.core.result import OK, Result
from vipwarden.node.ipvs.read import Tables
from vipwarden.state import paths
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HAPROXY = """
frontend www
  mode tcp
  bind 127.0.0.1:{}
  default_backend web
backend web
  mode tcp
  server a 127.0.0.1:{}
  server b 127.0.0.1:1
"""
TABLE = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A0A000A:0050 wrr
  -> 7F000001:0050      Route   {}     {}          3
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give what puts a table in the place of the kernel's; without it there is none, and no HAProxy."""
    proc = tmp_path / "proc"
    monkeypatch.setattr(connections, "Tables", lambda: Tables(str(proc)))
    monkeypatch.setattr(connections, "_CONF", str(tmp_path / "haproxy.cfg"))

    def put(text: str) -> None:
        (proc / "net").mkdir(parents=True, exist_ok=True)
        (proc / "net" / "ip_vs").write_text(text)
        (proc / "net" / "ip_vs_stats").write_bytes((FIXTURES / "ip_vs_stats").read_bytes())

    return put


@pytest.mark.parametrize(
    ("weight", "active", "drained", "texts"),
    [
        (0, 0, True, []),
        (1, 0, False, []),
        (1, 0, True, ["IPVS 127.0.0.1:80: still has the weight 1"]),
        (0, 7, True, ["IPVS 127.0.0.1:80: 7 connections"]),
        (1, 7, False, ["IPVS 127.0.0.1:80: 7 connections"]),
    ],
)
def test_what_ipvs_counts(
    table: Callable[[str], None], weight: int, active: int, drained: bool, texts: list[str]
) -> None:
    """Active connections, and a weight with which new ones come; inactive ones have ended."""
    table(TABLE.format(weight, active))
    assert left({("127.0.0.1", 80)}, drained=drained) == texts
    assert left({("127.0.0.1", 0)}, drained=drained) == texts


def test_a_server_that_nobody_balances_to_cannot_be_waited_for(table: Callable[[str], None]) -> None:
    """Neither without any balancer nor with others."""
    with pytest.raises(CountError, match="neither IPVS nor HAProxy"):
        left({("127.0.0.1", 80)}, drained=True)
    table(TABLE.format(1, 0))
    with pytest.raises(CountError, match="neither IPVS nor HAProxy"):
        left({("127.0.0.1", 81)}, drained=True)
    table("nonsense")
    with pytest.raises(CountError, match="IPVS: "):
        left({("127.0.0.1", 80)}, drained=True)


def test_what_haproxy_counts(table: Callable[[str], None]) -> None:
    """The sessions of the server with the address, and not those of another; by the configuration that it runs with."""
    del table  # an IPVS that is not there
    own, server = free_ports(2)
    with (
        socket.create_server(("127.0.0.1", server)) as listener,
        haproxy(_HAPROXY.format(own, server)),
    ):
        assert left({("127.0.0.1", server)}, drained=True) == []
        with socket.create_connection(("127.0.0.1", own)):
            accepted, _ = listener.accept()
            with accepted:
                assert left({("127.0.0.1", server)}, drained=True) == ["HAProxy web/a: 1 connections"]
                assert left({("127.0.0.1", 1)}, drained=True) == []
        end = time.monotonic() + 60
        while left({("127.0.0.1", server)}, drained=True):
            assert time.monotonic() < end


def test_it_waits_until_keepalived_was_told(
    table: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that even a server without connections would get some."""
    monkeypatch.setattr(paths, "verdicts", lambda: str(tmp_path))
    table(TABLE.format(0, 0))
    known = entries("web: {check: port, host: 127.0.0.1, port: 80}")
    wanted = places(known)
    assert wanted >= {("127.0.0.1", 0)} or wanted >= {("127.0.0.1", 80)}
    assert "the agent has not told keepalived yet of web" in until_gone(known, wanted, 0.01)
    (tmp_path / "web").write_bytes(encode("port", Result(OK, "open"), 1e9, 0.1, 60))
    assert "the agent has not told keepalived yet of web" in until_gone(known, wanted, 0.01)
    (tmp_path / "web").write_bytes(encode("port", Result(OK, "open"), 1e9, 0.1, 60, "drain", "in maintenance"))
    assert until_gone(known, wanted, 0.01) == ""
    table(TABLE.format(0, 2))
    assert until_gone(known, wanted, 0.01) == "IPVS 127.0.0.1:80: 2 connections"
    assert is_known(wanted)
    assert not is_known({("127.0.0.1", 81)})
    elsewhere = {("127.0.0.1", 81)}  # keepalived has taken it out
    assert until_gone(known, elsewhere, 0.01, known=True) == ""
    assert "neither IPVS nor HAProxy" in until_gone(known, elsewhere, 0.01)
