"""What is seen of HAProxy, IPVS and keepalived, which do not tell when they change?"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import program
from tests.events.make import event, until
from tests.servers import haproxy
from tests.servers.ports import free_ports
from vipwarden.events import keepalived
from vipwarden.events.hand import Hand
from vipwarden.events.haproxies import Haproxies
from vipwarden.events.ipvs import Ipvs
from vipwarden.events.keepalived import Keepalived
from vipwarden.events.looks import Looks
from vipwarden.node.haproxy.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

HEAD = (
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
)
SERVICE = "TCP  C0000201:0050 rr \n"
FIRST, SECOND = (
    "  -> 0A000001:0050      Masq    {}      0          0\n",
    "  -> 0A000002:0050      Masq    {}      7          3\n",
)


class Said(NamedTuple):
    """What a source has told, without its time."""

    kind: str
    name: str
    of: str = ""
    before: str = ""
    state: str = ""


class Heard(list[Said]):
    """Takes what a source tells."""

    def tell(self, kind: str, name: str, *, of: str = "", state: str = "", before: str = "", **_: object) -> None:
        """Take an event."""
        self.append(Said(kind, name, of, before, state))

    def after(self, look: Callable[[Callable[..., None]], None]) -> list[Said]:
        """Return what a look tells."""
        self.clear()
        look(self.tell)
        return list(self)


def order(path: str, command: str) -> None:
    """Give HAProxy a command."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(command.encode() + b"\n")
        while sock.recv(4096):
            pass


def test_servers_and_backends_of_haproxy() -> None:
    """A server that goes, the last one and its backend with it, and their return; then HAProxy hangs, and dies."""
    heard = Heard()
    port, *_ = free_ports(1)
    body = f"backend be\n server one 127.0.0.1:{port}\n server two 127.0.0.1:{port}\n"
    with haproxy.running(body) as (path, process):
        source = Haproxies(f"{Path(path).parent}/haproxy.cfg")
        assert heard.after(source.look) == []
        order(path, "disable server be/one")
        assert heard.after(source.look) == [Said("haproxy", "be/one", "server", "UP", "MAINT")]
        assert heard.after(source.look) == []
        order(path, "disable server be/two")
        assert set(heard.after(source.look)) == {
            Said("haproxy", "be/two", "server", "UP", "MAINT"),
            Said("haproxy", "be", "backend", "UP", "DOWN"),
        }
        order(path, "enable server be/one")
        assert set(heard.after(source.look)) == {
            Said("haproxy", "be/one", "server", "MAINT", "UP"),
            Said("haproxy", "be", "backend", "DOWN", "UP"),
        }
        process.send_signal(signal.SIGSTOP)
        assert heard.after(source.look) == [Said("source", "haproxy", state="failed")]
        assert heard.after(source.look) == []
        process.send_signal(signal.SIGCONT)
        assert heard.after(source.look) == [Said("source", "haproxy", before="failed", state="read")]
        process.kill()
        process.wait()
        assert heard.after(source.look) == [Said("process", "haproxy", state="ended")]
        assert heard.after(source.look) == []


def test_a_node_without_haproxy_has_nothing_to_tell(tmp_path: Path) -> None:
    """Neither a configuration nor a socket."""
    heard = Heard()
    source = Haproxies(str(tmp_path / "haproxy.cfg"))
    assert heard.after(source.look) == heard.after(source.look) == []


def test_haproxy_that_is_not_let_in_is_told_once(tmp_path: Path) -> None:
    """And not at each look."""
    heard = Heard()
    (tmp_path / "haproxy.cfg").write_text(f"global\n stats socket {tmp_path}/none.sock\n")
    source = Haproxies(str(tmp_path / "haproxy.cfg"))
    assert heard.after(source.look) == [Said("source", "haproxy", state="failed")]
    assert heard.after(source.look) == []


def test_a_haproxy_that_reloads_is_no_other_daemon() -> None:
    """Its worker has another PID."""
    heard = Heard()
    port, *_ = free_ports(1)
    with haproxy.running(f"backend be\n server one 127.0.0.1:{port}\n", "-W") as (path, process):
        conf = Path(path).parent / "haproxy.cfg"
        source = Haproxies(str(conf))
        assert heard.after(source.look) == []
        conf.write_text(conf.read_text() + " server two 127.0.0.1:1\n")
        said: list[Said] = []

        def has_reloaded() -> bool:
            if not said:
                process.send_signal(signal.SIGUSR2)  # again: a master that has only just begun may miss it
                time.sleep(0.1)
            said.extend(heard.after(source.look))
            return len(said) > 1

        until(has_reloaded)
        assert Said("process", "haproxy", state="replaced") in said
        assert Said("haproxy", "be/two", "server", "added", "UP") in said


