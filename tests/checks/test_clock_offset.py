"""Is the clock of this node right? Beside chrony, and against servers that lie."""

from __future__ import annotations

import ctypes
import errno
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.clock_offset import Offset, clock_offset
from tests.agent.drive import resident
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from tests.servers.chrony import chrony
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State
from vipwarden.net.stream import NetError
from vipwarden.node import clock
from vipwarden.protocol import ntp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOADS = "vipwarden.net.datagram vipwarden.net.stamp vipwarden.protocol vipwarden.protocol.ntp"
_TO_1970 = 2_208_988_800


class Ports(NamedTuple):
    """Where chronyd listens: one that has the time, and one that does not know it."""

    right: int
    lost: int


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """Run both."""
    folder = tmp_path_factory.mktemp("chrony")
    with chrony(folder, "local stratum 5") as right, chrony(folder) as lost:
        yield Ports(right, lost)


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with chrony(folder, "local stratum 5") as port:
        yield f"-H 127.0.0.1 -p {port}"


def ask(port: int, *arguments: str) -> Result:
    """Ask a server on loopback."""
    return oneshot(clock_offset, "-H", "127.0.0.1", "-p", str(port), *arguments)


def numbers(result: Result) -> dict[str, float]:
    """Return the metrics by name."""
    return {metric.name: metric.value for metric in result.metrics}


@pytest.mark.parametrize(
    ("server", "arguments", "state", "text"),
    [
        ("right", "-H 127.0.0.1", OK, "(stratum 5)"),
        ("right", "-H ::1 -w 0.5 -c 1", OK, "(stratum 5)"),
        ("right", "-H 127.0.0.1 -w 100:", WARNING, "(stratum 5)"),
        ("right", "-H 127.0.0.1 --stratum 1:5", OK, "(stratum 5)"),
        ("right", "-H 127.0.0.1 --stratum 1:4", CRITICAL, "has stratum 5, outside of 1:4"),
        ("right", "-H 127.0.0.1 --also ::1", OK, "(stratum 5), the middle of 2 of 2 servers"),
        ("lost", "-H 127.0.0.1", CRITICAL, "is not synchronised itself"),
    ],
)
def test_what_chrony_says(ports: Ports, server: str, arguments: str, state: State, text: str) -> None:
    """Its clock is this node's own, so both are in step; both drivers say the same."""
    port = str(getattr(ports, server))
    for drive in (oneshot, resident):
        result = drive(clock_offset, "-p", port, *arguments.split())
        assert (result.state, text in result.text) == (state, True), result
        if "offset" in numbers(result):
            assert abs(numbers(result)["offset"]) <= numbers(result)["delay"] / 2 + 1e-3
            assert numbers(result)["stratum"] == 5


def reply(asked: bytes, shift: float, *, first: int = 0o44, stratum: int = 2, code: bytes = b"TEST") -> bytes:
    """Return the reply of a server whose clock differs by so many seconds."""
    now = time.time() + shift
    stamp = (int(now + _TO_1970) & 0xFFFFFFFF).to_bytes(4, "big") + int(now % 1 * (1 << 32)).to_bytes(4, "big")
    return bytes((first, stratum, 6, 0xE9)) + bytes(8) + code + stamp + asked[40:48] + stamp + stamp


@contextmanager
def fake(answer: Callable[[bytes], list[bytes]], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Answer each request by datagrams."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))

        def serve() -> None:
            while (got := sock.recvfrom(4096))[0] != b"end":
                for datagram in answer(got[0]):
                    sock.sendto(datagram, got[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            with socket.socket(type=socket.SOCK_DGRAM) as end:
                end.sendto(b"end", sock.getsockname())
            thread.join()


@pytest.mark.parametrize(
    ("shift", "arguments", "state", "text"),
    [
        (3, "", CRITICAL, " s behind 127.0.0.1:"),
        (-3, "", CRITICAL, " s ahead of 127.0.0.1:"),
        (-3, "-c 3600", OK, " s ahead of 127.0.0.1:"),
        (3, "-w 2 -c 3600", WARNING, " s behind 127.0.0.1:"),
        (3, "-c -5:2", CRITICAL, " s behind 127.0.0.1:"),
        (-86400 * 365 * 40, "", CRITICAL, " s ahead of 127.0.0.1:"),  # as after a dead battery
        (86400 * 365 * 20, "", CRITICAL, " s behind 127.0.0.1:"),  # of the next one, from 2036 on
    ],
)
def test_a_clock_that_is_wrong(shift: float, arguments: str, state: State, text: str) -> None:
    """To either side, and by decades."""
    with fake(lambda asked: [reply(asked, shift)]) as port:
        result = ask(port, *arguments.split())
    assert (result.state, text in result.text) == (state, True), result
    assert abs(numbers(result)["offset"] - shift) < 1


def test_of_three_servers_one_may_be_wrong(ports: Ports) -> None:
    """And of two that differ the worse one counts."""
    with fake(lambda asked: [reply(asked, 1000)], "127.0.0.2", ports.right):
        options = "--also ::1 --also 127.0.0.2"
        result = ask(ports.right, *options.split())
        assert (result.state, "the middle of 3 of 3 servers" in result.text) == (OK, True), result
        result = ask(ports.right, "--also", "127.0.0.2")
        assert (result.state, "1000" in result.text or "999" in result.text) == (CRITICAL, True), result


def test_so_many_servers_are_needed(ports: Ports) -> None:
    """All of them, where nothing else is said."""
    options = ["--also", "127.0.0.9"]
    result = ask(ports.right, *options)
    assert (result.state, "but 2 are needed; 127.0.0.9:" in result.text) == (CRITICAL, True), result
    result = ask(ports.right, *options, "--needed", "1")
    assert (result.state, numbers(result)["servers"]) == (OK, 1), result


def test_silence_ends_at_the_deadline() -> None:
    """After three requests, no two of which are alike: they would be taken for one another."""
    asked: list[bytes] = []
    with fake(lambda data: asked.append(data) or []) as port:  # type: ignore[func-returns-value]
        result = ask(port, "-t", "0.3")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert "no answer from 127.0.0.1" in result.text
    assert len({data[40:] for data in asked}) == len(asked)
    assert {data[:40] for data in asked} == {b"\x23" + bytes(39)}  # nothing of this node


def test_a_port_where_nobody_listens_is_closed() -> None:
    """And a name that is none is UNKNOWN."""
    with servers.closed() as server:
        result = ask(server.port, "-t", "20")
    assert (result.state, result.expired, "is closed" in result.text) == (CRITICAL, False, True)
    assert oneshot(clock_offset, "-H", "nowhere.invalid", "-t", "5").state == UNKNOWN


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"stratum": 0, "code": b"RATE"}, "refuses to answer (RATE)"),
        ({"stratum": 0, "code": b"\x1b\n\0\0"}, "refuses to answer ("),
        ({"first": 0o344}, "is not synchronised itself"),
        ({"stratum": 16}, "is not synchronised itself"),
    ],
)
def test_a_server_that_has_no_time(kinds: dict[str, int | bytes], said: str) -> None:
    """Is CRITICAL, and says why in one line."""
    with fake(lambda asked: [reply(asked, 0, **kinds)]) as port:  # type: ignore[arg-type]
        result = ask(port, "-t", "20")
    assert (result.state, said in result.text, result.text.isprintable()) == (CRITICAL, True, True), result


