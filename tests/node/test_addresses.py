"""Which addresses does the kernel hold?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import needs_namespaces, program
from vipwarden.node.netlink.addresses import address_of, own_addresses
from vipwarden.node.netlink.socket import messages

ROOT = Path(__file__).parents[2]
_PRINT = """
import json
from vipwarden.node.netlink.addresses import own_addresses
print(json.dumps([(own.interface, own.address, own.prefix) for own in own_addresses()]))
"""


def in_namespace(*commands: str) -> list[list[object]]:
    """Return the addresses in a network namespace of its own, after those commands of ip."""
    needs_namespaces()
    program("ip")
    setup = "\n".join(f"ip {command}" for command in commands)
    script = f'set -e\n{setup}\nexec "$0" -c "$1"'
    run = ["unshare", "-n", "sh", "-c", script, sys.executable, _PRINT]
    done = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, timeout=60)
    found: list[list[object]] = json.loads(done.stdout)
    return found


def test_the_addresses_are_those_that_psutil_finds() -> None:
    """Another way to ask the same kernel."""
    wanted = {
        (name, one.address.partition("%")[0])
        for name, all_ in psutil.net_if_addrs().items()
        for one in all_
        if one.family.name in ("AF_INET", "AF_INET6")
    }
    assert {(own.interface, own.address) for own in own_addresses()} == wanted


def test_every_family_and_peer_is_seen_on_its_interface() -> None:
    """Of two ends of a link the own one counts; labels do not matter."""
    found = in_namespace(
        "link add vip0 type bridge",
        "link set vip0 up",
        "link set lo up",
        "addr add 192.0.2.1/24 dev vip0 label vip0:1",
        "addr add 192.0.2.7 peer 192.0.2.8 dev vip0",
        "addr add 192.0.2.9/32 dev lo",
        "addr add 2001:db8::1/64 dev vip0 nodad",
    )
    for wanted in (
        ["vip0", "192.0.2.1", 24],
        ["vip0", "192.0.2.7", 32],
        ["lo", "192.0.2.9", 32],
        ["vip0", "2001:db8::1", 64],
        ["lo", "::1", 128],
    ):
        assert wanted in found


def test_hundreds_of_addresses_arrive_whole() -> None:
    """A dump of several messages."""
    many = [f"addr add 198.18.{number // 250}.{number % 250}/32 dev lo" for number in range(600)]
    assert len(in_namespace(*many)) == 600


def test_an_address_that_another_node_holds_does_not_count() -> None:
    """IFA_F_DADFAILED."""
    attribute = (20).to_bytes(2, "little") + (1).to_bytes(2, "little") + bytes(15) + b"\1"
    index = (2).to_bytes(4, "little")
    assert address_of(bytes([10, 64, 0x00, 0]) + index + attribute) == (2, "::1", 64)
    assert address_of(bytes([10, 64, 0x08, 0]) + index + attribute) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_an_end(data: bytes) -> None:
    """Lengths that make no sense neither raise nor loop."""
    for _, _, _, body in messages(data):
        address_of(body)
    address_of(data)
    address_of(b"\x02" + data)
