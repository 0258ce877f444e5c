"""Does the agent answer all who may ask, however the others behave, and never at the cost of a check?"""

from __future__ import annotations

import json
import signal
import socket
import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from agent.door import Door, Doors
from agent.settings import plan
from tests.agent.asking import ask, get
from tests.agent.running import agent
from tests.commands import program, stop
from tests.servers.ports import free_ports
from vipwarden.config.document import ConfigError
from vipwarden.core.result import OK

if TYPE_CHECKING:
    from pathlib import Path


WEB = "  web: {check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2, weight: 'ok=70, critical=0'}\n"
BAD = "  my bad: {check: port, host: 127.0.0.1, port: 1, interval: 0.2}\n"
CHECKS = f"checks:\n{WEB}{BAD}"


def listening(*doors: str, allow: str = "") -> str:
    """Return the section of the agent that listens there."""
    lines = "".join(f"  - {door}\n" for door in doors)
    return f"agent:\n  restart_grace: 0.1\n  listen:\n{lines}" + (f"  allow: [{allow}]\n" if allow else "")


@pytest.mark.parametrize(
    ("door", "text"),
    [
        ("http 127.0.0.1", "is no address to listen on"),
        ("http 127.0.0.1:0", "a port from 1 to 65535"),
        ("https 127.0.0.1:1", "agent-check ADDRESS:PORT"),
        ("http 127.0.0.1:1 web", "agent-check ADDRESS:PORT"),
        ("http lb1:1", "not a name"),
        ("http 127.0.0.1:7\n  - agent-check 127.0.0.1:7", "has 127.0.0.1:7 twice"),
        ("agent-check 127.0.0.1:1 wep", "'wep', which does not exist; did you mean 'web'?"),
        ("http :80", "beyond this node: say who may ask, by agent.allow"),
        ("http 192.0.2.1:80", "beyond this node"),
    ],
)
def test_a_door_that_cannot_be_is_refused_with_its_line(door: str, text: str) -> None:
    """And with its key."""
    with pytest.raises(ConfigError) as refused:
        plan("v.yaml", f"agent:\n  restart_grace: 1\n  listen:\n  - {door}\n{CHECKS}")
    assert str(refused.value).startswith(("v.yaml:4: agent.listen ", "v.yaml:5: agent.listen "))
    assert text in str(refused.value)


def test_a_door_knows_its_line() -> None:
    """For what goes wrong only when it is opened."""
    found = plan(
        "v.yaml", f"agent:\n  allow: 192.0.2.0/24\n  listen:\n  - http :80\n  - agent-check [::1]:9 my bad\n{CHECKS}"
    )
    assert [(door.place, door.check, door.is_local) for door in found.settings.listen] == [
        ("v.yaml:4: agent.listen", "", False), ("v.yaml:5: agent.listen", "my bad", True),
    ]  # fmt: skip


