"""Do the units do what they promise, under the systemd of a container and with a real keepalived?"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, program
from tests.packaging.building import packages
from tests.packaging.container import booted, eventually
from tests.packaging.dnf import Dnf, system
from tests.packaging.roots import root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packaging.container import Container

UNITS = CODE / "packaging" / "systemd"
EXPOSURE, EXPOSURE_OF_ALL = 2.0, 2.3  # of 10, as systemd-analyze counts
TRACK = "/run/vipwarden/track/web"
AGENT, EXPORTER, NOTIFY = "vipwarden-agent", "vipwarden-exporter", "vipwarden-notify"
RECORDER = "vipwarden-recorder"
CONFIG = """\
checks:
  web:
    check: port
    interval: 0.2
    timeout: 0.2
    host: 127.0.0.1
    port: 8080
exporter:
  listen: 127.0.0.1:9877
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
}
vrrp_script service {
    script "/usr/libexec/keepalived/chk_service --check 'port -H 127.0.0.1 -p 8080' --restarts 0"
    interval 1
}
vrrp_script verdict {
    script "/usr/libexec/keepalived/chk_verdict web"
    interval 1
}
track_file web {
    file /run/vipwarden/track/web
    weight 0 reverse
}
vrrp_instance V1 {
    interface net
    virtual_router_id 51
    priority 100
    advert_int 0.1
    virtual_ipaddress {
        192.0.2.10/32
    }
    track_script {
        port
        service
        verdict
    }
    track_file {
        web
    }
    notify "/usr/libexec/keepalived/notify"
}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Boot a root with all packages, a network card of its own and a server on port 8080."""
    scratch = tmp_path_factory.mktemp("booted")
    with root("bookworm", scratch / "layer") as place:
        dnf = Dnf(place, scratch / "repository")
        dnf.offer(packages("rpm"), system(scratch, place.python))
        dnf("install", "vipwarden-keepalived", "vipwarden-agent", "vipwarden-exporter")
        (place.path / "etc/vipwarden/vipwarden.yaml").write_text(CONFIG)
        with booted(place) as container:
            container.sh("ip link add net type veth peer name far; ip link set far up; ip link set net up")
            container.run("ip", "address", "add", "192.0.2.1/24", "dev", "net")
            serve(container)
            yield container


def serve(node: Container) -> None:
    """Let something listen on port 8080."""
    node.run(
        "systemd-run",
        "--quiet",
        "--collect",
        "--unit=web",
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "8080",
    )


@pytest.fixture
def agent(node: Container) -> Iterator[Container]:
    """Run the agent until it has a healthy verdict."""
    node.run("systemctl", "start", AGENT)
    eventually(lambda: node.read(TRACK) == "1   \n")
    yield node
    node.run("systemctl", "stop", AGENT)


def stat(node: Container, path: str) -> str:
    """Return the number of a folder."""
    return node.run("stat", "--format=%i %U %a", path).strip()


def exposure(unit: Path) -> float:
    """Return systemd's own count of a unit, with the drop-ins beside it."""
    command = [program("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    found = re.search(r"Overall exposure level for \S+: (\S+)", done.stdout)
    assert found, done.stderr
    return float(found[1])


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("*.service")))
def test_no_unit_is_more_exposed_than_it_must_be(unit: str, tmp_path: Path) -> None:
    """As docs/install.md promises."""
    path = tmp_path / unit.replace("@", "@192.0.2.10")
    path.write_text((UNITS / unit).read_text())
    assert exposure(path) <= EXPOSURE


def test_the_exporter_with_all_its_drop_ins_is_as_exposed_as_the_manual_says(tmp_path: Path) -> None:
    """Capabilities count."""
    shutil.copy(UNITS / f"{EXPORTER}.service", tmp_path)
    shutil.copytree(UNITS / "exporter", tmp_path / f"{EXPORTER}.service.d")
    assert EXPOSURE < exposure(tmp_path / f"{EXPORTER}.service") <= EXPOSURE_OF_ALL


def test_systemd_finds_nothing_wrong_with_the_units(node: Container) -> None:
    """No key that it does not know, no program that is not there."""
    said = node.sh(
        "cd /usr/lib/systemd/system && systemd-analyze verify --man=no vipwarden-*.service vipwarden-*.socket"
    )
    assert not [line for line in said.splitlines() if "vipwarden" in line]


def test_the_folders_are_there_before_keepalived_and_belong_to_root(node: Container) -> None:
    """It watches folders by their numbers, and follows no new ones."""
    for folder in ("track", "verdict", "vrrp"):
        assert stat(node, f"/run/vipwarden/{folder}").endswith("root 755")


