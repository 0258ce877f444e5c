"""Which real servers does a rehearsal stand in for, what do they answer, and what is said of them?"""

from __future__ import annotations

import socket
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearse.checkers import Port
from rehearse.conf import cluster
from rehearse.model.measure import Asked, Behind, Noticed
from rehearse.model.predict import Row, predict
from rehearse.real import real_faults, reals
from rehearse.stage import perform
from rehearse.stage.answer import Answer
from rehearse.stage.asked import add_client
from rehearse.stage.behind import add_reals, services
from rehearse.stage.listener import deafen
from rehearse.stage.loop import Loop
from rehearse.stage.order import order
from rehearse.verdict import verdict
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from pathlib import Path

    from vipwarden.node.keepalived.conf import Block

_CONF = """\
vrrp_instance FRONT {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10/24
    }
}
vrrp_instance BACK {
    interface eth1
    virtual_router_id 52
    virtual_ipaddress {
        198.51.100.1/24
    }
}
virtual_server 192.0.2.10 80 {
    delay_loop 2
    lvs_method NAT
    protocol TCP
    retry 1
    delay_before_retry 1
    sorry_server 198.51.100.49 80
    real_server 198.51.100.41 8080 {
        SSL_GET {
            connect_timeout 3
            url {
                path /alive
                status_code 301-302
                digest 0123456789abcdef0123456789abcdef
            }
        }
    }
    real_server 192.0.2.42 80 {
        SMTP_CHECK {
            connect_timeout 1
            connect_port 25
        }
    }
}
virtual_server fwmark 7 {
    protocol TCP
}
"""


@pytest.fixture
def confs(tmp_path: Path) -> list[tuple[str, str, Block]]:
    """Give two directors."""
    found = []
    for name in ("lb1", "lb2"):
        path = tmp_path / f"{name}.conf"
        path.write_text(_CONF, encoding="ascii")
        found.append((name, str(path), parse(str(path))))
    return found


def test_ports_pages_and_times_are_those_of_the_checkers(confs: list[tuple[str, str, Block]]) -> None:
    """And what cannot be asked or made is told."""
    found = reals([conf for _, _, conf in confs])
    assert found.hosts["198.51.100.41"] == [Port("tcp", 8080, tls=True, pages={"/alive": 301})]
    assert found.hosts["192.0.2.42"] == [Port("tcp", 80), Port("tcp", 25, smtp=True)]
    assert found.learns == 2000 + 2 * (3000 + 1000)
    assert [it.partition(":")[0] for it in found.notes] == [
        "the pages of the real servers are stood in for",
        "virtual_server fwmark 7",
    ]
    names = [it.text([]) for it in real_faults(found, found.services)]
    assert names[:2] == [
        "real server 198.51.100.41:8080: port closed",
        "real server 198.51.100.41:8080: port filtered",
    ]
    assert len(names) == 8


def test_real_servers_stand_on_the_network_of_their_address(confs: list[tuple[str, str, Block]]) -> None:
    """Their replies go by a VIP there, and digests become those of the page that stands in."""
    made = cluster([(name, conf) for name, _, conf in confs], Version("2.2.7"))
    found = reals([conf for _, _, conf in confs])
    wanted = order(made, confs, [], Version("2.2.7"))
    wanted["taken"] = [*found.hosts]
    add_client(made, wanted, [], [ask for _, ask in services(made, found)])
    add_reals(wanted, made, found, real_faults(found, found.services))
    by_address = {it["address"]: it for it in wanted["reals"]}
    networks = wanted["nodes"][0]["interfaces"]
    assert by_address["198.51.100.41"]["network"] == networks["eth1"]
    assert by_address["198.51.100.41"]["gateway"] == "198.51.100.1"
    assert (by_address["192.0.2.42"]["network"], by_address["192.0.2.42"]["gateway"]) == (
        networks["eth0"],
        "192.0.2.10",
    )
    page = md5(wanted["body"].encode(), usedforsecurity=False).hexdigest()
    assert wanted["nodes"][1]["digests"] == [["/rehearsed/lb2.conf", "0123456789abcdef0123456789abcdef", page]]
    assert [it["port"] for it in wanted["asks"]][-1] == 80