def test_ipvs(tmp_path: Path) -> None:
    """A service, a real server and a weight, whoever changes them; connections are no change."""
    heard, table = Heard(), tmp_path / "ip_vs"
    source = Ipvs(str(table))
    assert heard.after(source.look) == []
    name = "TCP 192.0.2.1:80"
    steps: tuple[tuple[str, list[Said]], ...] = (
        (SERVICE + FIRST.format(10), [Said("ipvs", name, "service", state="added")]),
        (SERVICE + FIRST.format(10).replace("  0  ", "  9  "), []),
        (SERVICE + FIRST.format(0), [Said("ipvs", "10.0.0.1:80", name, "weight 10", "weight 0")]),
        (SERVICE + FIRST.format(0) + SECOND.format(5), [Said("ipvs", "10.0.0.2:80", name, state="added")]),
        (SERVICE + SECOND.format(5), [Said("ipvs", "10.0.0.1:80", name, "weight 0", "removed")]),
        ("", [Said("ipvs", name, "service", state="removed")]),
    )
    for text, told in steps:
        table.write_text(HEAD + text)
        assert heard.after(source.look) == told
    table.write_text("nonsense")
    assert heard.after(source.look) == [Said("source", "ipvs", state="failed")]
    assert heard.after(source.look) == []
    table.unlink()  # the module was unloaded
    assert heard.after(source.look) == [Said("source", "ipvs", before="failed", state="read")]


def test_paths_of_checks_are_no_services(tmp_path: Path) -> None:
    """Those of the option via come and go with each run."""
    heard, table = Heard(), tmp_path / "ip_vs"
    source = Ipvs(str(table))
    table.write_text(HEAD)
    assert heard.after(source.look) == []
    table.write_text(f"{HEAD}FWM  00002001 rr ops\n{FIRST.format(4711)}FWM  00000001 rr \n{FIRST.format(1)}")
    assert heard.after(source.look) == [Said("ipvs", "FWM 1", "service", state="added")]


