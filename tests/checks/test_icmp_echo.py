"""Does a host answer pings? On loopback, and in a network with a silent host, a lossy liar and a router."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checks.icmp_echo import icmp_echo
from tests.agent.drive import resident
from tests.commands import CODE, shell
from tests.drive import oneshot
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, State

if TYPE_CHECKING:
    from collections.abc import Iterator

LOADS = "vipwarden.net.echo vipwarden.net.ping vipwarden.net.stamp"
_RANGE = Path("/proc/sys/net/ipv4/ping_group_range")
_NETWORK = """
for kind in default all; do echo 0 >/proc/sys/net/ipv6/conf/$kind/accept_dad; done
echo 0 0 >/proc/sys/net/ipv4/ping_group_range
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip address add 192.0.2.1/24 dev br0
ip address add 2001:db8::1/64 dev br0
for number in 2 3 4; do
    unshare -n sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo; exec sleep 600' >ready$number &
    host=$!
    until [ -s ready$number ]; do sleep 0.01; done
    ip link add port$number type veth peer name eth0 netns $host
    ip link set port$number master br0 up
    nsenter -t $host -n sh -ec "
        ip link set eth0 up
        ip address add 192.0.2.$number/24 dev eth0
        ip address add 2001:db8::$number/64 dev eth0
        case $number in
        2)  echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
            ip route add unreachable 198.51.100.0/24; ip -6 route add unreachable 2001:db8:5::/64 ;;
        *)  echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo 1 >/proc/sys/net/ipv6/icmp/echo_ignore_all ;;
        esac"
    echo $host >>hosts
done
ip route add 198.51.100.0/24 via 192.0.2.2
ip -6 route add 2001:db8:5::/64 via 2001:db8::2
nsenter -t $host -n "$1" -c "$3" >ready &
liar=$!
until [ -s ready ]; do sleep 0.01; done
"$1" -c "$2" "$5" "$6" || echo failed
kill $(cat hosts) $liar
"""
# it answers every second request, twice, and each after what is no answer
_LIAR = """
import socket

