"""Does chk_haproxy know a HAProxy that serves from one that only lives? The real program, in each of its troubles."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import FAR, program, shell
from tests.keepalived_scripts.service import Asked, must_come
from tests.servers import misbehaving as servers
from tests.servers.haproxy import command
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = ("--timeout", "2")  # for what hangs
CONF = """
global
  {socket}
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
listen web
  bind 127.0.0.1:{port}
"""


class Haproxy:
    """One that daemonizes as the distribution's does, under a name that no other test uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / f"ha-{folder.name[-8:]}"
        self.program.symlink_to(program("haproxy"))
        self.socket = folder / "stats.sock"
        self.conf = folder / "haproxy.cfg"
        self.pidfile = folder / "pid"
        self.port = free_ports(1)[0]
        self.write(f"stats socket {self.socket} mode 600 level user")

    def write(self, line: str) -> None:
        """Write its configuration with one line of its global section."""
        self.conf.write_text(CONF.format(socket=line, port=self.port))

    @property
    def words(self) -> str:
        """The command that starts it."""
        return f"{self.program} -D -f {self.conf} -p {self.pidfile}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        subprocess.run(self.words.split(), check=True, stderr=subprocess.DEVNULL)
        must_come(self.answers)

    def answers(self) -> bool:
        """Return whether it does."""
        with contextlib.suppress(OSError):
            return "Version" in command(str(self.socket), "show info")
        return False

    def signal(self, number: int) -> None:
        """Send a signal to it."""
        with contextlib.suppress(OSError, ValueError):
            for pid in map(int, self.pidfile.read_text().split()):
                os.kill(pid, number)


