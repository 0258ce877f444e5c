"""What do scripts ask, as far as their text says, and do stand-ins answer as clients want?"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearse.model.faults import FAIL, HANG, MISSING, NO_INTERPRETER
from rehearse.stage.answers import datagram, talk
from rehearse.stage.netasks import Ask
from rehearse.stage.script import change, prepare, run_as_they_are
from rehearse.stage.view import inside, program, text
from rehearse.stage.wanted import wanted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "processes"),
    [
        ("killall -0 haproxy", ["haproxy"]),
        ("/usr/bin/killall -s 0 haproxy", ["haproxy"]),
        ("pidof -x /usr/sbin/nginx", ["nginx"]),
        ("pgrep -u root mysqld", ["mysqld"]),
        ("A=`ps -C nginx --no-header | wc -l`", ["nginx"]),
        ("ps aux | grep -v grep | grep haproxy", ["haproxy"]),
        ("ps -ef | grep haproxy | grep -v grep", ["haproxy"]),
        ("systemctl is-active --quiet nginx.service", ["nginx"]),
        ("systemctl --quiet is-active nginx", ["nginx"]),
        ("service mysql status", ["mysql"]),
        ("/etc/init.d/haproxy restart", ["haproxy"]),
        ("NAME=haproxy\npidof ${NAME}", ["haproxy"]),
        ("/usr/libexec/keepalived/chk_process -C haproxy", ["haproxy"]),
        ("systemctl stop keepalived", []),
        ("# killall -0 haproxy", []),
        ("curl -s http://127.0.0.1/", []),
    ],
)
def test_processes(line: str, processes: list[str]) -> None:
    """By the commands that look for them."""
    assert [*wanted([line]).processes] == processes


def test_command_lines_paths_and_words() -> None:
    """A command line is looked for as a whole; words of an answer are those of grep and of comparisons."""
    found = wanted(
        [
            "pgrep -f 'java -jar app.jar'\n[ -e /var/run/app.pid ] && socat - /run/app.sock",
            'curl -s http://127.0.0.1/ | grep -q "all well"\n[ "$A" = "ready" ]',
        ]
    )
    assert found.processes == {"java": "java -jar app.jar"}
    assert (found.sockets, found.pidfiles) == (["/run/app.sock"], ["/var/run/app.pid"])
    assert found.words == ["all well", "ready"]


@given(st.lists(st.text(alphabet=st.sampled_from("killpsgre-0CfX|$={}'\"\n .#/"), max_size=200), max_size=3))
def test_no_text_is_too_odd(texts: list[str]) -> None:
    """Whatever a script holds, it is read in bounded time."""
    assert len(wanted(texts).processes) <= 8


def exchange(port: int, *requests: bytes) -> list[bytes]:
    """Return what a stand-in on a port answers, its greeting first."""
    client, server = socket.socketpair()
    with client:
        client.settimeout(10)

        def serve() -> None:
            with server:
                talk(server, port, ["all well"])

        thread = threading.Thread(target=serve)
        thread.start()
        answers = [client.recv(4096)] if port in (22, 25, 3306) else []
        for request in requests:
            client.sendall(request)
            answers.append(client.recv(4096))
        client.shutdown(socket.SHUT_WR)
        thread.join(10)
        assert not thread.is_alive()
    return answers


def test_answers() -> None:
    """By protocol: HTTP with the words, banners, Redis, MySQL, PostgreSQL."""
    assert exchange(80, b"GET / HTTP/1.1\r\n\r\n")[0].endswith(b"\r\n\r\nall well\n")
    assert exchange(80, b"HEAD / HTTP/1.1\r\n\r\n")[0].endswith(b"\r\n\r\n")
    assert exchange(22)[0].startswith(b"SSH-2.0-")
    assert exchange(25, b"EHLO x\r\n") == [b"220 localhost ESMTP\r\n", b"250 OK\r\n"]
    assert exchange(6379, b"PING\r\n", b"*1\r\n$4\r\nPING\r\n") == [b"+PONG\r\n", b"+PONG\r\n"]
    greeting, let_in, pong = exchange(3306, b"\1\0\0\1x", b"\1\0\0\0\x0e")
    assert greeting[4] == 10
    assert let_in[3:5] == b"\2\0"
    assert pong[3:5] == b"\1\0"
    ssl, ready = exchange(5432, b"\0\0\0\x08\x04\xd2\x16\x2f", b"\0\0\0\x08\0\3\0\0")
    assert ssl == b"N"
    assert ready.endswith(b"Z\0\0\0\5I")


@given(st.binary(max_size=100), st.sampled_from((53, 123, 161)))
def test_no_datagram_is_too_odd(data: bytes, port: int) -> None:
    """Each has a reply."""
    assert isinstance(datagram(data, port), bytes)


def test_an_ask_in_words() -> None:
    """Its own address is not written."""
    assert Ask("tcp", "", 80).text == "port 80"
    assert Ask("udp", "192.0.2.1", 53).text == "port 192.0.2.1:53/udp"
    assert Ask("tcp", "2001:db8::1", 80).text == "port [2001:db8::1]:80"
    assert Ask("ping", "192.0.2.1", 0).text == "address 192.0.2.1"


def test_links_of_a_node_stay_inside_of_it(tmp_path: Path) -> None:
    """An absolute link starts at the root of the node, and no number of .. leaves it."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "etc").mkdir(parents=True)
    outside.mkdir()
    (outside / "check").write_text("outside", encoding="ascii")
    (root / "etc/keepalived").symlink_to(outside)
    (root / "etc/up").symlink_to("../../../..")
    (root / "etc/round").symlink_to("round")
    assert inside(root, "/etc/keepalived/check") == root / str(outside)[1:] / "check"
    assert inside(root, "/etc/up/etc") == root / "etc"
    assert text(root, "/etc/keepalived/check") == ""
    assert program(root, "nowhere") == root / "usr/bin/nowhere"
    with pytest.raises(OSError, match="too many links"):
        inside(root, "/etc/round")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """Give the root of a node with two scripts, one of them by a shell that is a relative link."""
    root = tmp_path / "node"
    (root / "usr/bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "bin").symlink_to("usr/bin")
    (root / "usr/bin/dash").write_text("a shell", encoding="ascii")
    (root / "usr/bin/sh").symlink_to("dash")
    (root / "etc/check").write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
    prepare(root, SCRIPTS)
    run_as_they_are(root, SCRIPTS, SCRIPTS)
    return root


SCRIPTS = {"one": ["/etc/check"], "two": ["/bin/sh", "/etc/other"], "three": ["sh", "-c", "true"]}


def listing(root: Path) -> dict[str, str]:
    """Return the files of a node but those of the rehearsal."""
    return {
        str(it.relative_to(root)): str(it.readlink()) if it.is_symlink() else it.read_text("utf-8")
        for it in root.rglob("*")
        if ".rehearse" not in it.parts and not it.is_dir()
    }


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("kind", [HANG, FAIL, MISSING, NO_INTERPRETER])
def test_a_script_that_broke_is_as_before(node: Path, name: str, kind: str) -> None:
    """While it is broken the switch knows where the program is."""
    before = listing(node)
    change(node, SCRIPTS, name, kind, broken=True)
    place = program(node, SCRIPTS[name][0])
    real = node / ".rehearse/real" / place.name
    assert str(real.readlink()) == ("/.rehearse/kept/check" if name == "one" else "/usr/bin/dash")
    if kind == MISSING:
        assert not place.is_symlink()
        assert not place.exists()
    else:
        first = place.read_text("ascii").partition("\n")[0]
        assert first == ("#!/.rehearse/no-interpreter" if kind == NO_INTERPRETER else "#!/.rehearse/sh")
    change(node, SCRIPTS, name, kind, broken=False)
    assert listing(node) == before
    assert not real.is_symlink()


def test_two_faults_of_one_program(node: Path) -> None:
    """The program comes back with the end of the last."""
    before = listing(node)
    for name, broken in (("two", True), ("three", True), ("two", False)):
        change(node, SCRIPTS, name, HANG, broken=broken)
        assert program(node, "sh").read_text("ascii").startswith("#!/.rehearse/sh")
    change(node, SCRIPTS, "three", HANG, broken=False)
    assert listing(node) == before