def test_http_says_whether_a_check_is_healthy(tmp_path: Path) -> None:
    """By its status for load balancers, in text and JSON; on the same connection as long as both like it."""
    [port] = free_ports(1)
    with agent(tmp_path, listening(f"http 127.0.0.1:{port}") + CHECKS) as running:
        running.must_come(lambda: running.state("web") == "OK" and running.state("my bad") == "CRITICAL")
        status, fields, body = get(port, "/check/web")
        assert (status, body[:30]) == (200, "web is OK: 127.0.0.1:1 is clos")
        assert fields["content-length"] == str(len(body))
        assert fields["connection"] == "close"
        status, fields, body = get(port, "/check/my%20bad?x=1", "GET", "Accept: application/json, */*")
        said = json.loads(body)
        assert (status, fields["content-type"]) == (503, "application/json")
        assert (said["name"], said["healthy"], said["status"], said["weight_percent"]) == (
            "my bad",
            False,
            "CRITICAL",
            None,
        )
        assert get(port, "/check/web", "GET", "accept: Application/JSON")[2].startswith('{"name": "web"')
        assert [get(port, "/check/web", method)[0] for method in ("HEAD", "OPTIONS")] == [200, 200]
        assert [get(port, "/check/my%20bad", method)[0] for method in ("HEAD", "OPTIONS")] == [503, 503]
        assert get(port, "/check/web", "HEAD")[2] == ""
        assert get(port, "/check/web", "OPTIONS")[1]["allow"] == "get, head, options"
        assert [get(port, path)[0] for path in ("/", "/check/", "/check/nix", "/check/web/", "/check/%00", "*")] == [
            404
        ] * 6
        assert get(port, "/check/web", "POST")[0] == 405
        assert get(port, "/check/web", "GET", "Content-Length: 5")[0] == 400
        assert ask(port, b"OPTIONS /check/web HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert ask(port, b"GET /check/web HTTP/2.0\r\n\r\n").startswith(b"HTTP/1.1 505 ")
        assert ask(port, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert ask(port, b"GET /" + b"x" * 20000).startswith(b"HTTP/1.1 431 ")
        many = b"GET /check/web HTTP/1.1\r\n\r\n" * 20 + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        assert ask(port, many).count(b"HTTP/1.1 200 OK") == 20
        stop(running.process)
        with pytest.raises(TimeoutError):
            ask(port, b"GET /check/web HTTP/1.1\r\n\r\n", seconds=0.2)
        running.process.send_signal(signal.SIGCONT)


def test_haproxy_gets_state_and_weight_in_one_line(tmp_path: Path) -> None:
    """From the port of a check with or without a line from HAProxy, or by the name that it sends."""
    one, named = free_ports(2)
    with agent(
        tmp_path, listening(f"agent-check 127.0.0.1:{one} web", f"agent-check 127.0.0.1:{named}") + CHECKS
    ) as running:
        running.must_come(lambda: running.state("web") == "OK" and running.state("my bad") == "CRITICAL")
        assert [ask(one), ask(one, b"\n"), ask(one, b"other\n"), ask(named, b"web\r\n")] == [b"up 70%\n"] * 4
        assert ask(named, b"my bad\n").startswith(b"down #CRITICAL: 127.0.0.1:1 is closed")
        assert ask(named, b"nix\n") == b"down #no check nix is configured\n"
        assert ask(named, b"x" * 2000) == b"down #the name of a check is too long\n"


def test_who_is_not_allowed_gets_nothing(tmp_path: Path) -> None:
    """And is named in the log, once in a while."""
    web, one = free_ports(2)
    text = listening(f"http :{web}", f"agent-check 127.0.0.1:{one} web", allow="127.0.0.2, '::1'")
    with agent(tmp_path, text + CHECKS) as running:
        running.must_come(lambda: running.state("web") == "OK")
        line = b"GET /check/web HTTP/1.0\r\n\r\n"
        assert ask(web, line, "127.0.0.2").startswith(b"HTTP/1.1 200 ")
        assert ask(one, b"\n", "127.0.0.2") == b"up 70%\n"
        assert [ask(web, line), ask(one, b"\n"), ask(one, b"\n", "127.0.0.3")] == [b"", b"", b""]
        running.must_come(lambda: running.has_said("agent.allow refuses 127.0.0.1"))
        assert len([said for said in running.said if "agent.allow" in said]) == 1


@pytest.mark.alone
def test_thousands_who_say_nothing_hold_up_nobody(tmp_path: Path) -> None:
    """Neither a check nor a client with a question: the oldest of the others give way."""
    web, one = free_ports(2)
    with (
        agent(tmp_path, listening(f"http 127.0.0.1:{web}", f"agent-check 127.0.0.1:{one}") + CHECKS) as running,
        ExitStack() as stack,
    ):
        running.must_come(lambda: running.state("web") == "OK")
        before = running.verdict("web")
        for number in range(3000):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(("127.0.0.1", (web, one)[number % 2]))
            if number % 3 == 0:
                with suppress(OSError):
                    sock.send(b"GET /check/w")
            if number % 100 == 0:
                assert get(web, "/check/web")[0] == 200
        assert ask(one, b"web\n") == b"up 70%\n"
        running.must_come(lambda: (found := running.verdict("web")) and before and found.stamp > before.stamp + 1)
        own = running.verdict("vipwarden agent")
        assert own is not None
        assert own.result.state == OK, own.result.text


def test_without_descriptors_clients_wait_and_checks_go_on(tmp_path: Path) -> None:
    """Where the limit of open files is low, and others hold what there is."""
    [web] = free_ports(1)
    limit = (program("prlimit"), "--nofile=64")
    with agent(tmp_path, listening(f"http 127.0.0.1:{web}") + CHECKS, before=limit) as running, ExitStack() as stack:
        running.must_come(lambda: running.state("web") == "OK")
        for number in range(200):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", web)))
            sock.sendall(b"GET /check/w")
            if number % 20 == 0:
                assert get(web, "/check/web")[0] == 200
        before = running.verdict("web")
        running.must_come(lambda: (found := running.verdict("web")) and before and found.stamp > before.stamp + 1)
        assert running.state("web") == "OK"
        own = running.verdict("vipwarden agent")
        assert own is not None
        assert next(metric.value for metric in own.result.metrics if metric.name == "answers") >= 10


def test_a_reload_opens_keeps_and_closes_doors_without_a_gap(tmp_path: Path) -> None:
    """A client that asks all the time is never refused at a door that stays."""
    web, one, other = free_ports(3)
    with agent(tmp_path, listening(f"http 127.0.0.1:{web}", f"agent-check 127.0.0.1:{one} web") + CHECKS) as running:
        running.must_come(lambda: running.state("web") == "OK")
        answers: list[object] = []
        is_over = threading.Event()

        def poll() -> None:
            while not is_over.is_set():
                try:
                    answers.append(get(web, "/check/web")[0])
                except (OSError, ValueError, IndexError) as error:
                    answers.append(error)

        def has_reloaded(count: int) -> bool:
            return len([line for line in running.said if line.startswith("reloaded")]) > count

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            for door, port in ((f"agent-check 127.0.0.1:{other}", other), (f"agent-check 127.0.0.1:{one} my bad", one)):
                count = len([line for line in running.said if line.startswith("reloaded")])
                running.configure(listening(f"http 127.0.0.1:{web}", door) + CHECKS)
                running.must_come(partial(has_reloaded, count))
                gone = {one, other} - {port}
                for closed in gone:
                    with pytest.raises(ConnectionRefusedError):
                        ask(closed)
            running.must_come(lambda: running.state("my bad") == "CRITICAL")
            assert ask(one).startswith(b"down #CRITICAL: ")
        finally:
            is_over.set()
            thread.join()
        assert set(answers) == {200}


def test_a_port_of_somebody_else_is_refused_with_the_line_of_its_key(tmp_path: Path) -> None:
    """At the start, and at a reload, after which all goes on as before."""
    web, taken = free_ports(2)
    with socket.create_server(("127.0.0.1", taken)):
        with agent(tmp_path, listening(f"http 127.0.0.1:{taken}") + CHECKS) as running:
            assert running.process.wait(60) == 1
        assert running.has_said(
            f"vipwarden.yaml:4: agent.listen: cannot listen on 127.0.0.1:{taken}: the port is in use"
        )
        with agent(tmp_path, listening(f"http 127.0.0.1:{web}") + CHECKS) as running:
            running.must_come(lambda: running.state("web") == "OK")
            running.configure(listening(f"agent-check 127.0.0.1:{web}", f"http 127.0.0.1:{taken}") + CHECKS)
            running.must_come(lambda: running.has_said("not reloaded, everything goes on as before: "))
            assert running.has_said("vipwarden.yaml:5: agent.listen: cannot listen on")
            assert get(web, "/check/web")[0] == 200


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM])
def test_haproxy_hears_that_the_agent_is_lost(tmp_path: Path, end: signal.Signals) -> None:
    """From the watchdog, once the checks have failed, and until an agent is there again: no state is frozen."""
    one, named = free_ports(2)
    hold = "  kept: {check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2, on_agent_loss: hold}\n"
    text = listening(f"agent-check 127.0.0.1:{one} web", f"agent-check 127.0.0.1:{named}") + CHECKS + hold
    lost = b"down #the agent of vipwarden has ended or hangs\n"

    def says(port: int, line: bytes, answer: bytes) -> bool:
        with suppress(OSError):
            return ask(port, line, seconds=0.5) == answer
        return False

    with agent(tmp_path, text) as running:
        running.must_come(lambda: says(one, b"", b"up 70%\n") and says(named, b"kept\n", b"up\n"))
        running.process.send_signal(end)
        running.must_come(lambda: says(one, b"\n", lost) and says(named, b"web\n", lost))
        assert [ask(named, line) for line in (b"kept\n", b"nix\n", b"\n")] == [b"", b"", b""]
        assert ask(one, b"", "127.0.0.2") == lost
        if end == signal.SIGSTOP:
            running.process.send_signal(signal.SIGCONT)
            running.must_come(lambda: [ask(one), ask(named, b"kept\n")] == [b"up 70%\n", b"up\n"])
            assert {ask(one) for _ in range(20)} == {b"up 70%\n"}
            return
        running.process.wait()
        with agent(tmp_path, text) as other:
            other.must_come(lambda: other.has_said("runs 3 checks") and len(other.watchdogs()) == 1)
            other.must_come(lambda: says(one, b"\n", b"up 70%\n"))
            assert {ask(one) for _ in range(20)} == {b"up 70%\n"}


def test_doors_that_cannot_all_be_opened_leave_none_open() -> None:
    """Neither of the new ones; the old ones stay."""
    first, second, taken = free_ports(3)
    with socket.create_server(("127.0.0.1", taken)):
        before = Doors().moved([Door(f"http 127.0.0.1:{first}")], ())
        with pytest.raises(OSError, match="in use"):
            before.moved([Door(f"http 127.0.0.1:{number}") for number in (first, second, taken)], ())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", second))
        socket.create_connection(("127.0.0.1", first)).close()
        before.close()
