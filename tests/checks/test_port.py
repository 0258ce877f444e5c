"""Is a TCP port open? Every answer of the port check, against real ports on loopback."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.port import Ports, port
from tests.checks.port import ask
from tests.checks.test_port_text import SSH
from tests.commands import FAR, program
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_open_port_is_ok_with_its_time(address: str) -> None:
    """The address is written as people write it, and the time comes with the limits of the run."""
    with servers.Server(servers.hold, address) as server:
        result = ask(server, "-t", "2")
    name = f"[{address}]" if ":" in address else address
    assert result.state == OK
    assert re.fullmatch(rf"{re.escape(name)}:{server.port} is open \([0-9.]+ ms\)", result.text)
    (metric,) = result.metrics
    assert (metric.name, metric.uom, metric.minimum, metric.maximum) == ("time", "s", 0, 2)
    assert 0 < metric.value < 1
    assert not result.expired


def test_a_unix_socket_is_asked_by_its_path(tmp_path: Path) -> None:
    """A path takes the place of host and port; without a listener it is closed, without the file too."""
    path = str(tmp_path / "socket")
    assert oneshot(port, "-H", path).text.startswith(f"{path} is closed (No such file")
    with servers.Server(servers.answer(b"hello"), path) as server:
        assert ask(server, "-e", "hello").state == OK
    assert ask(server).text.startswith(f"{path} is closed (Connection refused)")


def test_a_unix_socket_with_a_full_backlog_is_filtered(tmp_path: Path) -> None:
    """There connect() does not wait but says EAGAIN; the deadline holds all the same."""
    with servers.full_backlog(str(tmp_path / "socket")) as server:
        begun = time.monotonic()
        result = ask(server, "-t", "0.2")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert "is filtered (no answer in 0.2" in result.text
    assert 0.19 < time.monotonic() - begun < FAR


def test_a_path_too_long_for_a_socket_says_so() -> None:
    """The kernel has no number for it, so the reason must not read "Success"."""
    assert "(AF_UNIX path too long)" in oneshot(port, "-H", "/" + "x" * 200).text


@pytest.mark.parametrize(
    ("arguments", "said"), [(("-H", "127.0.0.1"), "no port given"), (("-H", "/run/x", "-p", "80"), "has no ports")]
)
def test_a_host_wants_a_port_and_a_path_wants_none(arguments: tuple[str, ...], said: str) -> None:
    """What was asked makes no sense: UNKNOWN."""
    result = oneshot(port, *arguments)
    assert result.state == UNKNOWN
    assert said in result.text


def test_a_closed_port_is_refused_and_the_operator_says_what_that_means() -> None:
    """CRITICAL by default; whatever --refused says else."""
    with servers.closed() as server:
        assert ask(server).text.startswith(f"127.0.0.1:{server.port} is closed (Connection refused)")
        assert ask(server).state == CRITICAL
        for word, state in (("ok", OK), ("warning", WARNING), ("CRITICAL", CRITICAL), ("1", WARNING)):
            assert ask(server, "--refused", word).state == state


def test_a_silent_port_is_filtered_whatever_a_refusal_means() -> None:
    """--refused speaks of refusals alone."""
    with servers.full_backlog() as server:
        result = ask(server, "-t", "0.2", "--refused", "ok")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert "is filtered (no answer in 0.2" in result.text


def test_all_ports_of_a_list_must_be_open() -> None:
    """Each port that is not open is named, and how many are stands in the metrics and the notes."""
    with servers.listening() as first, servers.closed() as second, servers.listening() as third:
        open_ports = f"{first.port},{third.port}"
        good = oneshot(port, "-H", "127.0.0.1", "-p", open_ports)
        bad = oneshot(port, "-H", "127.0.0.1", "-p", f"{open_ports},{second.port}-{second.port}")
    assert good.state == OK
    assert good.text.startswith("2 of 2 ports of 127.0.0.1 are open")
    assert bad.state == CRITICAL
    assert bad.text.startswith(f"127.0.0.1:{second.port} is closed")
    assert "2 of 3 ports of 127.0.0.1 are open" in bad.notes
    assert [(metric.name, metric.value, metric.maximum) for metric in bad.metrics[1:]] == [("open", 2, 3)]


@pytest.mark.alone
def test_a_silent_port_leaves_time_for_those_after_it() -> None:
    """The open port behind two filtered ones is still found open, and the whole run keeps to its deadline."""
    with servers.full_backlog() as one, servers.full_backlog() as two, servers.listening() as good:
        begun = time.monotonic()
        result = oneshot(port, "-H", "127.0.0.1", "-p", f"{one.port},{two.port},{good.port}", "-t", "0.6")
        taken = time.monotonic() - begun
    assert result.text.count("is filtered") == 2
    assert f"127.0.0.1:{good.port} is open" in result.notes
    assert taken < 0.9


def test_a_refusal_among_silent_ports_is_not_the_deadlines_doing() -> None:
    """-t N:ok must not hide that another port was refused."""
    with servers.full_backlog() as silent, servers.closed() as refusing:
        result = oneshot(port, "-H", "127.0.0.1", "-p", f"{silent.port},{refusing.port}", "-t", "0.3")
    assert (result.state, result.expired) == (CRITICAL, False)


@pytest.mark.parametrize("text", ["", "0", "65536", "80,", "-80", "80-", "90-80", "http", "1-1025", "٨٠", "8 0", "+80"])
def test_ports_that_cannot_be_are_usage_errors(text: str) -> None:
    """An empty text among them: a variable that was never set is no list of ports."""
    with pytest.raises(UsageError):
        oneshot(port, "-H", "127.0.0.1", "-p", text)


@given(st.lists(st.integers(1, 65535), min_size=1, max_size=20))
def test_ports_keep_their_order_and_come_once(numbers: list[int]) -> None:
    """A list as text gives the same list, without what was said before."""
    assert tuple(Ports(",".join(map(str, numbers)))) == tuple(dict.fromkeys(numbers))


@given(st.text(max_size=30))
def test_no_text_makes_other_ports_than_real_ones(text: str) -> None:
    """Whatever is written, there come ports or a ValueError."""
    with contextlib.suppress(ValueError):
        found = Ports(text)
        assert found
        assert all(1 <= number <= 65535 for number in found)


def test_the_time_that_it_takes_has_thresholds() -> None:
    """-w and -c are ranges of seconds, over the whole run."""
    with servers.late() as server:
        slow = ("-e", SSH, "-t", "2")
        assert ask(server, *slow, "-w", "1", "-c", "2").state == OK
        assert ask(server, *slow, "-w", "0.1").state == WARNING
        assert ask(server, *slow, "-w", "0.05", "-c", "0.1").state == CRITICAL
    with servers.listening() as server:
        assert ask(server, "-c", "10:").state == CRITICAL
        assert ask(server, "-w", "@0:5").state == WARNING


def test_the_own_address_can_be_chosen() -> None:
    """The server sees the connection come from there; an address of nobody is this node's own trouble."""
    seen = []

    def look(_server: servers.Server, client: socket.socket) -> None:
        seen.append(client.getpeername()[0])
        client.sendall(b"seen")

    with servers.Server(look) as server:
        assert ask(server, "--source", "127.0.0.77", "-e", "seen").state == OK
        result = ask(server, "--source", "192.0.2.1")
        assert ask(server, "--source", "::1").state == CRITICAL
    assert seen == ["127.0.0.77"]
    assert result.state == UNKNOWN
    assert "cannot use the source address 192.0.2.1" in result.text


