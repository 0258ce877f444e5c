"""Does a real server hold its VIPs without telling anybody, and is everything put back when it ends?"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, CODE, program
from tests.keepalived_scripts.realserver import OTHER, VIP, VIP6

if TYPE_CHECKING:
    from tests.keepalived_scripts.realserver import Server


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_clients_are_served_on_the_vip_and_nobody_is_told_of_it(server: Server, vip: str) -> None:
    """By the director's way it answers; asked on the wire it keeps silent, as for IPv6 anyone does."""
    assert server("start", vip).returncode == 0
    with server.serving(vip):
        assert server.fetch(vip, 1.5) == ""
        assert not server.heard_of(vip)
        server.routed(vip)
        assert server.fetch(vip) == f"hello from {vip}"


def test_without_it_the_wire_is_told(server: Server) -> None:
    """Which is what the test above would see if the settings had no effect."""
    server.run("ip", "addr", "add", f"{VIP}/32", "dev", "lo")
    with server.serving(VIP):
        assert server.fetch(VIP) == f"hello from {VIP}"
    done = server("status", VIP)
    assert done.returncode == 1
    assert "near answers ARP requests for it: arp_ignore is 0 (0 in all, 0 in near), and 1 is wanted" in done.stdout


def test_a_vip_is_no_source_of_the_real_server_s_own_connections(server: Server) -> None:
    """Neither its ARP requests nor its connections carry it."""
    server("start", VIP, VIP6)
    server.run("ip", "addr", "flush", "dev", "near", "scope", "global")
    server.run("ip", "route", "add", "198.18.0.0/24", "dev", "near")
    server.run("ip", "-6", "route", "add", "2001:db8:1::/64", "dev", "near")
    server.run("ip", "addr", "add", "2001:db8:2::2/128", "dev", "lo", "nodad")  # else it is tentative for a moment
    assert VIP not in server.run("ip", "route", "get", "198.18.0.1").stdout
    assert "src 2001:db8:2::2" in server.run("ip", "-6", "route", "get", "2001:db8:1::1").stdout


def test_stop_puts_back_what_was_there_before(server: Server) -> None:
    """Not zeros."""
    server.sysctl("arp_announce", 1)
    server("start", VIP, VIP6)
    assert server.settings() == (1, 2)
    assert server("stop", VIP, VIP6).returncode == 0
    assert server.settings() == (0, 1)
    assert "198.18" not in server.on_lo()
    assert "2001:db8" not in server.on_lo()
    assert server("status", VIP).returncode == 3


def test_the_settings_go_with_the_last_vip(server: Server) -> None:
    """And an IPv6 address needs none."""
    server("start", VIP)
    server("start", OTHER)
    server("start", VIP6)
    server("stop", VIP)
    assert server.settings() == (1, 2)
    assert VIP not in server.on_lo()
    server("stop", OTHER)
    assert server.settings() == (0, 0)
    assert VIP6 in server.on_lo()


def test_starting_and_stopping_again_changes_nothing(server: Server) -> None:
    """What was remembered stays what it was before the first start."""
    assert [server("start", VIP).returncode for _ in range(2)] == [0, 0]
    assert server.on_lo().count(VIP) == 1
    assert [server("stop", VIP).returncode for _ in range(2)] == [0, 0]
    assert server.settings() == (0, 0)


def test_stricter_settings_are_enough(server: Server) -> None:
    """They were there before and stay."""
    server.sysctl("arp_ignore", 2)
    server.sysctl("arp_announce", 2)
    assert server("start", VIP).returncode == 0
    assert server.settings() == (2, 2)
    server("stop", VIP)
    assert server.settings() == (2, 2)


def test_what_others_changed_meanwhile_is_left_alone(server: Server) -> None:
    """And told."""
    server("start", VIP)
    server.sysctl("arp_ignore", 8)
    done = server("stop", VIP)
    assert done.returncode == 0
    assert "arp_ignore is left at 8: it was 0 before the start, and 1 after it" in done.stderr
    assert server.settings() == (8, 0)


def test_an_interface_that_answers_all_the_same_refuses_the_start(server: Server) -> None:
    """The larger value wins, and is not always the stricter one: nothing is changed then."""
    server.sysctl("arp_ignore", 4, "near")
    done = server("start", VIP, VIP6)
    assert done.returncode == 1
    assert "near answers ARP requests for it: arp_ignore is 4 (1 in all, 4 in near)" in done.stderr
    assert server.settings() == (0, 0)
    assert VIP not in server.on_lo()
    assert VIP6 not in server.on_lo()
    assert server("status", VIP).returncode == 3