def test_keepalived_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing itself; another process of its PID is none."""
    heard, pidfile = Heard(), tmp_path / "keepalived.pid"
    daemon = str(shutil.copy(program("sleep"), tmp_path / "keepalived"))
    monkeypatch.setattr(keepalived, "pidfiles", lambda: iter([str(pidfile)]))
    (tmp_path / "keepalived.conf").write_text("")
    source = Keepalived(str(tmp_path / "keepalived.conf"))
    first = started(daemon)
    pidfile.write_text(f"{first.pid}\n")
    assert heard.after(source.look) == []
    first.kill()
    first.wait()
    assert heard.after(source.look) == [Said("process", "keepalived", state="ended")]
    assert heard.after(source.look) == []
    pidfile.write_text(f"{os.getpid()}\n")
    assert heard.after(source.look) == []
    second = started(daemon)
    pidfile.write_text(f"{second.pid}\n")
    assert heard.after(source.look) == [Said("process", "keepalived", state="started")]
    second.kill()
    second.wait()


def started(daemon: str) -> subprocess.Popen[bytes]:
    """Start a program, and wait until the kernel knows its name."""
    process = subprocess.Popen([daemon, "20"])
    until(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == "keepalived")
    return process


class Counted:
    """A source that counts looks, and may be broken."""

    least, most, is_there = 10.0, 60.0, True

    def __init__(self, *, broken: bool = False, seconds: float = 0.0) -> None:
        self.looks = 0
        self.broken = broken
        self.seconds = seconds

    def descriptors(self) -> tuple[int, ...]:
        """Return that it has no descriptor."""
        return ()

    def look(self, _tell: Callable[..., None]) -> None:
        """Count."""
        self.looks += 1
        time.sleep(self.seconds)
        if self.broken:
            raise ValueError("a bug")


def test_what_happens_is_looked_at_at_once_and_then_more_often(tmp_path: Path) -> None:
    """A storm of events is no storm of looks, and a broken source does not end the others."""
    said: list[str] = []
    good, bad = Counted(), Counted(broken=True)
    looks = Looks(Hand("test", str(tmp_path)), (bad, good), said.append)
    Thread(target=looks.run, daemon=True).start()
    until(lambda: good.looks == 1)
    looks.stir([event(1, "recorder")])
    begun = time.monotonic()
    looks.stir([event(1, "check")])
    until(lambda: good.looks > 1)
    assert time.monotonic() - begun < 4
    before = good.looks
    for _ in range(100):
        looks.stir([event(1, "check")])
        time.sleep(0.005)
    assert good.looks - before <= 100 * 0.005 / 0.05 + 20
    assert bad.looks == 1
    assert "Counted is not recorded any more" in said[0]


def test_each_haproxy_that_haproxy_cfg_names_is_asked(tmp_path: Path) -> None:
    """Two processes; which of them is said. A stats page is asked by nobody; who is named no more is left alone."""
    heard, conf = Heard(), tmp_path / "haproxy.cfg"
    body = "backend be\n server one 127.0.0.1:1\n"
    with haproxy.haproxy(body) as first, haproxy.haproxy(body) as second:
        lines = [f" stats socket {path} process {number}\n" for number, path in ((1, first), (2, second))]
        conf.write_text("global\n nbproc 2\n" + "".join(lines))
        source = Haproxies(str(conf))
        assert heard.after(source.look) == []
        order(second, "disable server be/one")
        assert set(heard.after(source.look)) == {
            Said("haproxy", "be/one", "server", "UP", "MAINT"),
            Said("haproxy", "be", "backend", "UP", "DOWN"),
        }
        assert len(list(source.descriptors())) == 2
        conf.write_text(f"global\n stats socket {first}\n")
        assert heard.after(source.look) == []
        assert len(list(source.descriptors())) == 1
        order(first, "disable server be/one")
        assert Said("haproxy", "be/one", "server", "UP", "MAINT") in heard.after(source.look)


def test_haproxy_over_tcp(tmp_path: Path) -> None:
    """As named by the configuration of the exporter, with a page, which is left out."""
    heard = Heard()
    port, *_ = free_ports(1)
    body = f"backend be\n server one 127.0.0.1:1\nglobal\n stats socket 127.0.0.1:{port} level admin\n"
    with haproxy.haproxy(body) as path:
        given = [Source(f"edge=tcp://127.0.0.1:{port}"), Source("inner=http://127.0.0.1:1/stats;csv")]
        source = Haproxies(str(tmp_path / "none.cfg"), given)
        assert heard.after(source.look) == []
        order(path, "disable server be/one")
        assert Said("haproxy", "be/one", "server", "UP", "MAINT") in heard.after(source.look)


def test_a_pid_of_another_namespace_is_not_held(tmp_path: Path) -> None:
    """A HAProxy in a container answers with a PID that is another process here, or none."""
    heard = Heard()
    stranger = subprocess.Popen([program("sleep"), "20"])
    table = f"# pxname,svname,{'x,' * 15}status,type,\nbe,BACKEND,{',' * 15}UP,1,\n\n"
    answer = f"Version: 3\nPid: {stranger.pid}\n\n{table}"
    path = str(tmp_path / "sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        (tmp_path / "haproxy.cfg").write_text(f"global\n stats socket {path}\n")
        source = Haproxies(str(tmp_path / "haproxy.cfg"))

        def serve() -> None:
            for _ in range(2):
                peer = server.accept()[0]
                peer.recv(4096)
                peer.sendall(answer.encode())
                peer.close()

        thread = Thread(target=serve)
        thread.start()
        assert heard.after(source.look) == []
        stranger.kill()
        stranger.wait()
        assert heard.after(source.look) == []
        assert not list(source.descriptors())
        thread.join()


def test_another_address_wakes_nobody(tmp_path: Path) -> None:
    """Those of containers come and go; a VIP is another kind. What is not there is looked at seldom."""
    good = Counted()
    looks = Looks(Hand("test", str(tmp_path)), (good,), print)
    Thread(target=looks.run, daemon=True).start()
    until(lambda: good.looks == 1)
    for _ in range(5):
        looks.stir([event(1, "address")])
    time.sleep(0.3)
    assert good.looks == 1


def test_a_source_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """It is looked at as seldom as when nothing happens, the others often."""
    slow, quick = Counted(seconds=0.15), Counted()
    looks = Looks(Hand("test", str(tmp_path)), (slow, quick), print)
    Thread(target=looks.run, daemon=True).start()
    until(lambda: quick.looks == 1)
    looks.stir([event(1, "check")])
    until(lambda: quick.looks >= 3)
    assert slow.looks == 1
