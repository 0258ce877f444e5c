"""Does a DNS server give the right answer? Beside knot and unbound, and against servers that lie."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.rrset
import pytest

from checks.dns_answer import dns_answer
from tests.agent.drive import resident
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from tests.servers.dns import knot, unbound
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOADS = """vipwarden.net.datagram vipwarden.protocol vipwarden.protocol.dns vipwarden.protocol.dns.message
    vipwarden.protocol.dns.names vipwarden.protocol.dns.records vipwarden.protocol.dns.session
    vipwarden.protocol.wire"""


class Ports(NamedTuple):
    """Where the servers listen."""

    authority: int
    resolver: int


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """Run an authority, and a resolver before it."""
    folder = tmp_path_factory.mktemp("dns")
    with knot(folder) as authority, unbound(folder, authority) as resolver:
        yield Ports(authority, resolver)


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with knot(folder) as port:
        yield f"-H 127.0.0.1 -p {port} -q www.example.org -e 192.0.2.11"


def ask(port: int, *arguments: str) -> Result:
    """Ask a server on loopback."""
    return oneshot(dns_answer, "-H", "127.0.0.1", "-p", str(port), *arguments)


class TestRealServers:
    """What knot and unbound say."""

    @pytest.mark.parametrize(
        ("arguments", "state", "text"),
        [
            ("-q www.example.org -A -e 192.0.2.11", OK, "answered 192.0.2.11 ("),
            ("-q web.example.org -e 192.0.2.11", OK, "answered 192.0.2.11 ("),
            ("-q WWW.example.org. -T AAAA -e 2001:DB8:0::11", OK, "answered 2001:db8::11 ("),
            ("-q example.org -T mx", OK, "answered 10 mail.example.org. ("),
            ("-q example.org -T TYPE99", CRITICAL, "has no TYPE99 record of the name"),
            ("-q www.example.org -e 192.0.2.12", CRITICAL, "answered 192.0.2.11, without 192.0.2.12"),
            ("-q away.example.org", CRITICAL, "has no A record of the name"),
            ("-q none.example.org", CRITICAL, "answered NXDOMAIN, not NOERROR"),
            ("-q none.example.org --rcode nxdomain", OK, "answered NXDOMAIN ("),
            ("-q elsewhere.test", CRITICAL, "answered REFUSED, not NOERROR"),
            ("-q www.example.org --ttl 60:300", OK, "answered 192.0.2.11"),
            ("-q www.example.org --ttl 301:", CRITICAL, "answered with a TTL of 300 s, outside of 301:"),
            ("-q www.example.org --tcp --no-edns --no-recursion", OK, "answered 192.0.2.11"),
            ("-q www.example.org -w 1000:", WARNING, "answered 192.0.2.11"),
        ],
    )
    def test_an_authority(self, ports: Ports, arguments: str, state: State, text: str) -> None:
        """Each option is for a fault of its own; both drivers say the same."""
        for drive in (oneshot, resident):
            result = drive(dns_answer, "-H", "127.0.0.1", "-p", str(ports.authority), *arguments.split())
            assert (result.state, text in result.text) == (state, True), result

    def test_text_may_be_given_with_quotes_or_without(self, ports: Ports) -> None:
        """As in a zone file, or as its reader would say it."""
        for text in ('"v=spf1 -all"', "v=spf1 -all"):
            assert ask(ports.authority, "-q", "example.org", "-T", "TXT", "-e", text).state == OK

    def test_what_does_not_fit_comes_by_tcp(self, ports: Ports) -> None:
        """All of it."""
        result = ask(ports.authority, "-q", "big.example.org", "-e", "192.0.2.100", "-e", "192.0.2.249")
        assert result.state == OK
        assert "by TCP after a truncated answer by UDP" in result.notes[0]
        assert {metric.name: metric.value for metric in result.metrics}["answers"] == 150

    def test_a_resolver_is_no_authority(self, ports: Ports) -> None:
        """It answers for others."""
        assert ask(ports.resolver, "-q", "www.example.org").state == OK
        result = ask(ports.resolver, "-q", "www.example.org", "-A")
        assert (result.state, "is no authority of the name" in result.text) == (CRITICAL, True)

    def test_serials_are_compared(self, ports: Ports) -> None:
        """Equal on servers that are in step, and both numbers where they are not."""
        same = ask(ports.authority, "-q", "example.org", "-T", "SOA", "--same-serial", "127.0.0.1")
        assert same.state == OK
        assert "and the same serial is on 1 more" in same.text
        assert {metric.name: metric.value for metric in same.metrics}["serial"] == 2026010101
        with two_serials() as port:
            result = ask(port, "-q", "example.org", "-T", "SOA", "--same-serial", "127.0.0.2")
        assert result.state == CRITICAL
        assert f"serials differ: 7 on 127.0.0.1:{port}, 8 on 127.0.0.2:{port}" in result.text

    def test_a_name_with_several_addresses_is_asked_at_the_next(self, ports: Ports) -> None:
        """127.0.0.1 answers where ::1 is closed."""
        result = oneshot(dns_answer, "-H", "localhost", "-p", str(ports.authority), "-q", "www.example.org")
        assert result.state == OK


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("-H /run/x -q a", "DNS has no unix sockets"),
        ("-H 127.0.0.1 -q a --same-serial 127.0.0.2", "give SOA as record_type"),
        ("-H 127.0.0.1 -q a --rcode NXDOMAIN -e x", "NXDOMAIN comes without"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(dns_answer, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)


def test_a_name_that_is_none_is_refused() -> None:
    """Before anything else."""
    with pytest.raises(UsageError, match="1 to 63 bytes"):
        ask(1, "-q", "a..b")


def test_a_port_where_nobody_listens_is_closed() -> None:
    """The kernel's ICMP says so at once."""
    with servers.closed() as server:
        result = ask(server.port, "-q", "a", "-t", "20")
    assert (result.state, result.expired) == (CRITICAL, False)
    assert "is closed (Connection refused)" in result.text


