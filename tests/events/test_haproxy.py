"""What is seen of HAProxy, which does not tell when it changes?"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from threading import Thread

from hypothesis import example, given
from hypothesis import strategies as st

from tests.commands import program, stop
from tests.events.make import Heard, Said, until
from tests.servers import haproxy
from tests.servers.ports import free_ports
from vipwarden.events.haproxies import Haproxies
from vipwarden.events.haproxy import _states
from vipwarden.node.haproxy.source import Source


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
        stop(process)
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


PIECES = [b"\nPid: 7", b"\n# pxname,", b"svname,", b"x," * 15, b"status,", b"type,", b"\n", b",", b'"', b"UP", b"\xff"]


@given(st.binary() | st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
@example(b"\nPid: 7\n\n# pxname,svname," + b"x," * 15 + b"status,\nbe,BACKEND" + b"," * 16 + b"UP,\n")
def test_any_answer_has_states_or_none(data: bytes) -> None:
    """Without an error, and the same for the same answer."""
    assert _states(data) == _states(data)


def test_a_state_is_seen_in_the_answer_and_a_counter_is_not() -> None:
    """A counter changes all the time."""
    table = (
        b"Pid: 7\nUptime: %d\n\n# pxname,svname," + b"x," * 15 + b"status,type,\nbe,BACKEND,%d" + b"," * 15 + b"%s,1,\n"
    )
    calm = _states(b"Version: 3\n" + table % (1, 2, b"UP"))
    assert calm is not None
    assert _states(b"Version: 3\n" + table % (2, 3, b"UP")) == calm
    assert _states(b"Version: 3\n" + table % (2, 3, b"DOWN")) != calm
    assert _states((b"Version: 3\n" + table % (2, 3, b"UP")).replace(b"Pid: 7", b"Pid: 8")) != calm
