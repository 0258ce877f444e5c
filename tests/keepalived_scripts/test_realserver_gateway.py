"""Does realserver status --nat say whether replies go back through the director?"""

from __future__ import annotations

import subprocess

import pytest

from tests.commands import BIN, needs_namespaces, program

_NODE = (
    "ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; "
    "ip addr add 192.0.2.9/24 dev v0; ip addr add 2001:db8::9/64 dev v0 nodad; "
)


def status(routes: str, *words: str) -> tuple[int, str]:
    """Return exit code and output of the command on a node with these routes."""
    needs_namespaces()
    program("ip")
    line = f"{_NODE} {routes} exec {BIN}/vipwarden realserver {' '.join(words)}"
    done = subprocess.run(
        [program("unshare"), "-n", "sh", "-ec", line], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("routes", "director", "code", "wanted"),
    [
        (
            "ip route add default via 192.0.2.1;",
            "192.0.2.1",
            0,
            "the default route leads to 192.0.2.1 by v0 (metric 0)",
        ),
        ("ip route add default via 192.0.2.2;", "192.0.2.1", 3, "replies do not go through 192.0.2.1"),
        ("", "192.0.2.1", 3, "there is no default route"),
        ("ip route add 192.0.2.128/25 via 192.0.2.1;", "192.0.2.1", 3, "there is no default route"),
        (
            "ip route add default nexthop via 192.0.2.1 nexthop via 192.0.2.2;",
            "192.0.2.1",
            1,
            "only a part of the replies goes through 192.0.2.1",
        ),
        (
            "ip route add default via 192.0.2.1; ip route add default via 192.0.2.2 metric 100;",
            "192.0.2.1",
            0,
            "an unused default route leads to 192.0.2.2 by v0 (metric 100)",
        ),
        (
            "ip route add default via 192.0.2.1 metric 9; ip route add default via 192.0.2.2;",
            "192.0.2.1",
            3,
            "replies do not go through 192.0.2.1",
        ),
        ("ip route add default via 192.0.2.1 table 9;", "192.0.2.1", 3, "there is no default route"),
        ("ip route add default dev v0;", "192.0.2.1", 3, "leads to no gateway by v0"),
        ("ip -6 route add default via 2001:db8::1;", "2001:db8::1", 0, "leads to 2001:db8::1 by v0"),
        ("ip -6 route add default via 2001:db8::2;", "2001:db8::1", 3, "do not go through 2001:db8::1"),
    ],
)
def test_the_default_route_has_to_lead_to_the_director(routes: str, director: str, code: int, wanted: str) -> None:
    """Alone: of two with one metric each gets a part of the replies."""
    found, told = status(routes, "status", "--nat", director)
    assert (found, wanted in told) == (code, True), told


@pytest.mark.parametrize("words", ["start --nat 192.0.2.1", "stop --nat 192.0.2.1"])
def test_what_makes_no_sense_with_nat_is_refused(words: str) -> None:
    """With one line and the code of a wrong command line."""
    code, told = status("", *words.split())
    assert code == 2
    assert "--nat" in told
