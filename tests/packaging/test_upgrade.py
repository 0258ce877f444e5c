"""Does a node notice its own upgrade? Checks, VIP, agent, notify, exporter and socket, beside a real keepalived.

The debs on Debian 12; on Debian 13 RPMs, which its rpm has built and installs: from 4.19 on it asks for groups.
"""

from __future__ import annotations

import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.building import EPOCH, NEXT, packages
from tests.packaging.container import Container, booted, eventually
from tests.packaging.dnf import system
from tests.packaging.roots import Root, root
from vipwarden import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASES = {"deb": "bookworm", "rpm": "trixie"}
SERVICES = ("vipwarden-agent.service", "vipwarden-notify.service", "vipwarden-exporter.service")
SOCKET = "vipwarden-exporter.socket"
CODE = "/usr/lib/vipwarden/code"
TRACK = "/run/vipwarden/track/web"
CONFIG = """\
checks: {web: {check: port, interval: 2, timeout: 2, host: 127.0.0.1, port: 8080}}
exporter: {listen: "127.0.0.1:9877"}
"""
KEEPALIVED = """\
global_defs {
    enable_script_security
    script_user root
    vrrp_notify_fifo /run/vipwarden/keepalived.fifo
}
vrrp_script port {
    script "/usr/libexec/keepalived/chk_port -H 127.0.0.1 -p 8080"
    interval 1
    timeout 5
}
vrrp_script verdict {
    script "/usr/libexec/keepalived/chk_verdict web"
    interval 1
    timeout 5
}
track_file web {
    file /run/vipwarden/track/web
    weight 0 reverse
}
vrrp_instance V1 {
    version 3
    interface net
    virtual_router_id 51
    priority 100
    advert_int 0.1
    virtual_ipaddress {
        192.0.2.10/32
    }
    track_script {
        port
        verdict
    }
    track_file {
        web
    }
}
"""
# every 20 ms, for a server that is healthy all the time; $@ is a check and what it has to say
ASKING = """
while :; do
    said=$("$@" 2>&1); code=$?
    [ $code = 0 ] || echo "$(cut -d' ' -f1 /proc/uptime): $* said $code $said" >>/run/wrong
    echo >>/run/asked
    sleep 0.02
done
"""
LOOKING = f"""
while :; do
    ip address show dev net | grep -q 192.0.2.10/32 || echo "no VIP" >>/run/wrong
    read -r value <{TRACK} && [ "$value" = 1 ] || echo "track file: $value" >>/run/wrong
    sleep 0.02
done
"""


class Node(Container):
    """A booted root, and how packages get into it."""

    kind: str
    folders: dict[str, str]

    def paths(self, version: str, *names: str) -> list[str]:
        """Return the packages of a version, all or some."""
        found = [f"{self.folders[version]}/{path.name}" for path in self.offered(version)]
        return [path for path in found if not names or re.split(r"[-_]\d", Path(path).name)[0] in names]

    def offered(self, version: str) -> list[Path]:
        """Return them as they are seen from here."""
        folder = self.path / self.folders[version].lstrip("/")
        return sorted(path for path in folder.glob(f"*.{self.kind}") if ".src." not in path.name)

    def install(self, version: str) -> list[str]:
        """Return the command that installs or upgrades all, or goes on with that."""
        if self.kind == "deb":
            return ["dpkg", "--force-unsafe-io", "--install", *self.paths(version)]
        return ["rpm", "--upgrade", "--replacepkgs", *self.paths(version)]

    def states(self) -> list[str]:
        """Return what keepalived's instance went through."""
        return re.findall(r"\(V1\) Entering (\w+) STATE", self.journal("keepalived"))


def by_newer_rpm(place: Root, source: Path) -> str:
    """Build RPMs of a source that was built here already, by the root's own rpm."""
    shutil.copytree(source, place.path / "source", ignore=shutil.ignore_patterns("*.rpm", "BUILD*", "tmp"))
    build = f"cd /source && SOURCE_DATE_EPOCH={EPOCH} packaging/rpm/build.sh /usr/bin/python3 {NEXT}"
    place.run("sh", "-ec", build)
    return "/source/dist"


