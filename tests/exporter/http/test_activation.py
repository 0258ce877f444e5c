"""Are the sockets that systemd opened taken over?"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from exporter.http.activation import ActivationError, activated
from exporter.http.answers import HEALTHY
from tests.commands import BIN, program
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import PopenText

PID = str(os.getpid())


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "9" + PID},
        {"LISTEN_FDS": "0", "LISTEN_PID": PID},
        {"LISTEN_PID": PID + "x", "LISTEN_FDS": "1"},
    ],
)
def test_nothing_is_taken_that_is_meant_for_another(environ: dict[str, str]) -> None:
    """The variables may be inherited from a parent."""
    assert activated(environ) == []


@pytest.mark.parametrize("number", ["", "-1", "x", "65", "99999999999", "²"])
def test_a_number_of_sockets_is_wanted(number: str) -> None:
    """And a sensible one."""
    with pytest.raises(ActivationError, match="a number of sockets is wanted"):
        activated({"LISTEN_FDS": number, "LISTEN_PID": PID})


def test_sockets_of_every_kind_are_taken_in_their_order(tmp_path: Path) -> None:
    """And the variables are gone, so that no child takes them."""
    with closing(socket.create_server(("127.0.0.1", 0))) as first, closing(socket.socket(socket.AF_UNIX)) as second:
        second.bind(f"{tmp_path}/socket")
        second.listen()
        high = 200
        os.dup2(first.fileno(), high)
        os.dup2(second.fileno(), high + 1)
        environ = {"LISTEN_FDS": "2", "LISTEN_PID": PID, "LISTEN_FDNAMES": "http:local", "OTHER": "1"}
        taken = activated(environ, first=high)
        try:
            assert [one.getsockname() for one in taken] == [first.getsockname(), f"{tmp_path}/socket"]
            assert not any(one.get_inheritable() for one in taken)
            assert environ == {"OTHER": "1"}
        finally:
            for one in taken:
                one.close()


@pytest.mark.parametrize("kind", ["none", "file", "datagram", "connected"])
def test_what_is_no_listening_socket_is_refused(tmp_path: Path, kind: str) -> None:
    """With what the socket unit should say."""
    high = 210
    with (
        (tmp_path / "file").open("w") as file,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as datagram,
        closing(socket.socket()) as connected,
    ):
        kinds = {"file": file.fileno(), "datagram": datagram.fileno(), "connected": connected.fileno()}
        if kind != "none":
            os.dup2(kinds[kind], high)
        with pytest.raises(ActivationError, match=f"descriptor {high} of LISTEN_FDS"):
            activated({"LISTEN_FDS": "1", "LISTEN_PID": PID}, first=high)
        if kind != "none":
            os.close(high)  # it was left as it was


def test_systemd_starts_it_at_the_first_connection(tmp_path: Path) -> None:
    """By the real systemd-socket-activate, with a TCP port and a unix socket at once."""
    (port,) = free_ports(1)
    path = f"{tmp_path}/exporter.sock"
    config = tmp_path / "empty.yaml"
    config.write_text("exporter: {keepalived_conf: /nonexistent, haproxy_conf: /nonexistent, listen: 127.0.0.1:1}\n")
    command = [program("systemd-socket-activate"), "-l", f"127.0.0.1:{port}", "-l", path]
    command += [str(BIN / "vipwarden"), "exporter", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}) as child:
        try:
            _until_listening(child)
            curl = [program("curl"), "-sS", "--max-time", "20"]
            first = subprocess.run([*curl, f"http://127.0.0.1:{port}/-/healthy"], capture_output=True, check=True)
            local = [*curl, "--unix-socket", path, "http://lb1.example.net/-/healthy"]
            second = subprocess.run(local, capture_output=True, check=True)
            assert (first.stdout, second.stdout) == (HEALTHY, HEALTHY)
        finally:
            child.terminate()
            assert child.stderr is not None
            said = child.stderr.read()
    assert child.returncode == 0
    assert "listen (127.0.0.1:1) does not count: the socket unit opened the addresses\n" in said
    assert f"serves unix:{path} and http://127.0.0.1:{port}/\n" in said


def _until_listening(child: PopenText) -> None:
    """Wait until systemd-socket-activate says that it listens on both."""
    assert child.stderr is not None
    for _ in range(2):
        while "Listening on" not in (line := child.stderr.readline()):
            assert line, "it has ended"