def answer(asked: bytes, *records: str) -> dns.message.Message:
    """Return an answer with records of zone files."""
    message = dns.message.make_response(dns.message.from_wire(asked))
    message.answer += [dns.rrset.from_text(*record.split(None, 4)) for record in records]  # type: ignore[arg-type]
    return message


@contextmanager
def fake(reply: Callable[[bytes, int], list[bytes]], tcp: servers.Server | None = None) -> Iterator[int]:
    """Answer each datagram, the first as number 0, by datagrams of reply(); beside a server of TCP on the same port."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", tcp.port if tcp else 0))

        def serve() -> None:
            count = 0
            while True:
                data, peer = sock.recvfrom(4096)
                if data == b"end":
                    return
                for datagram in reply(data, count):
                    sock.sendto(datagram, peer)
                count += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            with socket.socket(type=socket.SOCK_DGRAM) as end:
                end.sendto(b"end", sock.getsockname())
            thread.join()


@contextmanager
def two_serials() -> Iterator[int]:
    """Serve a zone at 127.0.0.1 and 127.0.0.2 with serials that differ, at one port."""

    def soa(serial: int) -> Callable[[bytes, int], list[bytes]]:
        record = f"example.org. 60 IN SOA ns. host. {serial} 1 1 1 1"
        return lambda asked, _: [answer(asked, record).to_wire()]

    with fake(soa(7)) as port, socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", port))

        def serve() -> None:
            asked, peer = other.recvfrom(4096)
            other.sendto(soa(8)(asked, 0)[0], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        thread.join()


RIGHT = "a. 60 IN A 192.0.2.1"


class TestLiars:
    """Servers that are silent, forge, cut off or never end."""

    def test_silence_ends_at_the_deadline_after_three_queries(self) -> None:
        """A datagram may be lost, a server that is mute does not answer."""
        queries: list[bytes] = []
        with fake(lambda asked, _: queries.append(asked) or []) as port:  # type: ignore[func-returns-value]
            result = ask(port, "-q", "a", "-t", "0.3")
        assert (result.state, result.expired) == (CRITICAL, True)
        assert "no answer from 127.0.0.1" in result.text
        assert 1 <= len(set(queries)) == 1

    def test_a_lost_datagram_is_sent_again(self) -> None:
        """The answer to the second query is one."""
        with fake(lambda asked, count: [answer(asked, RIGHT).to_wire()] if count else []) as port:
            assert ask(port, "-q", "a", "-t", "2").state == OK

    def test_what_is_forged_is_passed_over(self) -> None:
        """Another id, another question, a query, noise: the right answer comes after them."""

        def reply(asked: bytes, _: int) -> list[bytes]:
            forged = answer(asked, "a. 60 IN A 192.0.2.66").to_wire()
            other = answer(asked[:12] + b"\1b" + asked[14:], "b. 60 IN A 192.0.2.66").to_wire()
            return [bytes([forged[0] ^ 1]) + forged[1:], other, asked, b"", b"noise", answer(asked, RIGHT).to_wire()]

        with fake(reply) as port:
            result = ask(port, "-q", "a", "-e", "192.0.2.1", "-t", "20")
        assert result.state == OK
        assert "192.0.2.66" not in result.text

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda data: data[:-3], "sent a record that is cut short"),
            (lambda data: data[:-6] + b"\xff\xff" + data[-4:], "sent a record that is cut short"),
            (lambda data: data[:6] + b"\xff\xff" + data[8:], "sent a message of 65536 records"),
            (lambda data: data[:6] + b"\0\2" + data[8:], "sent a name that does not end"),
            (lambda data: data[:-16] + b"\xc0\xff" + data[-14:], "a pointer that leads nowhere"),
            (lambda data: data[:-6] + b"\0\3" + data[-3:], "sent an address of a wrong length"),
        ],
    )
    def test_a_broken_answer_is_critical(self, change: Callable[[bytes], bytes], said: str) -> None:
        """With what is wrong in it."""

        def reply(asked: bytes, _: int) -> list[bytes]:
            plain = answer(asked, RIGHT)
            plain.use_edns(False)
            return [change(plain.to_wire())]

        with fake(reply) as port:
            result = ask(port, "-q", "a", "-t", "20")
        assert (result.state, said in result.text) == (CRITICAL, True), result

    def test_what_a_server_says_is_shown_as_one_line(self) -> None:
        """Without what a terminal would obey."""
        record = 'a. 60 IN TXT "\\027[2J\\010\\200 evil"'
        with fake(lambda asked, _: [answer(asked, record).to_wire()]) as port:
            result = ask(port, "-q", "a", "-T", "TXT")
        assert result.state == OK
        assert result.text.isprintable()

    @pytest.mark.parametrize(
        ("behave", "said"),
        [
            (servers.hold, "no answer from"),
            (servers.hang_up, "127.0.0.1"),
            (servers.reset, "127.0.0.1"),
            (servers.answer(b"\xff\xff" + bytes(100)), "no answer from"),
            (servers.answer(b"\0\0"), "sent something that is no answer to the query"),
            (servers.answer(b"\0\x0c" + bytes(12)), "sent something that is no answer to the query"),
            (servers.drip(b"\xff" * 65535, 0.01), "within"),
            (servers.pour, "127.0.0.1"),
        ],
    )
    def test_a_truncated_answer_whose_rest_never_comes(self, behave: servers.Behaviour, said: str) -> None:
        """By TCP there are the same liars."""

        def reply(asked: bytes, _: int) -> list[bytes]:
            short = answer(asked)
            short.flags |= dns.flags.TC
            return [short.to_wire()]

        with servers.Server(behave) as tcp, fake(reply, tcp) as port:
            result = ask(port, "-q", "a", "-t", "0.5")
        assert (result.state, said in result.text) == (CRITICAL, True), result
