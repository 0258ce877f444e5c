"""Does a real server hold its VIPs without telling anybody, and is everything put back when it ends?"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepalived_scripts.realserver.record import Record, RecordError
from keepalived_scripts.realserver.vip import VipError, vips
from tests.commands import BIN, CODE, environment, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIP, OTHER, VIP6 = "198.18.0.10", "198.18.0.11", "2001:db8::10"
CONF = "/proc/sys/net/ipv4/conf"
SERVE = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 80), family=family) as server:
    sys.stdout.write("ready\\n"); sys.stdout.flush()
    while True:
        client, _ = server.accept()
        client.sendall(b"hello from " + client.getsockname()[0].encode()); client.close()
"""
FETCH = "import socket, sys; print(socket.create_connection((sys.argv[1], 80), float(sys.argv[2])).recv(99).decode())"


class Server:
    """A network namespace that becomes a real server, and one of a client on the same wire (interface ``far``)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = environment(folder)
        self.environment["PATH"] += ":/usr/sbin:/sbin"
        self.client = self._space("ip link set lo up; echo ready; exec cat")
        self.space = self._space(
            "ip link set lo up; ip link add near type veth peer name far; ip link set near up; "
            f"ip addr add 198.18.0.2/24 dev near; ip addr add 2001:db8::2/64 dev near nodad; "
            f"ip link set far netns {self.client.pid}; echo ready; exec cat"
        )
        for word in (
            "ip link set far up",
            "ip addr add 198.18.0.1/24 dev far",
            "ip addr add 2001:db8::1/64 dev far nodad",
        ):
            assert self.from_client(*word.split()).returncode == 0

    def _space(self, line: str) -> subprocess.Popen[str]:
        command = [program("unshare"), "-n", "sh", "-ec", line]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def close(self) -> None:
        """End both."""
        for space in (self.space, self.client):
            space.communicate()

    def run(self, *command: str | Path, space: subprocess.Popen[str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on the real server."""
        pid = str((space or self.space).pid)
        return subprocess.run(
            [program("nsenter"), "-t", pid, "-n", *command],
            capture_output=True, text=True, check=False, env=self.environment, timeout=60,
        )  # fmt: skip

    def from_client(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command on the client."""
        return self.run(*command, space=self.client)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run realserver."""
        return self.run(BIN / "realserver", *arguments)

    def sysctl(self, key: str, value: int | None = None, interface: str = "all") -> int:
        """Return a setting, and before it write it."""
        path = f"{CONF}/{interface}/{key}"
        if value is not None:
            assert self.run("sh", "-c", f"echo {value} >{path}").returncode == 0
        return int(self.run("cat", path).stdout)

    def settings(self) -> tuple[int, int]:
        """Return arp_ignore and arp_announce of all interfaces."""
        return self.sysctl("arp_ignore"), self.sysctl("arp_announce")

    def on_lo(self) -> str:
        """Return what lo holds."""
        return self.run("ip", "addr", "show", "dev", "lo").stdout

    @contextlib.contextmanager
    def serving(self, address: str) -> Iterator[None]:
        """Serve on an address of the real server."""
        with subprocess.Popen(
            [program("nsenter"), "-t", str(self.space.pid), "-n", sys.executable, "-c", SERVE, address],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            try:
                yield
            finally:
                process.kill()

    def fetch(self, address: str, seconds: float = 5) -> str:
        """Return what the client gets from an address, or nothing."""
        return self.from_client(sys.executable, "-c", FETCH, address, str(seconds)).stdout.strip()

    def routed(self, address: str) -> None:
        """Let the client reach an address as a director does: by the real server's MAC."""
        mac = next(word for word in self.run("ip", "link", "show", "near").stdout.split() if word.count(":") == 5)
        done = self.from_client("ip", "neigh", "replace", address, "lladdr", mac, "dev", "far", "nud", "permanent")
        assert done.returncode == 0, done

    def heard_of(self, address: str) -> bool:
        """Return whether the client learnt a MAC for an address."""
        neighbours = self.from_client("ip", "neigh", "show", address).stdout
        return "lladdr" in neighbours


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a real server to be."""
    program("ip")
    made = Server(tmp_path)
    try:
        yield made
    finally:
        made.close()


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
    server.run("ip", "addr", "add", "2001:db8:2::2/128", "dev", "lo")
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


@pytest.mark.parametrize("named", [True, False])
def test_an_address_that_was_there_before_the_start_stays(server: Server, *, named: bool) -> None:
    """However often it is started and stopped; the settings are put back all the same."""
    (server.folder / "web").write_text(f"{VIP}\n{OTHER}\n")
    words = ("--conf", str(server.folder), "web") if named else (VIP, OTHER)
    server.run("ip", "addr", "add", f"{VIP}/32", "dev", "lo", "scope", "host")
    stays = f"realserver: {VIP} stays on lo: no start has put it there; remove it by ip address del\n"
    for _ in range(2):
        assert [server("start", *words).returncode for _ in range(2)] == [0, 0]
        assert server.settings() == (1, 2)
        done = server("stop", *words)
        assert (done.returncode, done.stderr) == (0, stays)
        assert (VIP in server.on_lo(), OTHER in server.on_lo()) == (True, False)
        assert server.settings() == (0, 0)
    assert server("stop", *words).stderr == stays


def test_a_list_that_was_edited_orphans_nothing(server: Server) -> None:
    """What left it goes at the next start, or at the stop, though the list be gone; what others started stays."""
    conf = ("--conf", str(server.folder))
    listed = server.folder / "web"
    listed.write_text(f"{VIP}\n{OTHER}\n{VIP6}\n")
    assert server(*conf, "start", "web").returncode == 0
    listed.write_text(f"{VIP}\n")
    assert server(*conf, "start", "web").returncode == 0
    assert [vip in server.on_lo() for vip in (VIP, OTHER, VIP6)] == [True, False, False]
    listed.write_text(f"{OTHER}\n{VIP6}\n")
    (server.folder / "mail").write_text(f"{VIP6}\n{OTHER}\n")
    assert server(*conf, "start", "mail").returncode == 0
    assert server(*conf, "stop", "web").returncode == 0
    assert [vip in server.on_lo() for vip in (VIP, OTHER, VIP6)] == [False, True, True]
    (server.folder / "mail").write_text("nonsense\n")
    assert server(*conf, "start", "mail").returncode == 2
    (server.folder / "mail").unlink()
    assert server(*conf, "stop", "mail").returncode == 0
    assert "/128 scope global" not in server.on_lo()
    assert "198.18" not in server.on_lo()
    assert server.settings() == (0, 0)
    assert server(*conf, "stop", "mail").returncode == 2


def test_the_settings_go_with_the_last_ipv4_address_of_a_list(server: Server) -> None:
    """When it is edited to hold none; and a start that fails takes nothing away."""
    conf = ("--conf", str(server.folder))
    listed = server.folder / "web"
    listed.write_text(f"{VIP}\n")
    assert server(*conf, "start", "web").returncode == 0
    listed.write_text(f"{VIP6}\n")
    server.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6")
    assert server(*conf, "start", "web").returncode == 1
    assert VIP in server.on_lo()
    server.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6")
    assert server(*conf, "start", "web").returncode == 0
    assert (VIP in server.on_lo(), VIP6 in server.on_lo()) == (False, True)
    assert server.settings() == (0, 0)


def test_what_an_earlier_version_recorded_is_undone(server: Server) -> None:
    """It knew no lists: an upgrade lies between start and stop."""
    (server.folder / "web").write_text(f"{VIP}\n")
    assert server("start", VIP).returncode == 0
    record = next(path for path in (server.folder / "run" / "realserver").iterdir() if path.name[0] != ".")
    record.write_text(record.read_text().replace(f"vip {VIP} {VIP}\n", f"vip {VIP}\n"))
    assert server("--conf", str(server.folder), "stop", "web").returncode == 0
    assert VIP not in server.on_lo()
    assert server.settings() == (0, 0)


def test_many_that_start_and_stop_at_once_leave_nothing_behind(server: Server) -> None:
    """As the units of a node do at boot and shutdown."""
    addresses = [f"198.18.0.{number}" for number in range(20, 28)]
    with ThreadPoolExecutor(8) as pool:
        assert {done.returncode for done in pool.map(lambda vip: server("start", vip), addresses)} == {0}
        assert server("status", *addresses).returncode == 0
        assert {done.returncode for done in pool.map(lambda vip: server("stop", vip), addresses)} == {0}
    assert server.settings() == (0, 0)
    assert "198.18" not in server.on_lo()


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


def test_a_named_list_stands_for_its_addresses(server: Server) -> None:
    """As the unit's instance name."""
    (server.folder / "web").write_text(f"# the site\n{VIP}  # first\n\n{VIP6}/128\n")
    assert server("--conf", str(server.folder), "start", "web").returncode == 0
    assert VIP in server.on_lo()
    assert VIP6 in server.on_lo()
    (server.folder / "bad").write_text(f"{VIP}\n10.0.0.0/8\n")
    done = server("--conf", str(server.folder), "start", "bad")
    assert (done.returncode, f"{server.folder}/bad:2: 10.0.0.0/8" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "text", ["127.0.0.2", "::1", "224.0.0.1", "0.0.0.0", "fe80::1", "198.18.0.1/24", "1.2.3", "../x", ".x", "a b"]
)
def test_what_can_be_no_vip_is_refused(text: str, tmp_path: Path) -> None:
    """By an error that names it."""
    with pytest.raises(VipError, match=text.partition("/")[0].replace(".", r"\.")):
        vips([text], str(tmp_path))


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


def test_ended_in_between_it_undoes_what_was_done(server: Server) -> None:
    """Whenever SIGTERM comes: all of it or nothing is there."""
    for delay in (0.02, 0.03, 0.04, 0.05, 0.06, 0.08):
        process = subprocess.Popen(
            [program("nsenter"), "-t", str(server.space.pid), "-n", BIN / "realserver", "start", VIP, OTHER, VIP6],
            env=server.environment,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        assert server("status", VIP, OTHER, VIP6).returncode in (0, 3)
        assert server.settings() in ((0, 0), (1, 2))
        assert (VIP in server.on_lo()) is (server.settings() == (1, 2))
        server("stop", VIP, OTHER, VIP6)


@given(st.text(max_size=200))
def test_a_broken_record_is_told_and_never_guessed(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever it holds."""
    path = tmp_path_factory.getbasetemp() / "record"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(RecordError):
        Record(str(path))


def test_the_unit_is_sound_and_closed() -> None:
    """By systemd's own word, where it is installed."""
    unit = CODE / "packaging/systemd/vipwarden-realserver@.service"
    done = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=true", "--threshold=25", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