def test_a_restart_of_the_agent_interrupts_no_verdict(agent: Container) -> None:
    """Nor does it make the folders anew: an upgrade is nothing else."""
    folder = stat(agent, "/run/vipwarden/track")
    agent.run("systemd-run", "--quiet", "--unit=watch", "--property=StandardOutput=file:/run/seen", "sh", "-c",
              f"while :; do cat {TRACK} || echo gone; sleep 0.01; done")  # fmt: skip
    before = agent.show(AGENT, "MainPID")
    agent.run("systemctl", "restart", AGENT)
    agent.run("sleep", "1")
    agent.run("systemctl", "stop", "watch")
    assert agent.show(AGENT, "MainPID") != before
    seen = agent.read("/run/seen").split()
    assert len(seen) > 20
    assert set(seen) == {"1"}
    assert stat(agent, "/run/vipwarden/track") == folder


def test_an_agent_that_hangs_is_replaced_and_healthy_verdicts_are_taken_back(agent: Container) -> None:
    """Its own watchdog sees to the track files at once, that of systemd to the agent."""
    agent.drop_in(f"{AGENT}.service", "WatchdogSec=3")
    agent.run("systemctl", "restart", AGENT)
    assert agent.show(AGENT, "WatchdogUSec") == "3s"
    before = agent.show(AGENT, "NRestarts")
    agent.run("kill", "-STOP", agent.show(AGENT, "MainPID"))
    eventually(lambda: agent.read(TRACK) == "0   \n", 5)
    eventually(lambda: agent.show(AGENT, "NRestarts") == str(int(before) + 1))
    eventually(lambda: agent.read(TRACK) == "1   \n")
    assert "Watchdog timeout" in agent.journal(AGENT)


def test_an_agent_that_is_killed_with_its_watchdog_fails_closed(agent: Container) -> None:
    """ExecStopPost is left to do it."""
    agent.drop_in(f"{AGENT}.service", "RestartSec=5")
    agent.sh(f"kill -9 $(cat $(find /sys/fs/cgroup -path '*{AGENT}.service/cgroup.procs' | head -n 1))")
    eventually(lambda: agent.read(TRACK) == "0   \n", 4)
    eventually(lambda: agent.read(TRACK) == "1   \n")


def test_a_wrong_configuration_is_refused_and_the_old_one_goes_on(agent: Container) -> None:
    """At a reload: file, line and key are in the journal."""
    agent.write("/etc/vipwarden/vipwarden.yaml", CONFIG.replace("port: 8080", "port: x"))
    agent.run("systemctl", "reload", AGENT)
    eventually(lambda: "/etc/vipwarden/vipwarden.yaml:7: checks.web.port" in agent.journal(AGENT))
    agent.write("/etc/vipwarden/vipwarden.yaml", CONFIG)
    agent.run("systemctl", "reload", AGENT)
    assert agent.read(TRACK) == "1   \n"


def page(node: Container, path: str = "-/healthy") -> str:
    """Ask the exporter and return the code of its answer."""
    return node.run(
        "curl",
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        f"http://127.0.0.1:9877/{path}",
        code=None,
    )


def test_the_exporter_is_started_by_who_asks_first_and_has_no_power_at_all(node: Container) -> None:
    """No user of the system's, no capability; a restart refuses nobody."""
    node.run("systemctl", "start", f"{EXPORTER}.socket")
    assert node.show(EXPORTER, "ActiveState") == "inactive"
    assert page(node) == "200"
    pid = node.show(EXPORTER, "MainPID")
    status = node.read(f"/proc/{pid}/status")
    assert int(re.findall(r"^Uid:\s+(\d+)", status, re.MULTILINE)[0]) >= 61184
    assert re.findall(r"^Cap(?:Eff|Bnd):\s+(\w+)", status, re.MULTILINE) == ["0" * 16] * 2
    for _ in range(3):
        node.run("systemctl", "restart", "--no-block", EXPORTER)
        assert page(node, "metrics") == "200"
    eventually(lambda: node.show(EXPORTER, "MainPID") not in (pid, "0"))


def test_an_exporter_that_hangs_is_replaced(node: Container) -> None:
    """By systemd's watchdog."""
    node.drop_in(f"{EXPORTER}.service", "WatchdogSec=1")
    node.run("systemctl", "restart", EXPORTER)
    before = node.show(EXPORTER, "NRestarts")
    node.run("kill", "-STOP", node.show(EXPORTER, "MainPID"))
    eventually(lambda: node.show(EXPORTER, "NRestarts") == str(int(before) + 1))
    eventually(lambda: page(node) == "200")


