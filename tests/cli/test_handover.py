"""Does a VIP go to the peer and back, and never get lost on the way?"""

from __future__ import annotations

import re
import signal
import subprocess
from os import kill
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.commands import BIN, environment, program
from tests.prometheus import node
from tests.prometheus.namespace import Namespace, namespace, until
from vipwarden.state.handover import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

VIP = "198.51.100.1"
_CONF = """
global_defs {{
    router_id {name}
    vrrp_version 3
    vrrp_garp_master_delay 0
}}
track_file handover_VI_1 {{
    file {folder}/run/handover/VI_1
    weight 0
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        198.51.100.1/32
    }}
    track_file {{
        handover_VI_1
    }}
}}
vrrp_instance VI_2 {{
    state BACKUP
    interface eth0
    virtual_router_id 52
    priority {priority}
    virtual_ipaddress {{
        198.51.100.2/32
    }}
}}
track_file handover_VI_6 {{
    file {folder}/run/handover/VI_6
    weight 0
}}
vrrp_instance VI_6 {{
    state BACKUP
    interface eth0
    virtual_router_id 56
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        fe80::56/64
        2001:db8::56/128
    }}
    track_file {{
        handover_VI_6
    }}
}}
"""


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Cluster:
    """Two nodes with keepalived; the second starts when it is told to."""

    def __init__(self, one: Namespace, two: Namespace) -> None:
        self.one, self.two = one, two

    def start(self, space: Namespace, priority: int) -> None:
        """Start keepalived on a node."""
        folder = space.folder
        (folder / "run" / "handover").mkdir(parents=True)
        conf = folder / "keepalived.conf"
        conf.write_text(_CONF.format(name=folder.name, folder=folder, priority=priority))
        pids = [word for name in "prcb" for word in (f"-{name}", f"{folder}/{name}.pid")]
        space.start("keepalived", "-n", "-l", "-P", "-f", str(conf), *pids, env={"TMPDIR": str(folder)})

    def begin(self, *words: str, instance: str = "VI_1") -> subprocess.Popen[str]:
        """Begin to hand over from the first node."""
        folder = self.one.folder
        inside = [program("nsenter"), f"--net=/proc/{self.one.pid}/ns/net", str(BIN / "vipwarden"), "handover"]
        more = ["--conf", f"{folder}/keepalived.conf"]
        more += [] if "--pidfile" in words else ["--pidfile", f"{folder}/p.pid"]
        return subprocess.Popen(
            [*inside, instance, *words, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(folder),
        )

    def handover(self, *words: str, instance: str = "VI_1") -> Done:
        """Hand over from the first node."""
        with self.begin(*words, instance=instance) as running:
            out, err = running.communicate(timeout=60)
            return Done(running.returncode, out, err)

    @property
    def in_force(self) -> list[str]:
        """The instances that the first node has handed over."""
        return [found.instance for found in read_all(f"{self.one.folder}/run")]

    def holds(self, space: Namespace, vip: str = f"{VIP}/32") -> bool:
        """Return whether a node holds a VIP."""
        return vip in space.run("ip", "address", "show", "dev", "eth0")

    def until_held(self, space: Namespace) -> None:
        """Wait until a node holds the VIP."""
        until("the VIP", lambda: self.holds(space), logs=space.logs)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give two nodes on one link, the first one with the VIP."""
    program("keepalived")
    folder = tmp_path_factory.mktemp("handover")
    with namespace(folder / "hub") as hub, namespace(folder / "one") as one, namespace(folder / "two") as two:
        node.links(hub, [one, two])
        made = Cluster(one, two)
        made.start(one, 150)
        made.until_held(one)
        yield made


def test_the_vip_stays_where_nobody_can_take_it(cluster: Cluster) -> None:
    """No advert was ever seen; and with --force this node takes it back."""
    done = cluster.handover()
    assert (done.returncode, done.stdout) == (1, "")
    assert "keepalived has seen no advert of a peer since its start" in done.stderr
    assert cluster.holds(cluster.one)
    done = cluster.handover("--force", "--timeout", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no peer has taken {VIP} within 1 s: this node takes it back; {VIP} is back after " in done.stderr
    assert cluster.holds(cluster.one)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_killed_gives_no_vip_away(cluster: Cluster, number: signal.Signals) -> None:
    """Nor does a second command meanwhile."""
    with cluster.begin("--force", "--timeout", "60") as running:
        until("no VIP", lambda: not cluster.holds(cluster.one), logs=cluster.one.logs)
        assert cluster.in_force == ["VI_1"]
        for words in ((), ("--force",), ("--back",)):
            done = cluster.handover(*words)
            assert done.returncode == 1
            assert ("does not hold" if "--back" not in words else "another vipwarden handover runs") in done.stderr
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
        assert number != signal.SIGINT or f"interrupted; {VIP} is back after " in err
    cluster.until_held(cluster.one)
    assert cluster.in_force == []


def test_the_vip_goes_to_the_peer_and_comes_back(cluster: Cluster) -> None:
    """With the seconds for which nobody had it, by the skew time of the peer: 0.2 x (256 - 100) / 256."""
    cluster.start(cluster.two, 100)
    until("keepalived", (cluster.two.folder / "p.pid").exists, logs=cluster.two.logs)
    until("its first look", lambda: "Entering BACKUP STATE" in cluster.two.logs(), logs=cluster.two.logs)
    done = cluster.handover("--force", "--timeout", "20")
    assert (done.returncode, done.stderr) == (0, "")
    said = r"VI_1: handed over to 192\.0\.2\.12 \(priority 100\); clients were without it for ([\d.]+) s\n"
    found = re.fullmatch(said, done.stdout)
    assert found is not None, done.stdout
    assert float(found[1]) < 3
    assert not cluster.holds(cluster.one)
    assert cluster.in_force == ["VI_1"]
    cluster.until_held(cluster.two)
    again = cluster.handover("--force")
    assert again.returncode == 1
    already = rf"this node does not hold {VIP}: it is handed over for [\w.]+; --back lets this node have it again"
    assert re.search(already, again.stderr), again.stderr
    back = cluster.handover("--back")
    assert (back.returncode, back.stderr) == (0, "")
    assert re.fullmatch(rf"VI_1: {VIP} is back after [\d.]+ s\n", back.stdout)
    assert cluster.holds(cluster.one)
    until("the end of the other", lambda: not cluster.holds(cluster.two))
    assert cluster.handover("--timeout", "20").returncode == 0  # adverts of the peer were seen by now
    lost = cluster.handover("--back", "--pidfile", "/nowhere")
    assert lost.returncode == 1
    assert cluster.in_force == []  # whatever becomes of the rest
    cluster.until_held(cluster.one)


def test_adverts_go_by_ipv6_as_well(cluster: Cluster) -> None:
    """From the link-local address of the peer."""
    done = cluster.handover("--timeout", "20", instance="VI_6")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VI_6: handed over to fe80::")
    assert not cluster.holds(cluster.one, "2001:db8::56/128")
    back = cluster.handover("--back", instance="VI_6")
    assert (back.returncode, back.stderr) == (0, "")
    assert cluster.holds(cluster.one, "2001:db8::56/128")


def test_a_peer_that_dies_at_once_keeps_no_vip(cluster: Cluster) -> None:
    """This node takes it back, and says so."""
    with cluster.begin("--force", "--timeout", "20") as running:
        cluster.until_held(cluster.two)
        kill(int((cluster.two.folder / "p.pid").read_text()), signal.SIGKILL)
        kill(int((cluster.two.folder / "r.pid").read_text()), signal.SIGKILL)
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (1, "")
    # it may have died before its first advert
    died = rf"(192\.0\.2\.12 took {VIP}, and is silent now|no peer has taken {VIP} within 20 s)"
    assert re.search(rf": {died}: this node takes it back; {VIP} is back after ", err)
    assert cluster.holds(cluster.one)


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        ("VI_2", "does not track"),
        ("VI_3", "has no vrrp_instance VI_3; did you mean 'VI_"),
    ],
)
def test_what_keepalived_was_not_told_to_track_is_refused(cluster: Cluster, instance: str, text: str) -> None:
    """With the command that prints the lines."""
    done = cluster.handover(instance=instance)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert instance != "VI_2" or "vipwarden snippet handover --name VI_2" in done.stderr
