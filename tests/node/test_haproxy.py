"""Is what HAProxy says on its stats socket understood?"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.haproxy import haproxy, wait_for
from tests.servers.ports import free_ports
from vipwarden.net.blocking import BlockingNet
from vipwarden.node.haproxy import socket as reader
from vipwarden.node.haproxy.socket import (
    BACKEND,
    FRONTEND,
    SERVER,
    HaproxyError,
    Report,
    first_word,
    parse_info,
    parse_resolvers,
    parse_sticks,
)
from vipwarden.node.haproxy.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def report(*sockets: str, timeout: float = 5) -> Report:
    """Ask as a check would, on the blocking driver."""
    net = BlockingNet()
    net.begin(timeout)
    with pytest.raises(StopIteration) as end:
        reader.report(net, [Source(path) for path in sockets]).send(None)
    found: Report = end.value.value
    return found


@contextmanager
def answering(folder: Path, *parts: bytes) -> Iterator[str]:
    """Serve one connection with that answer, and yield the path."""
    path = str(folder / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                for part in parts:
                    connection.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        yield path
        thread.join()


def test_a_real_haproxy_reports_its_servers() -> None:
    """UP, DOWN, in maintenance, and not checked."""
    front, closed = free_ports(2)
    body = f"""
frontend fe
  bind 127.0.0.1:{front}
  default_backend be
backend be
  server up 127.0.0.1:{front} check inter 50
  server down 127.0.0.1:{closed} check inter 50 fall 1
  server maint 127.0.0.1:{front} check disabled
  server plain 127.0.0.1:{front}
"""
    with haproxy(body) as path:
        wait_for(path, "be/down", "DOWN")
        found = report("/nonexistent/socket", path)
    assert found.socket == path
    assert found.info["Version"]
    assert [(row["pxname"], row["status"]) for row in found.of(FRONTEND)] == [("fe", "OPEN")]
    assert [(row["pxname"], row["status"]) for row in found.of(BACKEND)] == [("be", "UP")]
    servers = {row["svname"]: row for row in found.of(SERVER)}
    assert {name: row["status"] for name, row in servers.items()} == {
        "up": "UP",
        "down": "DOWN",
        "maint": "MAINT",
        "plain": "no check",
    }
    assert servers["down"]["check_status"].removeprefix("* ") == "L4CON"


@pytest.mark.parametrize(
    ("status", "word"),
    [("UP 1/3", "UP"), ("DOWN (agent)", "DOWN"), ("MAINT (via be/s)", "MAINT"), ("no check", "UP"), ("DRAIN", "DRAIN")],
)
def test_the_first_word_of_a_status_counts(status: str, word: str) -> None:
    """And a server that is not checked is taken for UP."""
    assert first_word(status) == word


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [(b"", "answered with ''"), (b"Unknown command\n", "Unknown command"), (b"\xff\0\x1b[2J\n", "answered with")],
)
def test_another_answer_is_an_error(tmp_path: Path, answer: bytes, wanted: str) -> None:
    """One line of it is told, without control characters."""
    with answering(tmp_path, answer) as path, pytest.raises(HaproxyError, match=wanted) as error:
        report(path)
    assert str(error.value).isprintable()


def test_an_answer_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its size."""
    monkeypatch.setattr(reader, "MOST_ANSWER", 1000)
    with answering(tmp_path, b"x" * 1001) as path, pytest.raises(HaproxyError, match="does not end its answer"):
        report(path)


def test_a_mute_socket_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    """It accepts, and says nothing."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with pytest.raises(HaproxyError, match="no answer from"):
            report(path, timeout=0.1)


def test_each_socket_is_named_that_does_not_answer(tmp_path: Path) -> None:
    """With its reason."""
    with pytest.raises(HaproxyError, match=rf"{tmp_path}/a .*; {tmp_path}/b "):
        report(f"{tmp_path}/a", f"{tmp_path}/b")


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [": ", "Version", "\n", "a", "\r", "\0", "# table: ", ", ", "Resolvers section ", " nameserver "]
        )
    ).map("".join)
)
def test_any_text_is_read_or_is_a_haproxy_error(text: str) -> None:
    """Nothing else comes out of the readers of "show info", "show table" and "show resolvers"."""
    parse_sticks(text)
    parse_resolvers(text)
    with suppress(HaproxyError):
        assert "Version" in parse_info(text)


@given(st.binary() | st.lists(st.sampled_from([b"# pxname,", b"Version: 1\n", b"\n\n", b",", b"x"])).map(b"".join))
def test_any_answer_is_a_report_or_a_haproxy_error(answer: bytes) -> None:
    """Wherever it was cut."""
    with suppress(HaproxyError):
        assert reader.parsed("socket", answer).info["Version"]


def test_stick_tables_have_a_name_a_type_a_size_and_a_use() -> None:
    """As "show table" writes them; their entries are not asked for."""
    said = "# table: be, type: ip, size:1024, used:3\n# table: x, type: string, size:no, used:1\n\n"
    assert parse_sticks(said) == [("be", "ip", "1024", "3")]


def test_resolvers_have_a_section_a_name_server_and_counters() -> None:
    """As "show resolvers" writes them, which has nothing to tell where there are none."""
    said = (
        "Resolvers section office\n nameserver ns1:\n  sent:        12\n  snd_error:   0\n"
        " nameserver ns:2:\n  sent:        -1\n  nx:          x\n  valid:       7\n"
        "Resolvers section empty\n  sent: 3\n\n"
    )
    assert parse_resolvers(said) == [
        ("office", "ns1", "sent", "12"), ("office", "ns1", "snd_error", "0"), ("office", "ns:2", "valid", "7"),
    ]  # fmt: skip
    assert parse_resolvers("No resolvers found\n\n") == []


def test_what_a_query_holds_is_not_shown() -> None:
    """It may be a token; it is asked for all the same."""
    source = Source("http://127.0.0.1:8404/stats?token=s3cr3t;csv")
    assert source.path == "/stats?token=s3cr3t"
    assert (source.name, str(source)) == ("http://127.0.0.1:8404/stats?...;csv",) * 2
    assert "s3cr3t" not in repr(source)
    assert source != Source("http://127.0.0.1:8404/stats?token=other;csv")
    assert Source("edge=https://lb1/?stats").name == "edge"
