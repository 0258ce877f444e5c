"""Which real servers by UDP and by IPv6 does a rehearsal stand in for, and how are they asked?"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from rehearse.checkers import Port
from rehearse.conf import cluster
from rehearse.real import real_faults, reals
from rehearse.stage import answer, listener, request
from rehearse.stage.answer import Answer, Datagrams
from rehearse.stage.asked import add_client
from rehearse.stage.behind import add_reals, services
from rehearse.stage.loop import Loop
from rehearse.stage.order import order
from rehearse.stage.reals import RealServers
from rehearse.stage.request import DNS, TCP, UDP, Request
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vipwarden.node.keepalived.conf import Block

_CONF = """\
vrrp_instance FRONT {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10/24
    }
    virtual_ipaddress_excluded {
        2001:db8::10
        2001:db8:1::1/64 dev eth1
    }
}
virtual_server_group NAMES {
    192.0.2.10 5353
    2001:db8::10 53
    fwmark 7
}
virtual_server group NAMES {
    real_server 192.0.2.41 5353 {
        DNS_CHECK {
        }
    }
}
virtual_server 2001:db8::10 5000 {
    lvs_method DR
    protocol UDP
    real_server 2001:db8::43 5000 {
        UDP_CHECK {
            payload 70 696e67
            require_reply 7 06XfxX
            min_reply_length 6
        }
    }
    real_server 2001:db8::44 5000 {
        FILE_CHECK {
            track_file it
        }
    }
}
virtual_server 2001:db8::10 80 {
    protocol TCP
    real_server 2001:db8:1::41 80 {
        PING_CHECK {
        }
    }
}
virtual_server 192.0.2.10 0 {
    protocol TCP
    persistence_timeout 60
    real_server 192.0.2.41 0 {
        TCP_CHECK {
            connect_port 22
        }
    }
}
virtual_server 192.0.2.99 5060 {
    protocol SCTP
}
virtual_server 192.0.2.98 80 {
    protocol TCP
}
"""


@pytest.fixture
def confs(tmp_path: Path) -> list[tuple[str, str, Block]]:
    """Give two directors."""
    path = tmp_path / "keepalived.conf"
    path.write_text(_CONF, encoding="ascii")
    return [(name, str(path), parse(str(path))) for name in ("lb1", "lb2")]


def test_ports_replies_and_what_no_client_asks(confs: list[tuple[str, str, Block]]) -> None:
    """A virtual server without protocol is one of UDP; each left out has its reason."""
    found = reals([conf for _, _, conf in confs])
    assert [it.text for it in found.services] == [
        *("192.0.2.10:5353/udp", "[2001:db8::10]:53/udp", "[2001:db8::10]:5000/udp"),
        *("[2001:db8::10]:80", "192.0.2.98:80"),
    ]
    assert found.hosts == {
        "192.0.2.41": [Port("udp", 5353, dns=True), Port("tcp", 5353), Port("tcp", 22)],
        "2001:db8::43": [Port("udp", 5000, replies={"70696e67": "07060f000000"})],
        "2001:db8::44": [Port("udp", 5000)],
        "2001:db8:1::41": [Port("tcp", 80)],
    }
    assert [it.replace(f"{confs[0][1]}:", "") for it in found.notes] == [
        "virtual_server group NAMES: no client asks it: the rules of a firewall that set its mark are not on the stage",
        "34: FILE_CHECK: nobody writes its file on a stage: it goes on saying what it says",
        "virtual_server 192.0.2.10 0: no client asks it: it has all ports",
        "virtual_server 192.0.2.99 5060: no client asks it: it speaks SCTP",
        "virtual_server 192.0.2.98:80: no client asks it: no vrrp_instance has its VIP",
    ]


def test_nodes_get_addresses_of_the_family_of_their_real_servers(confs: list[tuple[str, str, Block]]) -> None:
    """Checks come from there: the VIP of direct routing is on the real servers as well."""
    made = cluster([(name, conf) for name, _, conf in confs], Version("2.2.7"))
    found = reals([conf for _, _, conf in confs])
    wanted = order(made, confs, [], Version("2.2.7"))
    wanted["taken"] = [*found.hosts]
    asked = services(made, found)
    add_client(made, wanted, [], [ask for _, ask in asked])
    faults = real_faults(found, [it for it, _ in asked])
    add_reals(wanted, made, found, faults)
    assert [ask.speaks for _, ask in asked] == [DNS, DNS, UDP, TCP]
    assert "real server [2001:db8::43]:5000: answers nothing" in [it.text([]) for it in faults]
    node = wanted["nodes"][1]
    assert node["addresses"]["eth0"] == ["192.0.2.244/24", "fd00:5e5e:0::2/64"]
    assert node["addresses"]["eth1"][1].startswith("2001:db8:1:")
    assert node["routes"]["eth0"] == ["2001:db8::43", "2001:db8::44"]
    by_address = {it["address"]: it for it in wanted["reals"]}
    direct, nat = by_address["2001:db8::43"], by_address["2001:db8:1::41"]
    assert (direct["vips"], direct["length"], direct["gateway"]) == (["2001:db8::10"], 128, "")
    assert "fd00:5e5e::2" in direct["nodes"]
    assert (nat["vips"], nat["length"], nat["gateway"]) == ([], 64, "2001:db8:1::1")


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    """Give a thread whose sockets are in this namespace."""

    def opened(_: str, *kind: Any) -> socket.socket:
        sock = socket.socket(*kind)
        sock.setblocking(False)
        return sock

    for module in (answer, listener, request):
        monkeypatch.setattr(module, "open_in", opened)
    made = Loop()
    made.start()
    return made


def _port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(("vip", "speaks"), [("127.0.0.2", UDP), ("127.0.0.3", DNS), ("::1", UDP)])
def test_a_request_by_udp_is_answered_from_the_address_that_was_asked(loop: Loop, vip: str, speaks: str) -> None:
    """And is lost where the port is closed, filtered or says nothing."""
    port = _port()
    server = Datagrams(loop, "", {"port": port, "dns": speaks == DNS, "replies": {}})
    log: list[Any] = []
    waiting: set[Request] = set()

    def answered() -> bool:
        loop.ask(lambda: Request(loop, {"vip": vip, "port": port, "speaks": speaks}, waiting, log).send(""))
        end = time.monotonic() + 20
        while waiting and time.monotonic() < end:
            time.sleep(0.01)
        return bool(log.pop()[2])

    acts: list[tuple[Callable[[], None], bool]] = [
        *((server.open, True), (server.filter, False), (server.open, True), (server.mute, False)),
        *((server.open, True), (server.close, False)),
    ]
    for act, good in acts:
        loop.ask(act)
        assert answered() is good, act


def test_a_client_that_is_gone_before_tls_begins_leaves_nothing(loop: Loop) -> None:
    """Its socket is closed where it is wrapped; the next one has its number."""

    class Gone:
        def wrap_socket(self, sock: socket.socket, **_: object) -> None:
            sock.close()
            raise ssl.SSLError("Closed before TLS handshake with data in recv buffer.")

    with socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::", 0))
        port = sock.getsockname()[1]
    given = {"port": port, "tls": True, "smtp": False, "pages": {}}
    server = Answer(loop, "", given, b"", "")
    server._context = Gone()  # type: ignore[assignment]
    loop.ask(server.open)
    known = {*loop._handlers}
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.send(b"\x16")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert loop.ask(lambda: {*loop._handlers}) == known


def test_a_host_that_comes_back_has_its_address_again() -> None:
    """The kernel forgets those of IPv6 when a link goes down."""
    real = {"address": "2001:db8::44", "length": 64, "vips": ["2001:db8::20"], "network": 0, "front": 1, "ports": []}
    host = RealServers(Loop(), {"reals": [real], "nodes": [], "body": ""}, 0, "")
    assert [*host._again(real)] == [
        "address replace 2001:db8::44/64 dev e0 nodad",
        "address replace 2001:db8::44/128 dev e1 nodad",
    ]


def test_what_udp_check_requires_is_answered_and_a_query_by_a_name_server() -> None:
    """Other datagrams come back as they are."""
    said = Datagrams(Loop(), "", {"port": 53, "dns": False, "replies": {"70696e67": "706f6e67"}})._said
    assert said(b"ping") == b"pong"
    assert said(b"other") == b"other"
    query = request._SAYS[DNS]
    assert said(query)[:4] == query[:2] + b"\x81\x80"
    always = Datagrams(Loop(), "", {"port": 9, "dns": False, "replies": {"": "00"}})._said
    assert always(b"ping") == b"\0"