def test_the_value_3_is_enough_for_an_address_of_our_scope(server: Server) -> None:
    """Seen on the wire, not only in the kernel's source."""
    server.sysctl("arp_ignore", 3, "near")
    assert server("start", VIP).returncode == 0
    with server.serving(VIP):
        assert server.fetch(VIP, 1.5) == ""
    server.run("ip", "addr", "del", f"{VIP}/32", "dev", "lo")
    server.run("ip", "addr", "add", f"{VIP}/32", "dev", "lo")
    assert "near answers ARP requests" in server("status", VIP).stdout


def test_all_or_nothing(server: Server) -> None:
    """One who may change the settings, but no address, changes neither."""
    done = server.run(program("setpriv"), "--bounding-set", "-net_admin", BIN / "realserver", "start", VIP)
    assert done.returncode == 4
    assert VIP not in server.on_lo()
    assert server.settings() == (0, 0)
    assert server("start", VIP).returncode == 0


def test_ipv6_that_is_off_is_told_as_such(server: Server) -> None:
    """The kernel says that access is denied, which it is to root as well."""
    server.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6")
    done = server("start", VIP, VIP6)
    assert (done.returncode, done.stderr) == (
        1,
        "realserver: IPv6 is off on lo: sysctl net.ipv6.conf.lo.disable_ipv6=0, and the same in /etc/sysctl.d\n",
    )
    assert VIP not in server.on_lo()
    assert server.settings() == (0, 0)
    assert server("start", VIP).returncode == 0
    assert "IPv6 is off on lo" in server("status", VIP, VIP6).stdout


def test_status_tells_what_is_in_effect(server: Server) -> None:
    """A part of it is 1, nothing 3, all of it 0."""
    assert server("status", VIP, OTHER).returncode == 3
    server("start", VIP)
    assert server("status", VIP).returncode == 0
    done = server("status", VIP, OTHER)
    assert (done.returncode, done.stdout.splitlines()[:2]) == (1, [f"{VIP} is on lo", f"{OTHER} is not on lo"])
    server.run("ip", "addr", "del", f"{VIP}/32", "dev", "lo")
    done = server("status", VIP)
    assert (done.returncode, "was put there" in done.stdout) == (1, True)
    server("start", VIP)
    server.sysctl("arp_announce", 0)
    assert "near may announce it as the sender: arp_announce is 0" in server("status", VIP).stdout
    server.run("ip", "addr", "add", f"{VIP}/24", "dev", "near")
    assert f"{VIP} is on near too" in server("status", VIP).stdout


def test_a_lo_that_is_down_or_takes_the_whole_network_is_refused(server: Server) -> None:
    """An address there would be of no use, or of too much."""
    server.run("ip", "link", "set", "lo", "down")
    assert "ip link set lo up" in server("start", VIP).stderr
    server.run("ip", "link", "set", "lo", "up")
    server.run("ip", "addr", "add", f"{VIP}/24", "dev", "lo")
    done = server("start", VIP)
    assert (done.returncode, "makes that whole network local" in done.stderr) == (1, True)
    assert f"{VIP} stays on lo" in server("stop", VIP).stderr
    assert f"{VIP}/24" in server.on_lo()


def test_without_the_right_to_it_says_which(server: Server) -> None:
    """Exit code 4 of LSB: the privileges do not suffice."""
    done = server.run(
        program("setpriv"),
        "--bounding-set",
        "-net_admin",
        "--inh-caps",
        "-net_admin",
        BIN / "realserver",
        "start",
        VIP6,
    )
    assert done.returncode == 4
    assert "root is needed, or CAP_NET_ADMIN" in done.stderr


def test_the_one_capability_of_the_unit_is_enough(server: Server) -> None:
    """And not even a new privilege may be gained."""
    only = (program("setpriv"), "--no-new-privs", "--bounding-set", "-all,+net_admin", "--inh-caps", "-all")
    for action in ("start", "status", "stop"):
        done = server.run(*only, BIN / "realserver", action, VIP, VIP6)
        assert (done.returncode, done.stderr) == (0, "")
    assert server.settings() == (0, 0)


def test_the_unit_is_sound_and_closed() -> None:
    """By systemd's own word, where it is installed."""
    unit = CODE / "packaging/systemd/vipwarden-realserver@.service"
    done = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=true", "--threshold=25", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