@pytest.mark.parametrize(("name", "bits"), [("ipvs", 1 << 12), ("keepalived", 1 << 5 | 1 << 2 | 1 << 19)])
def test_a_drop_in_gives_the_exporter_one_power_more(node: Container, name: str, bits: int) -> None:
    """As they lie in /usr/share/vipwarden, to be copied."""
    folder = f"/etc/systemd/system/{EXPORTER}.service.d"
    node.sh(f"mkdir -p {folder}; cp /usr/share/vipwarden/systemd/{EXPORTER}.service.d/{name}.conf {folder}")
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "restart", EXPORTER)
    status = node.read(f"/proc/{node.show(EXPORTER, 'MainPID')}/status")
    assert [int(text, 16) for text in re.findall(r"^Cap(?:Eff|Bnd):\s+(\w+)", status, re.MULTILINE)] == [bits] * 2
    assert page(node, "metrics") == "200"
    node.run("rm", f"{folder}/{name}.conf")
    node.run("systemctl", "daemon-reload")


def test_the_group_of_haproxy_s_socket_is_one_of_the_exporter_s_where_it_is_there(node: Container) -> None:
    """By a generator: a unit that names a group which is not there does not start."""
    node.run("groupadd", "-r", "haproxy")
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "restart", EXPORTER)
    number = node.sh("getent group haproxy | cut -d: -f3").strip()
    groups = re.findall(r"^Groups:\s+(.*)", node.read(f"/proc/{node.show(EXPORTER, 'MainPID')}/status"), re.MULTILINE)
    assert number in groups[0].split()
    node.run("groupdel", "haproxy")
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "restart", EXPORTER)


def test_secrets_that_only_root_and_the_group_may_read_reach_the_exporter(node: Container) -> None:
    """Passwords and keys lie beside the configuration, and nobody else reads them."""
    hashed = "$2b$04$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8/LewdBPj4J/HS.iK8i"
    node.sh(f"printf 'basic_auth_users:\\n  prometheus: {hashed}\\n' > /etc/vipwarden/web-config.yaml")
    assert stat(node, "/etc/vipwarden/web-config.yaml").endswith("root 640")
    node.write("/etc/vipwarden/vipwarden.yaml", CONFIG + "  web_config: /etc/vipwarden/web-config.yaml\n")
    node.run("systemctl", "restart", EXPORTER)
    assert page(node, "metrics") == "401"
    node.write("/etc/vipwarden/vipwarden.yaml", CONFIG)
    node.run("systemctl", "restart", EXPORTER)
    assert page(node, "metrics") == "200"


def test_a_real_server_s_address_comes_and_goes_with_its_unit(node: Container) -> None:
    """With the ARP settings; more than that the unit may not do."""
    unit = "vipwarden-realserver@192.0.2.77"
    node.run("systemctl", "start", unit)
    assert "192.0.2.77/32" in node.run("ip", "address", "show", "lo")
    assert node.read("/proc/sys/net/ipv4/conf/all/arp_ignore") == "1\n"
    assert node.read("/proc/sys/net/ipv4/conf/all/arp_announce") == "2\n"
    node.run("systemctl", "stop", unit)
    assert "192.0.2.77" not in node.run("ip", "address", "show", "lo")
    assert node.read("/proc/sys/net/ipv4/conf/all/arp_ignore") == "0\n"


def test_keepalived_takes_the_installed_scripts_under_script_security(agent: Container) -> None:
    """All that there are, and the track file; and a hook changes what the unit of the FIFO's reader could not."""
    node = agent
    hook = '#!/bin/sh\nmkdir -p /var/lib/site && echo "$*" >> /var/lib/site/$VIPWARDEN_STATE\n'
    for folder in ("master", "fault"):
        node.write(f"/etc/vipwarden/notify.d/{folder}/50-site", hook, 0o755)
    node.write("/etc/keepalived/keepalived.conf", KEEPALIVED)
    node.run("systemctl", "start", NOTIFY)
    node.run("systemctl", "start", "keepalived")

    def state() -> str:
        return (node.read("/run/vipwarden/vrrp/INSTANCE.V1").split(" ") + [""] * 3)[2]

    eventually(lambda: state() == "MASTER")
    assert "192.0.2.10/32" in node.run("ip", "address", "show", "net")
    eventually(lambda: node.read("/var/lib/site/MASTER") == "INSTANCE V1 MASTER 100\n")
    node.run("systemctl", "stop", "web")
    eventually(lambda: state() == "FAULT")
    eventually(lambda: "192.0.2.10" not in node.run("ip", "address", "show", "net"))
    eventually(lambda: node.read("/var/lib/site/FAULT") == "INSTANCE V1 FAULT 100\n")
    serve(node)
    eventually(lambda: state() == "MASTER")
    said = node.journal("keepalived")
    assert not re.search(r"unsafe|insecure|disabl|not executable|not found|unknown", said, re.IGNORECASE), said
    for script in ("port", "service", "verdict"):
        assert re.search(rf"VRRP_Script\({script}\) succeeded", said), said
    node.run("systemctl", "stop", "keepalived")
    eventually(lambda: state() in ("STOP", "FAULT"))


