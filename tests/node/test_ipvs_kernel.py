"""Does what is read of IPVS match what ipvsadm says, by netlink and by /proc?

On a kernel with IPVS the test makes its table in a network namespace of its own. Elsewhere it boots the guest of
tests/lab and runs itself in there, and with it what else needs more of the kernel than there may be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from checks.ipvs_service import ipvs_service
from exporter.render.exposition import render
from exporter.settings import settings
from exporter.sources.ipvs import source as ipvs
from tests.commands import program
from tests.drive import oneshot
from tests.lab.ran import ran
from vipwarden.core.result import CRITICAL, OK
from vipwarden.node.ipvs.read import Service, Table, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HAS_IPVS = Path("/proc/net/ip_vs").exists()
_FILES = (str(Path(__file__)), str(Path(__file__).with_name("test_vips_vmac.py")))
in_kernel = pytest.mark.skipif(not HAS_IPVS, reason="this kernel has no IPVS: the guest of tests/lab runs this")
_PORTS = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service"}
_SETUP = """
link set lo up
link add front type veth peer name back
link set front up
link set back up
addr add 192.0.2.1/24 dev front
addr add 192.0.2.2/24 dev front
addr add 2001:db8::1/64 dev front nodad
"""
_TABLE = """
-A -t 192.0.2.1:80 -s wrr
-a -t 192.0.2.1:80 -r 192.0.2.11:8080 -m -w 10
-a -t 192.0.2.1:80 -r 192.0.2.12:8081 -m -w 0
-A -t 192.0.2.1:443 -s wlc -p 60
-a -t 192.0.2.1:443 -r 127.0.0.1:9443 -m -w 7
-A -u 192.0.2.1:53 -s rr -o
-a -u 192.0.2.1:53 -r 192.0.2.13:53 -i
-A --sctp-service 192.0.2.1:2905 -s rr
-a --sctp-service 192.0.2.1:2905 -r 192.0.2.14:2905 -g
-A -t [2001:db8::1]:80 -s rr
-a -t [2001:db8::1]:80 -r [2001:db8::11]:80 -g -w 65535
-A -f 10 -s wrr -p 300
-a -f 10 -r 192.0.2.15:0 -g -w 3
-A -f 10 -6 -s wrr -p 300
-a -f 10 -6 -r [2001:db8::12]:0 -g -w 4
-A -t 192.0.2.1:81 -s rr
"""


@pytest.mark.skipif(HAS_IPVS, reason="this kernel has IPVS itself")
@pytest.mark.timeout(900)  # minutes where the guest is a QEMU without KVM on a busy machine
def test_the_kernel_of_a_guest_is_read_as_ipvsadm_reads_it(tmp_path: Path) -> None:
    """Runs the others of this file in there, and tells what they said."""
    for name in ("ipvsadm", "ip", "keepalived"):
        program(name)
    inside = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=600", *_FILES]
    guest = ran(tmp_path, inside)
    said = guest.tail("said", 60)
    assert guest.status() == 0, said
    assert re.search(r"^8 passed, 1 skipped", said, re.MULTILINE), said


@pytest.fixture(scope="module")
def table() -> Iterator[None]:
    """Fill the table of a network namespace of its own, and come back from there."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    _enter(None)
    try:
        subprocess.run(["ip", "-batch", "-"], input=_SETUP, text=True, check=True)
        subprocess.run(["ipvsadm", "-R"], input=_TABLE.strip() + "\n", text=True, check=True)
        yield
    finally:
        _enter(home)
        os.close(home)