def test_without_ipvs_they_are_left_out_with_a_word(
    confs: list[tuple[str, str, Block]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And no fault is of a real server."""
    monkeypatch.setattr(perform, "PATH", str(tmp_path / "none"))
    found = perform.on_stage([conf for _, _, conf in confs])
    assert (found.services, found.notes) == (
        [],
        ["virtual servers are left out: this kernel has no IPVS (modprobe ip_vs)"],
    )


@pytest.mark.parametrize(
    ("lost", "behind", "silent", "word", "reason"),
    [
        (5, Behind("192.0.2.10:80", "198.51.100.41:80", 3000, 1000, 1), False, "good", ""),
        (5, Behind("192.0.2.10:80", "198.51.100.41:80", None, 0, 1), False, "bad", "goes on getting connections"),
        (5, Behind("192.0.2.10:80", "198.51.100.41:80", 3000, None, 1), False, "bad", "gets no connections again"),
        (5, Behind("192.0.2.10:80", "198.51.100.41:80", 30_000, 0, 1), False, "open", "gets connections for 30 s"),
        (50, Behind("192.0.2.10:80", "198.51.100.41:80", 3000, 0, 0), True, "open", "no real server is left"),
        (50, Behind("192.0.2.10:80", "198.51.100.41:80", 3000, 0, 1), True, "bad", "all requests are lost"),
        (50, Behind("192.0.2.10:80", "198.51.100.41:80", 0, None, 0), True, "bad", "before the fault as well"),
    ],
)
def test_what_is_said_of_a_real_server(
    lost: int, behind: Behind, silent: bool, word: str, reason: str, confs: list[tuple[str, str, Block]]
) -> None:
    """By what clients lose, and by what IPVS has."""
    made = cluster([(name, conf) for name, _, conf in confs], Version("2.2.7"))
    well = next(row for row in predict(made) if row.outcome.before and row.outcome.latest.serving)
    quiet = Asked(50, 0, 0, 0, is_silent=False, is_wrong=False)
    during = Asked(50, lost, 0, 0, is_silent=silent, is_wrong=False)
    asked = Noticed(during, during, during) if reason.endswith("as well") else Noticed(quiet, during, quiet)
    found = verdict(Row(well.fault, well.instances, well.outcome, asked, behind=behind), ["lb1", "lb2"])
    assert found.word == word
    assert reason in found.reason


def _answer(**more: Any) -> Answer:
    given = {"protocol": "tcp", "port": 80, "tls": False, "smtp": False, "pages": {"/alive": 301}}
    return Answer(Loop(), "none", {**given, **more}, b"rehearsed\n", "")


def test_a_page_has_the_status_that_its_checker_wants() -> None:
    """Whole requests are answered; mail is greeted."""
    said = _answer()._said
    assert said(b"GET /alive HTTP/1.0\r\n") == (b"", False)
    reply, is_last = said(b"GET /alive HTTP/1.0\r\n\r\n")
    assert is_last
    assert reply.startswith(b"HTTP/1.0 301 ")
    assert reply.endswith(b"\r\n\r\nrehearsed\n")
    assert said(b"GET /other HTTP/1.0\r\n\r\n")[0].startswith(b"HTTP/1.0 200 ")
    assert _answer(smtp=True)._said(b"HELO a\r\n") == (b"250 rehearsed\r\n", False)
    assert _answer(smtp=True)._said(b"QUIT\r\n")[1]


@given(st.binary(max_size=200), st.sampled_from([b"", b"GET ", b"HEAD ", b"GET / HTTP/1.0"]))
def test_what_clients_send_raises_nothing(data: bytes, head: bytes) -> None:
    """Whatever it is."""
    _said(head + data)
    _said(head + data + b"\r\n\r\n")


_said = _answer()._said


def test_a_filtered_port_says_nothing_and_is_open_again() -> None:
    """As behind a firewall that drops."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        deafen(server, broken=True)
        with socket.socket() as client:
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.connect(server.getsockname())
        deafen(server, broken=False)
        socket.create_connection(server.getsockname(), timeout=10).close()
