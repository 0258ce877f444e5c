"""What does the port check make of names with several addresses, and of addresses without a route?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands import shell
from tests.servers import misbehaving as servers
from vipwarden.core.result import CRITICAL, OK, UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = 'printf "127.0.0.91 dual.test\\n::1 dual.test\\n" >"$2"; mount --bind "$2" /etc/hosts; '


def named(tmp_path: Path, number: int, *arguments: str) -> tuple[int, str]:
    """Ask for a port of dual.test, a name with 127.0.0.91 and ::1, known to an own /etc/hosts alone."""
    line = HOSTS + 'number=$1; shift 2; exec vipwarden check port -H dual.test -p "$number" "$@"'
    ran = shell(tmp_path, line, str(number), str(tmp_path / "hosts"), *arguments, flags=["-m"])
    return ran.code, ran.out + ran.err


@pytest.mark.parametrize("address", ["127.0.0.91", "::1"])
def test_one_listening_address_of_a_name_is_enough(tmp_path: Path, address: str) -> None:
    """Whichever family listens is found, unless the other one alone was asked for."""
    own, other = ("-6", "-4") if ":" in address else ("-4", "-6")
    with servers.Server(servers.hold, address) as server:
        assert named(tmp_path, server.port)[0] == OK
        assert named(tmp_path, server.port, own)[0] == OK
        code, out = named(tmp_path, server.port, other)
    assert code == CRITICAL
    assert "is closed" in out


@pytest.mark.parametrize("silent", ["127.0.0.91", "::1"])
def test_a_silent_address_of_a_name_leaves_time_for_the_other(tmp_path: Path, silent: str) -> None:
    """A blackholed address, first or second, does not hide the one that answers."""
    with servers.full_backlog(silent) as hole:
        with servers.Server(servers.hold, "::1" if "." in silent else "127.0.0.91", hole.port):
            assert named(tmp_path, hole.port, "-t", "0.6")[0] == OK
        code, out = named(tmp_path, hole.port, "-t", "0.6")
    assert code == CRITICAL
    assert "is closed" in out
    assert "is filtered" in out


@pytest.mark.parametrize(("address", "lo"), [("127.0.0.1", "down"), ("192.0.2.1", "up"), ("2001:db8::1", "up")])
def test_without_a_route_a_port_is_unreachable(tmp_path: Path, address: str, lo: str) -> None:
    """In a network namespace that has no more than a loopback interface."""
    line = 'ip link set lo "$2"; exec vipwarden check port -H "$1" -p 80'
    ran = shell(tmp_path, line, address, lo, flags=["-n"], needs=["ip"])
    assert ran.code == CRITICAL
    assert ":80 is unreachable (Network is unreachable)" in ran.out


def test_without_an_own_address_nothing_can_be_tried(tmp_path: Path) -> None:
    """An IPv6 target that has a route, on a node without any IPv6 address: this node's own trouble."""
    ran = shell(tmp_path, "exec vipwarden check port -H ::1 -p 80", flags=["-n"])
    assert ran.code == UNKNOWN
    assert "cannot try [::1]:80: Cannot assign requested address" in ran.out


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_connection_to_itself_is_no_open_port(tmp_path: Path, address: str) -> None:
    """Where nobody listens on a port of the ephemeral range, the kernel may choose that very port for us.

    The connection then meets itself and succeeds: a service that is down would seem to be up.
    """
    line = 'ip link set lo up; echo 40001 40001 >/proc/sys/net/ipv4/ip_local_port_range; exec chk_port -H "$1" -p 40001'
    ran = shell(tmp_path, line, address, flags=["-n"], needs=["ip"])
    assert ran.code == 1
    assert "is closed (Connection refused)" in ran.out
