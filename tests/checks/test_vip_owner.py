"""Who holds a VIP? Asked in a network namespace with two other hosts behind a bridge."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.vip_owner import Interface, vip_owner
from tests.commands import CODE, shell
from tests.drive import oneshot
from vipwarden.core.result import OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# modules that chk_vip_owner loads beside its own file and what every chk_ command loads
LOADS = """
    _struct struct vipwarden.net.neighbour vipwarden.node vipwarden.node.netlink vipwarden.node.netlink.addresses
    vipwarden.node.netlink.socket
"""
_NETWORK = """
for kind in default all; do echo 0 >/proc/sys/net/ipv6/conf/$kind/accept_dad; done
ip link set lo up
ip link add br0 type bridge
ip link set br0 address 02:00:00:00:00:01
ip link set br0 up
ip address add 192.0.2.1/24 dev br0
ip address add 2001:db8::1/64 dev br0
for number in 2 3; do
    unshare -n sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo; exec sleep 600' >ready$number &
    host=$!
    until [ -s ready$number ]; do sleep 0.01; done
    ip link add port$number type veth peer name eth0 netns $host address 02:00:00:00:00:0$number
    ip link set port$number master br0 up
    nsenter -t $host -n ip link set eth0 up
    nsenter -t $host -n ip address add 192.0.2.$number/24 dev eth0
    nsenter -t $host -n ip address add 2001:db8::$number/64 dev eth0
    echo $host >host$number
done
"$1" -c "$2" "$4" || echo failed
kill $(cat host2 host3)
"""
_ASK = """
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from checks.vip_owner import vip_owner
from tests.agent.drive import resident
from tests.drive import oneshot
from vipwarden.node.keepalived.vrrp_state import VrrpState, publish

def ip(host, *words):
    apart = ["nsenter", "-t", open(f"host{host}").read().strip(), "-n"] if host > 1 else []
    subprocess.run([*apart, "ip", *words], check=True)

said = []
def ask(what, *options):
    for check in (oneshot, resident) if what in ("other", "both") else (oneshot,):
        result = check(vip_owner, *options)
        numbers = {metric.name: metric.value for metric in result.metrics}
        said.append((what, int(result.state), result.text, numbers))

for vip, size in (("192.0.2.10", "32"), ("2001:db8::10", "128")):
    a = ("-a", vip)
    ask("nobody", *a)
    ip(2, "address", "add", f"{vip}/{size}", "dev", "eth0")
    ask("other", *a)
    ip(3, "address", "add", f"{vip}/{size}", "dev", "eth0")
    ask("two others", *a)
    ip(3, "address", "del", f"{vip}/{size}", "dev", "eth0")
    ip(1, "address", "add", f"{vip}/{size}", "dev", "br0")
    ask("both", *a)
    ask("both, local", *a, "--local")
    ip(2, "address", "del", f"{vip}/{size}", "dev", "eth0")
    ask("own", *a)
    publish(VrrpState("INSTANCE", "VI", "MASTER", 1.0))
    ask("own, master", *a, "--instance", "VI")
    publish(VrrpState("INSTANCE", "VI", "BACKUP", 1.0))
    ask("own, backup", *a, "--instance", "VI", "--local")
    ip(1, "address", "del", f"{vip}/{size}", "dev", "br0")
    ip(1, "address", "add", f"{vip}/{size}", "dev", "lo")
    ask("lo, backup", *a, "--instance", "VI", "--local")
    ip(1, "address", "del", f"{vip}/{size}", "dev", "lo")
    ask("no link", *a, "--interface", "none0")
print(json.dumps(said))
"""
_WANTED = {
    "nobody": (2, "this node does not hold {vip}, nor does any other host", 0, 0),
    "other": (0, "this node does not hold {vip}, but 02:00:00:00:00:02 does", 0, 1),
    "two others": (2, "this node does not hold {vip}, and these do: 02:00:00:00:00:02, 02:00:00:00:00:03", 0, 2),
    "both": (2, "this node holds {vip} on br0, and so does: 02:00:00:00:00:02", 1, 2),
    "both, local": (0, "this node holds {vip} on br0", 1, None),
    "own": (0, "this node holds {vip} on br0", 1, 1),
    "own, master": (0, "this node holds {vip} on br0", 1, 1),
    "own, backup": (2, "this node holds {vip} on br0, while VI is BACKUP", 1, None),
    "lo, backup": (0, "this node does not hold {vip}", 0, None),
    "no link": (3, "cannot judge the VIP: cannot ask on none0 who holds {vip}: No such device", None, None),
}


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK: with nothing recorded of VRRP, and without a link to ask."""
    yield "-a 192.0.2.250 --local"


def test_who_answers_on_the_link_holds_it(tmp_path: Path) -> None:
    """IPv4 and IPv6: nobody, another host, two of them, this node, both."""
    line = f'cd "$3"; {_NETWORK}'
    needs = ["ip", "nsenter", "unshare"]
    ran = shell(tmp_path, line, sys.executable, _ASK, str(tmp_path), str(CODE), flags=["-m", "-n"], needs=needs)
    assert "failed" not in ran.out, ran.err
    said = json.loads(ran.out)
    assert len(said) == 2 * (len(_WANTED) + 2), ran.err
    for number, (what, state, text, numbers) in enumerate(said):
        vip = "192.0.2.10" if number < len(said) / 2 else "2001:db8::10"
        wanted = _WANTED[what]
        assert (state, text) == (wanted[0], wanted[1].format(vip=vip)), what
        assert (numbers.get("held"), numbers.get("holders")) == wanted[2:], what


def test_without_a_network_or_a_record_nothing_is_known(tmp_path: Path) -> None:
    """That is no fault of the VIP."""
    result = oneshot(vip_owner, "-a", "198.51.100.77")
    assert (result.state, "--interface names it" in result.text) == (UNKNOWN, True), result
    result = oneshot(vip_owner, "-a", "198.51.100.77", "--local", "--instance", f"none{tmp_path.name}")
    assert (result.state, "keepalived.conf has to call notify" in result.text) == (UNKNOWN, True), result
    assert oneshot(vip_owner, "-a", "198.51.100.77", "--local").state == OK
    assert oneshot(vip_owner, "-a", "127.0.0.1", "--local").text == "this node does not hold 127.0.0.1"


@pytest.mark.parametrize("text", ["", "a/b", "..", "sixteen-letters-x", "a b"])
def test_what_is_no_interface_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Interface(text)


def test_an_agent_learns_on_which_address_it_depends(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it runs the check at once when the VIP comes or goes."""
    watched: list[str] = []
    monkeypatch.setattr("vipwarden.net.net.Net.watch_addresses", lambda _net, addresses: watched.extend(addresses))
    oneshot(vip_owner, "-a", "2001:db8::77", "--local")
    assert watched == ["2001:db8::77"]