def _enter(space: int | None) -> None:
    """Go to a network namespace, or to a new one."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.unshare(0x40000000) if space is None else libc.setns(space, 0x40000000)
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def adm(*arguments: str) -> str:
    """Return what ipvsadm says."""
    return subprocess.run(["ipvsadm", *arguments], capture_output=True, text=True, check=True).stdout


def by_proc() -> Table:
    """Read as one who may not ask by netlink: another name of /proc."""
    return Tables("/proc/self/root/proc").read(5)


def by_netlink() -> Table:
    """Read as root."""
    found = Tables().read(5)
    assert found.source == "netlink", found.why
    return found


def name_of(service: Service) -> str:
    """Return it as ipvsadm writes it."""
    if service.mark:
        return f"FWM {int(service.mark, 16)}"
    host = f"[{service.address}]" if ":" in service.address else service.address
    return f"{service.proto} {host}:{service.port}"


def rows(found: Table) -> Counter[tuple[object, ...]]:
    """Return what ipvsadm -Ln says of each real server."""
    return Counter(
        (
            *(name_of(service), service.scheduler, service.persistent),
            *(server.address, server.port, server.forward, server.weight, server.active, server.inactive),
        )
        for service in found.services
        for server in service.servers
    )


def told(text: str) -> Counter[tuple[object, ...]]:
    """Return what ipvsadm -Ln said of each real server; the mark's two services are one for us, the first tells."""
    found: list[tuple[object, ...]] = []
    service: tuple[object, ...] = ()
    known: dict[str, tuple[object, ...]] = {}
    for line in text.splitlines()[3:]:
        words = line.split()
        if words[0] != "->":
            name = f"{words[0]} {words[1]}"
            rest = [word for word in words[2:] if word != "IPv6"]
            service = known.setdefault(name, (name, rest[0], "persistent" in rest))
        else:
            host, _, port = words[1].rpartition(":")
            found.append((*service, host.strip("[]"), int(port), words[2], *map(int, words[3:6])))
    return Counter(found)


@in_kernel
def test_both_sources_say_what_ipvsadm_says(table: None) -> None:
    """IPv4, IPv6, TCP, UDP, SCTP, marks, persistent, empty, all ways to forward."""
    wanted = told(adm("-Ln"))
    assert len(wanted) == 8
    assert rows(by_netlink()) == wanted
    assert rows(by_proc()) == wanted


@in_kernel
def test_the_services_of_both_sources_are_the_same(table: None) -> None:
    """One for each, in the same order; those of one mark for IPv4 and IPv6 are one."""
    one, two = by_netlink(), by_proc()
    assert (one.source, two.source) == ("netlink", "proc")
    names = [name_of(service) for service in one.services]
    assert sorted(names) == sorted(name_of(service) for service in two.services)
    assert len(names) == len(set(names)) == 7
    empty = next(service for service in one.services if service.port == 81)
    assert empty.servers == []


@in_kernel
def test_the_counters_are_those_of_ipvsadm(table: None) -> None:
    """Connections, packets and bytes of real traffic, after the kernel's estimator has run."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        for _ in range(5):
            subprocess.run([sys.executable, "-c", _ASK], check=True, timeout=20)
        deadline = time.monotonic() + 20
        while True:
            found = {name_of(service): service for service in by_netlink().services}["TCP 192.0.2.1:443"]
            if found.counters[0] == 5 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        time.sleep(2.1)  # two looks within one period of the estimator see the same
        lines = adm("-Ln", "--stats", "--exact").splitlines()
        found = {name_of(service): service for service in by_netlink().services}["TCP 192.0.2.1:443"]
    finally:
        server.kill()
        server.communicate()
    at = next(index for index, line in enumerate(lines) if "192.0.2.1:443" in line)
    assert list(found.counters) == list(map(int, lines[at].split()[2:]))
    assert list(found.servers[0].counters) == list(map(int, lines[at + 1].split()[2:]))
    assert found.counters[0] == 5
    assert found.counters[4] > 5 * 1000  # what the server answered
    assert found.servers[0].persistent == 1
    totals = by_proc().totals
    assert (totals.connections, totals.incoming_bytes) == (found.counters[0], found.counters[3])


_SERVE = """
import socket
server = socket.create_server(("127.0.0.1", 9443))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    connection.recv(10)
    connection.sendall(bytes(1000))
    connection.close()