def test_a_name_that_is_none_is_refused_and_never_asked_for() -> None:
    """A label of 64 letters cannot be looked up."""
    with pytest.raises(UsageError, match="this is no host name"):
        oneshot(port, "-H", "x" * 64 + "ü", "-p", "80")


def test_descriptors_exhausted_is_this_nodes_trouble() -> None:
    """EMFILE says nothing about the server: UNKNOWN."""
    with servers.listening() as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = os.dup(0)
        os.close(spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
        try:
            result = ask(server)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert result.state == UNKNOWN
    assert result.text.startswith(f"cannot try 127.0.0.1:{server.port}: Too many open files")


def descriptors() -> set[str]:
    """Return the descriptors of this process."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_descriptors_do_not_leak() -> None:
    """Each way to fail gives back what it took."""
    with servers.closed() as refusing, servers.full_backlog() as silent, servers.resetting() as cut:
        before = descriptors()
        for server in (refusing, silent, cut):
            ask(server, "-t", "0.05", "-e", "x")
            ask(server, "-t", "0.05", "--source", "192.0.2.1")
        assert len(descriptors() - before) <= 1  # a connection that the server still closes


def test_nmap_says_the_same_of_the_same_ports() -> None:
    """Open, closed and filtered are nmap's words; the program itself is the judge."""
    nmap = program("nmap")
    with servers.listening() as good, servers.closed() as refusing, servers.full_backlog() as silent:
        found = [(str(server.port), ask(server, "-t", "0.1").text) for server in (good, refusing, silent)]
        numbers = ",".join(number for number, _ in found)
        said = subprocess.run(
            [nmap, "-sT", "-Pn", "-n", "--max-retries", "0", "-oG", "-", "-p", numbers, "127.0.0.1"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    theirs = dict(re.findall(r"(\d+)/(\w+)/tcp", said))
    assert theirs == {number: re.findall(r" is (\w+)", text)[0] for number, text in found}
    assert sorted(theirs.values()) == ["closed", "filtered", "open"]


# what chk_port loads beside what every chk_ command does
LOADS = ""


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with servers.listening() as server:
        yield f"-H {server.host} -p {server.port}"