def test_the_recorder_has_the_rights_that_it_needs(agent: Container) -> None:
    """It sees VIPs, what scripts and the exporter hand over, and the end of a keepalived that is killed."""
    node = agent
    node.write("/etc/keepalived/keepalived.conf", KEEPALIVED)
    node.run("systemctl", "start", RECORDER)

    def recorded(kind: str) -> list[str]:
        lines = node.run("vipwarden", "events", "--json", "--kind", kind).splitlines()
        return [f"{it['name']} {it['state']}" for it in map(json.loads, lines)]

    node.run("systemctl", "start", "keepalived")
    eventually(lambda: "192.0.2.10 held" in recorded("vip"))
    eventually(lambda: "V1 MASTER" in recorded("vrrp"))
    node.run("systemctl", "kill", "--signal=KILL", "keepalived")
    eventually(lambda: "keepalived ended" in recorded("process"))
    node.run("systemctl", "start", f"{EXPORTER}.socket")
    node.write("/etc/haproxy/haproxy.cfg", "global\n stats socket /run/none.sock\n")
    assert page(node, "metrics") == "200"
    eventually(lambda: "collector haproxy failed" in recorded("source"))
    node.run("rm", "/etc/haproxy/haproxy.cfg")
    assert page(node, "metrics") == "200"
    eventually(lambda: "collector haproxy read" in recorded("source"))
    node.run("systemctl", "stop", "keepalived", RECORDER)
    assert recorded("recorder") == ["recorder start", "recorder stop"]
    assert "not recorded" not in node.journal(RECORDER)


SITE = """\
[Service]
ExecStartPre=/bin/sh -c 'sleep "$$(cat /run/site.pause 2>/dev/null || echo 0)"'
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 8081
"""


def test_chk_service_restarts_what_died_and_not_what_was_stopped_or_is_being_started(node: Container) -> None:
    """A unit's fate by the systemctl of a systemd that runs."""
    command = ("/usr/libexec/keepalived/chk_service", "--unit", "site", "--check", "port -H 127.0.0.1 -p 8081")

    def chk(code: int | None = None) -> str:
        return node.run(*command, "--good-for", "0.1", "--restarts", "9", code=code)

    def healthy() -> bool:
        return "is open" in (text := chk()) and "good for" not in text

    node.write("/etc/systemd/system/site.service", SITE)
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "start", "site")
    eventually(healthy)
    chk(0)
    before = node.show("site", "MainPID")
    node.run("kill", "-KILL", before)
    eventually(lambda: node.show("site", "ActiveState") == "failed")
    assert "restart" in chk(0)  # within the grace time
    eventually(healthy)
    assert node.show("site", "MainPID") not in ("0", before)

    node.run("systemctl", "stop", "site")
    assert "unit site is inactive" in chk(1)
    for _ in range(3):
        chk(1)
    assert node.show("site", "ActiveState") == "inactive"

    node.write("/run/site.pause", "3")
    node.run("systemctl", "start", "site", "--no-block")
    eventually(healthy)
    begun = node.show("site", "ExecMainStartTimestampMonotonic")
    node.run("systemctl", "restart", "site", "--no-block")
    eventually(lambda: "unit site is" in chk())  # activating or deactivating: systemd is at work on it
    eventually(healthy)
    said = node.journal("site")
    assert said.count("Started site.service") == 4, said
    assert node.show("site", "ExecMainStartTimestampMonotonic") != begun
    node.run("systemctl", "stop", "site")


def test_a_reader_that_hangs_is_replaced(node: Container) -> None:
    """That of the FIFO, by systemd's watchdog."""
    node.drop_in(f"{NOTIFY}.service", "WatchdogSec=2")
    node.run("systemctl", "restart", NOTIFY)
    before = node.show(NOTIFY, "NRestarts")
    node.run("kill", "-STOP", node.show(NOTIFY, "MainPID"))
    eventually(lambda: node.show(NOTIFY, "NRestarts") == str(int(before) + 1))
    eventually(lambda: node.show(NOTIFY, "ActiveState") == "active")
    node.run("systemctl", "stop", NOTIFY)


def test_what_a_stopped_agent_said_of_healthy_checks_is_taken_back(node: Container) -> None:
    """After the time in which another one may come, and without anything of it left running."""
    eventually(lambda: node.read(TRACK) == "0   \n")
    node.run("systemctl", "start", AGENT)
    eventually(lambda: node.read(TRACK) == "1   \n")
    begun = time.monotonic()
    node.run("systemctl", "stop", AGENT)
    assert node.read(TRACK) == "1   \n"
    eventually(lambda: node.read(TRACK) == "0   \n")
    assert time.monotonic() - begun > 4
    eventually(lambda: not node.run("pgrep", "--full", "agent.watchdog", code=None))