@pytest.fixture(scope="module", params=sorted(RELEASES))
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Boot a root with all packages, where everything runs and keepalived holds the VIP."""
    kind = request.param
    scratch = tmp_path_factory.mktemp(f"upgrade-{kind}")
    with root(RELEASES[kind], scratch / "layer") as place:
        folders = {VERSION: "/packages", NEXT: "/next"}
        shutil.copytree(packages(kind), place.path / "packages")
        if kind == "rpm":
            folders[NEXT] = by_newer_rpm(place, packages(kind, NEXT).parent)
            shutil.copy(system(scratch, place.python), place.path / "packages" / "system.rpm")
        else:
            shutil.copytree(packages(kind, NEXT), place.path / "next")
        with booted(place) as container:
            found = Node(place, container.leader)
            found.kind, found.folders = kind, folders
            found.run(*found.install(VERSION))
            start(found)
            yield found


def start(node: Node) -> None:
    """Start everything that there is."""
    node.sh("ip link add net type veth peer name far; ip link set far up; ip link set net up")
    node.run("ip", "address", "add", "192.0.2.1/24", "dev", "net")
    node.run("systemd-run", "--quiet", "--unit=web", "python3", "-m", "http.server", "--bind", "127.0.0.1", "8080")
    node.write("/etc/vipwarden/vipwarden.yaml", CONFIG)
    node.write("/etc/keepalived/keepalived.conf", KEEPALIVED)
    node.run("systemctl", "enable", "--now", SOCKET)  # refused beside its service
    node.run("systemctl", "enable", "--now", *SERVICES)
    eventually(lambda: node.read(TRACK) == "1   \n", 60)
    node.run("systemctl", "start", "keepalived")
    eventually(lambda: node.states()[-1:] == ["MASTER"], 60)
    eventually(lambda: "192.0.2.10/32" in node.run("ip", "address", "show", "net"))
    eventually(lambda: node.read("/run/vipwarden/vrrp/INSTANCE.V1").split(" ")[2:3] == ["MASTER"])


def asked(node: Node) -> int:
    """Return how often the loop has asked."""
    return len(node.read("/run/asked"))


def page(node: Node) -> str:
    """Ask the exporter."""
    return node.run("curl", "--silent", "--show-error", "--fail", "http://127.0.0.1:9877/metrics")


def cut_off(node: Node) -> None:
    """Begin the upgrade, and kill the package manager when it has replaced a part of the code."""
    begun = node.path / f"{CODE[1:]}/vipwarden/__init__.py"
    # without the step that would let the commands run the new code, should the kill come late
    instead = {"--install": "--unpack", "--replacepkgs": "--replacepkgs --noposttrans"}
    command = " ".join(instead.get(word, word) for word in node.install(NEXT))
    node.run("systemd-run", "--quiet", "--unit=upgrade", "--property=KillSignal=SIGKILL", "sh", "-c", command)
    until = time.monotonic() + 240
    while f'"{NEXT}"' not in read(begun):
        assert time.monotonic() < until, node.journal("upgrade")
    node.run("systemctl", "kill", "--signal=KILL", "upgrade", code=None)
    eventually(lambda: node.show("upgrade", "ActiveState") != "active")
    node.run("systemctl", "reset-failed", "upgrade", code=None)
    killed = int(time.time())
    eventually(lambda: int(time.time()) > killed)  # rpm unpacks to names by the second, which have to be new


def read(path: Path) -> str:
    """Return what a file holds; nothing while there is none."""
    with suppress(FileNotFoundError):
        return path.read_text()
    return ""


def test_an_upgrade_gives_no_wrong_answer_and_the_vip_stays(node: Node) -> None:
    """Interrupted or not; and at its end the new version runs."""
    before = {unit: node.show(unit, "MainPID") for unit in SERVICES}
    assert "0" not in before.values()
    check = ("/usr/libexec/keepalived/chk_port", "-H", "127.0.0.1", "-p", "8080")
    for unit, script, more in (("ask", ASKING, check), ("look", LOOKING, ())):
        node.run("systemd-run", "--quiet", f"--unit={unit}", "sh", "-c", script, "sh", *more)
    eventually(lambda: asked(node) > 10, 60)
    cut_off(node)
    assert node.run("vipwarden", "--version") == f"vipwarden {VERSION}\n"
    assert page(node)
    if node.kind == "deb":
        node.run("dpkg", "--force-unsafe-io", "--unpack", *node.paths(NEXT, "vipwarden"))
        half = asked(node)
        eventually(lambda: asked(node) > half + 10, 60)
        assert node.run("vipwarden", "--version") == f"vipwarden {VERSION}\n"
    node.run(*node.install(NEXT))
    assert node.run("vipwarden", "--version") == f"vipwarden {NEXT}\n"
    for unit in SERVICES:
        eventually(lambda unit=unit: node.show(unit, "MainPID") not in ("0", before[unit]), 60)  # type: ignore[misc]
        eventually(lambda unit=unit: node.show(unit, "ActiveState") == "active", 60)  # type: ignore[misc]
    assert node.show(SOCKET, "ActiveState") == "active"
    assert f'version="{NEXT}"' in page(node)
    end = asked(node)
    eventually(lambda: asked(node) > end + 50, 60)
    for unit in ("ask", "look"):
        assert node.show(unit, "ActiveState") == "active"
        node.run("systemctl", "stop", unit)
    assert node.states() == ["BACKUP", "MASTER"], node.journal("keepalived")
    assert set(node.read("/run/wrong").splitlines()) == set()


def test_the_version_before_is_kept_for_who_runs_in_it_and_goes_after_a_day(node: Node) -> None:
    """What an agent of the old version still has to import comes from there."""
    current = node.run("readlink", "/usr/lib/vipwarden/current").strip()
    kept = node.run("ls", "/usr/lib/vipwarden/live").split()
    assert len(kept) == 2
    node.run("/usr/libexec/vipwarden/setup")
    assert node.run("ls", "/usr/lib/vipwarden/live").split() == kept
    node.sh("touch -d '2 days ago' /usr/lib/vipwarden/live/*")
    node.run("/usr/libexec/vipwarden/setup")
    assert node.run("sh", "-c", "echo /usr/lib/vipwarden/live/*").strip() == current
    node.sh(f"mv {CODE}/checks/port.py /run/")
    assert "is not what was packed: the commands go on" in node.run("/usr/libexec/vipwarden/setup", code=1)
    assert node.run("readlink", "/usr/lib/vipwarden/current").strip() == current
    node.sh(f"mv /run/port.py {CODE}/checks/")
    node.run("/usr/libexec/vipwarden/setup")


def test_a_wrong_configuration_that_is_mended_brings_exporter_and_socket_back(node: Node) -> None:
    """However long it was wrong: systemd gives a service up after five failures, unless it is told not to."""
    exporter = SERVICES[-1]
    node.drop_in(exporter, "RestartSec=100ms")
    node.write("/etc/vipwarden/vipwarden.yaml", CONFIG.replace("9877", "port"))
    node.run("systemctl", "restart", exporter, code=1)
    eventually(lambda: int(node.show(exporter, "NRestarts")) > 6, 240)
    assert node.show(SOCKET, "ActiveState") == "active"
    node.write("/etc/vipwarden/vipwarden.yaml", CONFIG)
    assert page(node)
    assert node.show(SOCKET, "ActiveState") == "active"


def test_erasing_stops_what_runs_and_leaves_no_link(node: Node) -> None:
    """The agent's track files fail."""
    node.run("systemctl", "stop", "keepalived")
    names = [re.split(r"[-_]\d", path.name)[0] for path in node.offered(NEXT)]
    said = node.run(*(("dpkg", "--remove") if node.kind == "deb" else ("rpm", "--erase")), *names)
    for consequence in ("keepalived holds its VIPs whatever happens", "Without the agent these are failures"):
        assert consequence in said
    assert re.search(r"^/etc/keepalived/keepalived.conf:\d+: .*/chk_verdict ", said, re.MULTILINE), said
    for unit in (*SERVICES, SOCKET):
        assert node.show(unit, "ActiveState") == "inactive"
        assert node.show(unit, "LoadState") == "not-found"
    assert "vipwarden" not in node.run("ls", "-R", "/etc/systemd/system").replace("vipwarden-exporter.service.d", "")
    # but the temporary files of an rpm that was killed, which have a semicolon in their names
    left = "find /usr/lib/vipwarden /usr/libexec/vipwarden ! -type d ! -name '*;*' 2>/dev/null || :"
    assert node.sh(left) == ""