@pytest.fixture
def proxy() -> Iterator[Haproxy]:
    """Give a HAProxy that is not yet started, and end it in any case."""
    with tempfile.TemporaryDirectory(prefix="chk-") as folder:  # a socket's path has at most 107 bytes
        made = Haproxy(Path(folder))
        yield made
        made.signal(signal.SIGKILL)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Give chk_haproxy with folders of its own."""
    return Asked(tmp_path, "chk_haproxy")


def line(proxy: Haproxy, *more: str) -> tuple[str, ...]:
    """Return the options for it."""
    return "--conf", str(proxy.conf), "--command", proxy.program.name, *more


def restart(proxy: Haproxy) -> tuple[str, str]:
    """Return the options for a restart without systemd: whatever is left of the old one is killed."""
    script = proxy.folder / "restart"
    script.write_text(f"#!/bin/sh\nxargs -r kill -9 <{proxy.pidfile}\nrm -f {proxy.socket}\nexec {proxy.words}\n")
    script.chmod(0o755)
    return "--restart", str(script)


def test_one_that_serves_is_healthy(proxy: Haproxy, asked: Asked) -> None:
    """By its process and its stats socket, which haproxy.cfg names."""
    proxy.start()
    done = asked(*line(proxy))
    assert (done.code, done.err) == (0, "")
    assert f"answers on {proxy.socket}" in done.out


def test_one_that_was_killed_is_started_once_more(proxy: Haproxy, asked: Asked) -> None:
    """Within the grace time the VIP stays."""
    proxy.start()
    proxy.signal(signal.SIGKILL)
    must_come(lambda: not proxy.answers())
    options = asked.healthy_before(*line(proxy, *restart(proxy), "--grace", "20", "--good-for", "0.01"))
    assert asked(*options).code == 0
    must_come(proxy.answers)
    assert asked(*options).code == 0
    time.sleep(0.02)
    assert asked(*options).code == 0
    assert str(asked.verdict().result.state) == "OK"


def test_one_that_hangs_is_no_healthy_one_and_a_restart_cures_it(proxy: Haproxy, asked: Asked) -> None:
    """Its process is there, and the kernel accepts connections for it."""
    proxy.start()
    proxy.signal(signal.SIGSTOP)
    options = line(proxy, *restart(proxy), "--good-for", "0.01")
    done = asked(*options, *SOON)
    assert (done.code, done.seconds < FAR) == (1, True)
    assert f"no answer from {proxy.socket}" in done.out
    must_come(proxy.answers)
    asked(*options)
    time.sleep(0.02)
    assert asked(*options).code == 0


def test_one_that_stalls_for_a_run_is_not_restarted_and_one_that_hangs_keeps_its_vip(
    proxy: Haproxy, asked: Asked
) -> None:
    """All clients would lose their connections by the restart of one that is well."""
    proxy.start()
    counted = asked.counting(f"xargs -r kill -9 <{proxy.pidfile}\nrm -f {proxy.socket}\nexec {proxy.words}")
    options = line(proxy, *counted, "--grace", "30")
    assert asked(*options).code == 0
    proxy.signal(signal.SIGSTOP)
    stalled = asked(*options, *SOON)
    assert (stalled.code, "bad run 1 of 2" in stalled.out) == (0, True)
    proxy.signal(signal.SIGCONT)
    assert asked(*options).code == 0
    assert asked.restarted() == 0
    proxy.signal(signal.SIGSTOP)
    for _ in range(2):
        hung = asked(*options, *SOON)
        assert hung.code == 0, hung
    must_come(proxy.answers)
    assert asked(*options).code == 0
    assert asked.restarted() == 1


def test_a_configuration_that_cannot_be_started_is_tried_once(proxy: Haproxy, asked: Asked) -> None:
    """And the VIP is given up as soon as that is known, whatever is left of the grace time."""
    proxy.conf.write_text("this is no configuration\n")
    counted = asked.counting(f"exec {proxy.words}")
    options = asked.healthy_before(*line(proxy, "--socket", str(proxy.socket), *counted, "--grace", "30"))
    assert asked(*options).code == 0
    must_come(lambda: asked(*options).code == 1)
    assert asked(*options).code == 1
    assert asked.restarted() == 1
    assert f"no process {proxy.program.name}" in asked.verdict().result.text


def test_a_socket_that_was_only_just_configured_calls_for_no_restart(proxy: Haproxy, asked: Asked) -> None:
    """Who edits haproxy.cfg must not lose the connections of all clients by it."""
    proxy.start()
    proxy.write(f"stats socket {proxy.folder}/new.sock")
    done = asked(*line(proxy, *asked.counting()))
    assert done.code == 1
    assert "changed without a reload?" in done.out
    assert asked.restarted() == 0


def test_the_port_is_asked_where_there_is_no_socket(proxy: Haproxy, asked: Asked) -> None:
    """And one of the two there must be."""
    proxy.write("maxconn 100")
    subprocess.run(proxy.words.split(), check=True, stderr=subprocess.DEVNULL)
    usual = ("mount", "-t", "tmpfs", "none", "/run")  # without the stats sockets of the machine
    with_port = " ".join(line(proxy, "--port", str(proxy.port)))
    runs = "; ".join(("true", f"chk_haproxy {with_port}", f"chk_haproxy {' '.join(line(proxy))} || exit 7"))
    done = shell(asked.folder, f"{' '.join(usual)}; export VIPWARDEN_STATE_DIR={asked.folder}; {runs}", flags=("-m",))
    assert f"127.0.0.1:{proxy.port} is open" in done.out
    assert done.code == 7
    assert "or give --port, which cannot tell a hung HAProxy" in done.err


def test_a_port_that_is_given_must_be_open_as_well(proxy: Haproxy, asked: Asked) -> None:
    """The socket alone does not tell that clients get in."""
    proxy.start()
    assert asked(*line(proxy, "-p", str(proxy.port))).code == 0
    with servers.closed() as closed:
        assert asked(*line(proxy, "-p", str(closed.port), "--name", "other")).code == 1


@pytest.mark.parametrize(
    "behave", [servers.answer(b"Name: something else\n"), servers.hang_up, servers.pour, servers.hold]
)
def test_who_answers_something_else_is_no_haproxy(proxy: Haproxy, asked: Asked, behave: servers.Behaviour) -> None:
    """Or says nothing, or never ends."""
    with servers.Server(behave, str(proxy.socket)), subprocess.Popen(["sleep", "60"]) as process:
        done = asked("--command", "sleep", "--socket", str(proxy.socket), "--restarts", "0", *SOON)
        process.kill()
    assert done.code == 1
    assert done.seconds < FAR
    assert str(proxy.socket) in done.out