def message(kind, data, checksum=0):
    packet = bytes((kind, 0)) + checksum.to_bytes(2, "big") + data
    if checksum:
        return packet
    total = sum(int.from_bytes(packet[at:at + 2].ljust(2, bytes(1)), "big") for at in range(0, len(packet), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message(kind, data, ~total & 0xFFFF) if total != 0xFFFF else packet

sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
print("ready", flush=True)
count = 0
while True:
    packet, peer = sock.recvfrom(2048)
    asked = packet[20:]
    if asked[0] != 8:
        continue
    count += 1
    rest = asked[4:]
    sock.sendto(message(0, rest[:4] + bytes(len(rest) - 4)), peer)
    sock.sendto(message(0, rest[:-8]), peer)
    sock.sendto(message(0, rest[:4]), peer)
    sock.sendto(message(0, rest[:2] + b"\\xff\\xff" + rest[4:]), peer)
    if count % 2:
        sock.sendto(message(0, rest), peer)
        sock.sendto(message(0, rest), peer)
"""
_ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from checks.icmp_echo import icmp_echo
from tests.agent.drive import resident
from tests.drive import oneshot

said = []
for options in json.loads(sys.argv[2]):
    allowed = "--forbidden" not in options
    with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
        file.write("0 0" if allowed else "1 0")
    for drive in (oneshot, resident):
        result = drive(icmp_echo, "--pause", "0.01", *(option for option in options if option != "--forbidden"))
        numbers = {metric.name: metric.value for metric in result.metrics}
        said.append((int(result.state), result.text, result.expired, numbers, list(result.notes)))
print(json.dumps(said))
"""
# options, state, whether it met a time-out, what the text begins with, and some of the numbers
_CASES: tuple[tuple[str, State, bool, str, dict[str, int]], ...] = (
    ("-H 192.0.2.2", OK, False, "192.0.2.2 answered 3 of 3 in ", {"loss": 0}),
    ("-H 2001:db8::2 --source 2001:db8::1", OK, False, "2001:db8::2 answered 3 of 3 in ", {"loss": 0}),
    ("-H 192.0.2.2 --source 192.0.2.9", UNKNOWN, False, "cannot use the source address 192.0.2.9", {"loss": 100}),
    ("-H 192.0.2.3 --lost-after 0.2", CRITICAL, True, "192.0.2.3 is silent: none of 3 requests was", {"loss": 100}),
    ("-H 2001:db8::3 -t 0.3", CRITICAL, True, "2001:db8::3 is silent: none of 3 requests was", {"loss": 100}),
    ("-H 198.51.100.1 --count 1", CRITICAL, False, "198.51.100.1 is unreachable (No route to host, says 192.0.2.2", {}),
    ("-H 2001:db8:5::1 --count 1", CRITICAL, False, "2001:db8:5::1 is unreachable (", {}),
    ("-H 203.0.113.1", CRITICAL, False, "203.0.113.1 is unreachable (Network is unreachable)", {"loss": 100}),
    (
        "-H 192.0.2.3 --also 192.0.2.2 --also 198.51.100.1 --needed 1 --lost-after 0.2",
        OK, False, "1 of 3 hosts answers, 1 needed: 192.0.2.2 answered 3 of 3 in ", {"answering": 1, "loss": 0},
    ),
    (
        "-H 192.0.2.3 --also 192.0.2.2 --also 203.0.113.1 --needed 2 --lost-after 0.2",
        CRITICAL, True, "1 of 3 hosts answers, 2 needed: ", {"answering": 1, "loss": 100},
    ),
    (
        "-H 192.0.2.2 --also 2001:db8::2 --count 1",
        OK, False, "2 of 2 hosts answer, 2 needed: ", {"answering": 2, "loss": 0},
    ),
    (
        "-H 192.0.2.4 --count 4 --loss-warning 49 --loss-critical 51",
        WARNING, False, "192.0.2.4 answered 2 of 4 in ", {"loss": 50},
    ),
    ("-H 192.0.2.4 --count 4 --loss-critical 49", CRITICAL, False, "192.0.2.4 answered 2 of 4 in ", {"loss": 50}),
    ("-H 192.0.2.2 --forbidden", UNKNOWN, False, "cannot send ICMP echo requests: Permission denied: its group ", {}),
    ("-H 2001:db8::2 --forbidden", UNKNOWN, False, "cannot send ICMP echo requests: Permission denied: its gr", {}),
)  # fmt: skip


@contextmanager
def allowed() -> Iterator[None]:
    """Let this process have ping sockets, where root can say so."""
    before = _RANGE.read_text()
    low, high = map(int, before.split())
    if low <= os.getegid() <= high:
        yield
        return
    try:
        _RANGE.write_text("0 2147483647")
    except OSError:
        pytest.skip(f"net.ipv4.ping_group_range is {before.strip()}, and only root may change it")
    try:
        yield
    finally:
        _RANGE.write_text(before)


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with allowed():
        yield "-H 127.0.0.1 --count 1"


@pytest.fixture
def pings() -> Iterator[None]:
    """Have ping sockets during a test."""
    with allowed():
        yield


@pytest.mark.usefixtures("pings")
@pytest.mark.parametrize(
    ("options", "state", "text"),
    [
        ("-H 127.0.0.1", OK, r"127\.0\.0\.1 answered 3 of 3 in [\d.e-]+ ms"),
        ("-H ::1 --count 1", OK, r"::1 answered 1 of 1 in [\d.e-]+ ms"),
        ("-H localhost --count 2 --pause 0.01", OK, r"localhost \((::1|127\.0\.0\.1)\) answered 2 of 2 in [\d.e-]+ ms"),
        ("-H 127.0.0.1 --count 1 -w 1000:", WARNING, r"127\.0\.0\.1 answered 1 of 1 in [\d.e-]+ ms"),
        ("-H 127.0.0.1 --count 1 -c 1000:", CRITICAL, r"127\.0\.0\.1 answered 1 of 1 in [\d.e-]+ ms"),
        ("-H nowhere.invalid -t 5", UNKNOWN, r"cannot resolve nowhere\.invalid: .*"),
    ],
)
def test_this_node_answers(options: str, state: State, text: str) -> None:
    """By IPv4, IPv6 and both at the same time; both drivers say the same."""
    for drive in (oneshot, resident):
        result = drive(icmp_echo, *options.split())
        assert (result.state, bool(re.fullmatch(text, result.text))) == (state, True), result


@pytest.mark.usefixtures("pings")
def test_a_name_that_is_none_counts_as_one_host() -> None:
    """The others are asked."""
    options = "-H nowhere.invalid --also 127.0.0.1 --needed 1 --count 1 -t 20"
    result = oneshot(icmp_echo, *options.split())
    assert result.state == OK
    assert "1 of 2 hosts answers, 1 needed: 127.0.0.1 answered" in result.text
    assert "cannot resolve nowhere.invalid" in result.text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("-H /run/x", "/run/x is a unix socket"),
        ("-H 127.0.0.1 --also ::1 --needed 3", "3 hosts are needed, of only 2"),
        ("-H 127.0.0.1 --also 127.0.0.1 --needed 2", "2 hosts are needed, of only 1"),
    ],
)
def test_options_that_contradict_each_other(options: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(icmp_echo, *options.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)


def test_a_flood_is_refused() -> None:
    """No check sends thousands of packets."""
    with pytest.raises(UsageError, match="from 1 to 100"):
        oneshot(icmp_echo, "-H", "127.0.0.1", "--count", "101")


def test_a_network_of_silent_lossy_and_distant_hosts(tmp_path: Path) -> None:
    """With a router that says what it cannot reach, and with ping sockets forbidden."""
    line = f'cd "$4"; {_NETWORK}'
    needs = ["ip", "nsenter", "unshare"]
    cases = json.dumps([case[0].split() for case in _CASES])
    words = (sys.executable, _ASK, _LIAR, str(tmp_path), str(CODE), cases)
    ran = shell(tmp_path, line, *words, flags=["-m", "-n"], needs=needs)
    assert "failed" not in ran.out, ran.err
    said = json.loads(ran.out)
    assert len(said) == 2 * len(_CASES), ran.err
    for number, (state, text, expired, numbers, notes) in enumerate(said):
        options, wanted, at_timeout, begins, some = _CASES[number // 2]
        assert (state, text.startswith(begins), expired) == (int(wanted), True, at_timeout), (options, said[number])
        assert {name: numbers[name] for name in some} == some, (options, said[number])
        assert len(notes) == options.count("-H") + options.count("--also")
    assert 'sysctl -w net.ipv4.ping_group_range="0 2147483647"' in said[-1][1]