"""
_ASK = """
import socket
client = socket.create_connection(("192.0.2.1", 443), 5)
client.sendall(b"x")
while client.recv(4096): pass
"""


@in_kernel
def test_the_exporter_has_each_series_once(table: None) -> None:
    """Of either source, marks of both families among them."""
    for proc in ("/proc", "/proc/self/root/proc"):
        text = render(ipvs.series(ipvs.read(settings(proc=proc)))).decode()
        lines = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
        assert len(lines) == len(set(lines)) > 40
        assert len(list(text_string_to_metric_families(text))) > 10


@in_kernel
def test_the_check_judges_this_very_table_and_the_sync_daemon(table: None, tmp_path: Path) -> None:
    """By netlink; its keepalived.conf has all services but one."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(
        "virtual_server 192.0.2.1 80 {\n protocol TCP\n}\n"
        "virtual_server 192.0.2.1 443 {\n protocol TCP\n sorry_server 127.0.0.1 9443\n}\n"
        "virtual_server 192.0.2.1 53 {\n protocol UDP\n}\nvirtual_server 192.0.2.1 2905 {\n protocol SCTP\n}\n"
        "virtual_server 2001:db8::1 80 {\n protocol TCP\n}\nvirtual_server fwmark 10 {\n}\n"
    )
    said = oneshot(ipvs_service, "--conf", str(conf), "-t", "20")
    assert said.state == CRITICAL
    assert said.text.startswith("0 of 0 real servers of 192.0.2.1:443 have a weight, range 1:")
    assert f"{conf} does not know 192.0.2.1:81" in said.text
    assert "192.0.2.1:80: 192.0.2.12:8081 has weight 0" in said.notes
    assert oneshot(ipvs_service, "-S", "192.0.2.1:80", "-S", "fwmark:10", "-t", "20").state == OK
    none = oneshot(ipvs_service, "-S", "192.0.2.1:80", "--sync", "any", "-t", "20")
    assert (none.state, "no sync daemon runs" in none.text) == (CRITICAL, True), none
    adm("--start-daemon", "master", "--mcast-interface", "front", "--syncid", "7")
    try:
        for options, state in (("master --syncid 7", OK), ("backup", CRITICAL), ("any --syncid 8", CRITICAL)):
            said = oneshot(ipvs_service, "-S", "192.0.2.1:80", "-t", "20", "--sync", *options.split())
            assert said.state == state, said
            assert "sync daemon: master on front with syncid 7" in said.notes
    finally:
        adm("--stop-daemon", "master")


@in_kernel
def test_without_the_right_proc_is_read_and_says_why(table: None) -> None:
    """As nobody, who has no CAP_NET_ADMIN."""
    script = (
        "from vipwarden.node.ipvs.read import Tables; t = Tables().read(5); print(t.source, len(t.services), t.why)"
    )
    run = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", script]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "proc 7 the kernel does not tell by netlink: Operation not permitted\n", done.stderr


@in_kernel
def test_a_table_that_changes_all_the_time_is_never_read_wrong(table: None) -> None:
    """Servers come and go while it is read: what is told was there, and nothing of it twice."""
    commands = "".join(
        f"-{action} -t 192.0.2.1:81 -r 198.51.100.{number}:80{' -g' if action == 'a' else ''}\n"
        for _ in range(40)
        for action in "ad"
        for number in range(1, 60)
    )
    changing = subprocess.Popen(["ipvsadm", "-R"], stdin=subprocess.PIPE, text=True)
    try:
        assert changing.stdin is not None
        tables = Tables()
        changing.stdin.write(commands)
        changing.stdin.close()
        looks = 0
        while changing.poll() is None or not looks:
            servers = [one.address for service in tables.read(5).services for one in service.servers]
            assert len(servers) == len(set(servers))
            assert len(servers) >= 8
            looks += 1
    finally:
        changing.kill()
        changing.wait()