def test_what_is_forged_is_passed_over() -> None:
    """Noise, a request, and replies to something else: the right one comes after them."""

    def answer(asked: bytes) -> list[bytes]:
        other = reply(asked[:40] + b"somebody", 1000)
        return [b"", b"x", asked, other, reply(asked, 1000, first=0o43), reply(asked, 1000)[:47], reply(asked, 0)]

    with fake(answer) as port:
        assert ask(port, "-t", "20").state == OK


def test_a_reply_without_a_time() -> None:
    """Is none, also where it went backwards."""
    for change in (lambda data: data[:40] + bytes(8), lambda data: data[:40] + b"\1" + data[41:]):
        with fake(lambda asked, change=change: [change(reply(asked, 0))]) as port:  # type: ignore[misc]
            result = ask(port, "-t", "20")
        assert (result.state, "sent no time" in result.text) == (CRITICAL, True), result


@given(st.binary(min_size=48, max_size=48))
def test_any_datagram_is_a_sample_or_is_refused(data: bytes) -> None:
    """By NetError alone."""
    try:
        sample = ntp._sample("x", data, 1.8e9, 1.8e9)
    except NetError:
        return
    assert abs(sample.offset) <= 2**32
    assert sample.delay >= 0
    assert 1 <= sample.stratum <= 15


class TestKernel:
    """What the kernel says of its clock."""

    def test_it_is_what_adjtimex_says(self) -> None:
        """As the C library has it."""
        known = clock.kernel_clock()
        assert known.synchronised is (ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != 5)
        assert 0 <= known.error <= 16

    def test_the_check_says_so(self) -> None:
        """Without a server, too."""
        known = clock.kernel_clock()
        result = oneshot(clock_offset)
        assert result.state == (OK if known.synchronised else CRITICAL)
        assert ("is kept in step" if known.synchronised else "is not synchronised") in result.text
        assert numbers(result).keys() == {"kernel_error"}

    @pytest.mark.parametrize(("synchronised", "state"), [(True, OK), (False, CRITICAL)])
    def test_beside_a_server(
        self, ports: Ports, monkeypatch: pytest.MonkeyPatch, synchronised: bool, state: State
    ) -> None:
        """Both have to be right."""
        monkeypatch.setattr(clock, "kernel_clock", lambda: clock.KernelClock(synchronised=synchronised, error=0.01))
        result = ask(ports.right, "--kernel")
        assert (result.state, "(stratum 5)" in result.text) == (state, True)
        assert numbers(result)["kernel_error"] == 0.01

    def test_a_unit_may_forbid_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Then nothing is known."""

        def refused() -> clock.KernelClock:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(clock, "kernel_clock", refused)
        result = oneshot(clock_offset)
        assert (result.state, "ProtectClock=" in result.text) == (UNKNOWN, True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0.5", "-0.5:0.5"), ("@1", "@-1:1"), ("-1:2", "-1:2"), ("1:", "1:"), ("~:3", "~:3"), ("0", "0")],
)
def test_a_bare_number_is_for_both_sides(text: str, wanted: str) -> None:
    """Else a clock that is ahead by a microsecond would alert."""
    assert str(Offset(text)) == wanted
    assert str(Offset(wanted)) == wanted


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("-H /run/x", "/run/x is a unix socket"),
        ("--also 127.0.0.1", "host, which is missing"),
        ("-H 127.0.0.1 --needed 2", "2 servers are needed, of only 1"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(clock_offset, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)
    with pytest.raises(UsageError):
        ask(1, "-w", "-3")
