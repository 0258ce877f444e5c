"""What does the page say of the other nodes? Real exporters, and peers as they are on a bad day."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from exporter import peers as module
from exporter.page import Page as View
from exporter.peer import Peer, PeerError, parse
from exporter.peers import Sight
from exporter.sources.vip.source import Vips
from tests.exporter.command import exporter
from tests.exporter.http.certificates import HASH, PASSWORD, USER, Authority
from tests.exporter.render.reading import VIP as SHOWN
from tests.exporter.render.reading import Page, outcomes
from tests.exporter.running import nowhere, request, serving
from tests.servers import misbehaving
from vipwarden.core.options import UsageError
from vipwarden.node.haproxy.source import AuthFile

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from exporter.settings import Settings
    from tests.servers.misbehaving import Behaviour, Server

VIP = "127.0.0.1"  # which every node holds, on lo
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
READ = b'vipwarden_scrape_collector_success{collector="vip"} 1\n'


def keepalived_conf(folder: Path, interface: str) -> str:
    """Write a keepalived.conf whose VIP is held on lo alone, and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / "keepalived.conf"
    instance = f"interface {interface}\nvirtual_router_id 51\nvirtual_ipaddress {{\n{VIP}/8\n}}\n"
    path.write_text(f"vrrp_instance VI_1 {{\n{instance}}}\n")
    return str(path)


def node(folder: Path, interface: str, *peers: str, **others: Any) -> Settings:
    """Return the settings of a node with peers."""
    keepalived_conf(folder, interface)
    return nowhere(folder, peers=tuple(map(Peer, peers)), **others)


def until(port: int, wanted: str) -> str:
    """Open the page until it says this."""
    end = time.monotonic() + 60
    while wanted not in (text := Page(request(port, "/").body).text):
        assert time.monotonic() < end, text
        time.sleep(0.1)
    return text


@pytest.mark.parametrize(
    ("own", "other", "wanted"),
    [
        ("lo", "lo", "split brain VIP 127.0.0.1 also held by lb2"),
        ("lo", "none0", "Nothing is wrong on this node"),
        ("none0", "lo", "held by lb2"),
        ("none0", "none0", "no owner VIP 127.0.0.1 held by nobody of {node}, lb2"),
    ],
)
def test_two_exporters_know_who_holds_a_vip(tmp_path: Path, own: str, other: str, wanted: str) -> None:
    """One of two, both, or nobody."""
    path = keepalived_conf(tmp_path / "lb2", other)
    text = f"exporter:\n  keepalived_conf: {path}\n  haproxy_conf: /nonexistent\n  proc: {tmp_path}/proc\n"
    with exporter(tmp_path / "lb2", text=text) as lb2:
        known = node(tmp_path, own, f"lb2=http://127.0.0.1:{lb2.port}")

        def look(port: int) -> None:
            assert "asking lb2" in Page(request(port, "/").body).text
            until(port, "read lb2 at")
            until(port, wanted.format(node=known.node))

        serving(known, look)


def test_a_peer_that_ends_is_named_and_forgotten_when_it_is_back(tmp_path: Path) -> None:
    """What it held is not known then."""
    path = keepalived_conf(tmp_path / "lb2", "lo")
    text = f"exporter:\n  keepalived_conf: {path}\n  haproxy_conf: /nonexistent\n  proc: {tmp_path}/proc\n"
    with ExitStack() as stack:
        lb2 = stack.enter_context(exporter(tmp_path / "lb2", text=text))

        def look(port: int) -> None:
            until(port, "also held by lb2")
            stack.close()
            assert "also held" not in until(port, "not read peer lb2 does not answer since 20")
            with exporter(tmp_path / "lb2", text=f"{text}  listen: 127.0.0.1:{lb2.port}\n"):
                until(port, "also held by lb2")

        serving(node(tmp_path, "lo", f"lb2=http://127.0.0.1:{lb2.port}"), look)


def test_a_peer_wants_tls_a_certificate_and_a_password(tmp_path: Path) -> None:
    """And what is missing is named."""
    authority = Authority(tmp_path)
    pair, own = authority.sign("server"), authority.sign("lb1")
    both, auth, web = tmp_path / "lb1.pem", tmp_path / "auth", tmp_path / "web.yaml"
    both.write_text(own.certificate.read_text() + own.key.read_text())
    auth.write_text(f"{USER}:{PASSWORD}\n")
    web.write_text(
        f"tls_server_config:\n  cert_file: {pair.certificate}\n  key_file: {pair.key}\n"
        f"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {authority.own.certificate}\n"
        f"basic_auth_users:\n  {USER}: {HASH}\n"
    )
    path = keepalived_conf(tmp_path / "lb2", "lo")
    text = f"exporter:\n  keepalived_conf: {path}\n  haproxy_conf: /nonexistent\n  proc: {tmp_path}/proc\n"
    files = {"peer_ca_file": str(authority.own.certificate), "peer_cert_file": str(both)}
    passwords = {"peer_auth_file": (AuthFile("lb3=/nonexistent"), AuthFile(str(auth)))}
    with exporter(tmp_path / "lb2", "--web-config", str(web), text=text) as lb2:
        for given, wanted in (
            ({**files, **passwords}, "also held by lb2"),
            (files, "tells no VIPs since 20"),
            ({**files, "peer_auth_file": (AuthFile("lb2=/nonexistent"),)}, "cannot read /nonexistent: No such file"),
            ({**files, "peer_cert_file": "/nonexistent"}, "cannot use /nonexistent"),
            (passwords, "is not valid"),
        ):
            known = node(tmp_path, "lo", f"lb2=https://127.0.0.1:{lb2.port}", **given)
            serving(known, lambda port, wanted=wanted: until(port, wanted))  # type: ignore[misc]


def endless(server: Server, client: socket.socket) -> None:
    """Send a page of a gigabyte."""
    client.settimeout(5)
    with suppress(OSError):
        client.sendall(HEAD + READ)
        for _ in range(1 << 10):
            if server.stopped.is_set():
                return
            client.sendall(b"x" * (1 << 20))


def say(data: bytes) -> Behaviour:
    """Say this to a request, and close."""

    def behave(_: Server, client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(data)

    return behave


def test_a_peer_that_keeps_the_connection_open_is_read_by_its_length(tmp_path: Path) -> None:
    """And what comes after that is not."""
    body = READ + b'keepalived_vip_held{iname="a",vrid="51",intf="lo",ip_address="127.0.0.1"} 1\n'
    text = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%bmore" % (len(body), body)
    with misbehaving.Server(misbehaving.answer(text)) as lb2:
        known = node(tmp_path, "lo", f"lb2=http://127.0.0.1:{lb2.port}")
        serving(known, lambda port: until(port, "also held by lb2"))


@pytest.mark.parametrize(
    ("behave", "wanted"),
    [
        (misbehaving.hold, "does not answer since 20"),
        (misbehaving.drip(HEAD, 0.3), "does not answer since 20"),
        (misbehaving.hang_up, "does not answer since 20"),
        (endless, "no end of the page in 1 MiB"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + READ), "short body"),
        (say(b"SSH-2.0-<script>\r\n"), "the answer is no HTTP, but 'SSH-2.0-<script>"),
        (say(HEAD + b"<html><script>"), "tells no VIPs since 20"),
        (say(HEAD + READ.replace(b" 1", b" 0")), "it cannot read its VIPs"),
        (say(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"), "its status is 302"),
        (say(b"HTTP/1.1 401 No\r\n\r\n"), "see peer_auth_file"),
    ],
)
def test_a_hostile_peer_costs_the_page_nothing(tmp_path: Path, behave: Behaviour, wanted: str) -> None:
    """The first page does not wait for it, and a later one says what it does."""

    def look(port: int) -> None:
        first = request(port, "/")
        assert first.status == 200
        assert "asking lb2" in first.body
        until(port, wanted)
        assert "<script>" not in request(port, "/").body

    with misbehaving.Server(behave) as lb2:
        serving(node(tmp_path, "lo", f"lb2=http://127.0.0.1:{lb2.port}"), look)


def test_nobody_asks_a_peer_while_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrapes do not, and many pages ask once."""
    monkeypatch.setattr(module, "_EVERY", 3600.0)

    def look(port: int) -> None:
        for _ in range(5):
            request(port, "/metrics")
        assert [lb2.accepted] == [0]
        for _ in range(5):
            request(port, "/")
        until(port, "does not answer")
        assert [lb2.accepted] == [1]

    with misbehaving.Server(misbehaving.hang_up) as lb2:
        serving(node(tmp_path, "lo", f"lb2=http://127.0.0.1:{lb2.port}"), look)


def test_an_exporter_is_no_peer_of_its_own(tmp_path: Path) -> None:
    """So every node may have the same list."""
    path = keepalived_conf(tmp_path, "lo")
    text = f"exporter:\n  keepalived_conf: {path}\n  haproxy_conf: /nonexistent\n  proc: {tmp_path}/proc\n"
    with misbehaving.Server(misbehaving.hold) as listener:
        port = listener.port
    peers = f"  listen: 127.0.0.1:{port}\n  peers: lb1=http://127.0.0.1:{port}\n"
    with exporter(tmp_path, text=text + peers) as lb1:
        assert "asking lb1" in Page(request(lb1.port, "/").body).text
        until(lb1.port, "Only peers or Prometheus see split brain")


def test_metrics_of_a_peer_are_read_strictly() -> None:
    """By the labels of the exposition format, and nothing where there is no verdict on the collector."""
    lines = (
        b'keepalived_vip_held{iname="a\\",vrid=\\"9",vrid="51",intf="eth0",ip_address="192.0.2.1"} 1\n'
        b'keepalived_vip_held{iname="a",vrid="51",intf="eth1",ip_address="192.0.2.1"} 0\n'
        b'keepalived_vip_held{iname="b",vrid="52",intf="eth0",ip_address="192.0.2.2"} NaN\n'
        b"keepalived_vip_held{ 1\nkeepalived_vip_held\n\xff\xfe\n"
    )
    assert parse(READ + lines, b"own") == {("192.0.2.1", "51"): True, ("192.0.2.2", "52"): False, ("", ""): False}
    for text, why in ((lines, "no exporter"), (b"", "no exporter"), (READ.replace(b" 1", b" 0"), "cannot read")):
        with pytest.raises(PeerError, match=why):
            parse(text, b"own")


@pytest.mark.parametrize(
    ("text", "name", "host", "port", "path"),
    [
        ("https://lb2.example.net", "lb2.example.net", "lb2.example.net", 9877, "/metrics"),
        ("lb2=http://[2001:db8::2]:80/metrics", "lb2", "2001:db8::2", 80, "/metrics"),
        ("lb2=https://proxy/lb2/", "lb2", "proxy", 9877, "/lb2/metrics"),
    ],
)
def test_a_peer_has_a_name_and_an_address(text: str, name: str, host: str, port: int, path: str) -> None:
    """The port is the exporter's own by default."""
    peer = Peer(text)
    assert (peer.name, peer.host, peer.port, f"{peer.prefix}/metrics") == (name, host, port, path)
    assert peer.is_encrypted == ("https" in text)


@pytest.mark.parametrize(
    "text",
    ["lb2", "ftp://lb2", "http://", "http://x:99999", "http://127.1", "http://x/?a", "http://a b", "http://[::1"],
)
def test_what_is_no_address_of_a_peer_is_refused(text: str) -> None:
    """With what is wanted; a password is not repeated."""
    with pytest.raises(ValueError, match=r"wanted|numbers"):
        Peer(text)
    with pytest.raises(UsageError, match="peer_auth_file") as error:
        Peer("http://user:secret@lb2")
    assert "secret" not in str(error.value)


def sights(*held: dict[tuple[str, str], bool] | None) -> list[Sight]:
    """Return lb2 and so on with what they hold."""
    named = [(f"lb{number}", known) for number, known in enumerate(held, 2)]
    return [Sight(name, known, "gone" if known is None else "", 1.0) for name, known in named]


@pytest.mark.parametrize(
    ("peers", "is_held", "wanted"),
    [
        (sights({("192.0.2.9", "51"): True}), True, "✕ split brain VIP 192.0.2.9 also held by lb2"),
        (sights({("192.0.2.9", "52"): True}), True, "0 things"),
        (sights({("192.0.2.9", "51"): True}), False, "0 things"),
        (sights({}, {}), False, "✕ no owner VIP 192.0.2.9 held by nobody of lb1, lb2, lb3"),
        (sights({}, None), False, "1 thing is wrong"),
    ],
)
def test_a_cluster_is_judged_when_it_lasts(show: Any, peers: list[Sight], is_held: bool, wanted: str) -> None:
    """By address and VRID; where a peer is silent nobody can say that a VIP has no owner."""
    first, later = show(peers, is_held, 100.0), show(peers, is_held, 113.0)
    if wanted.startswith("✕"):
        assert wanted.replace("✕", "!") in first
        assert "may be moving just now" in first
        assert wanted in later
    elif wanted.startswith("0"):
        assert "Nothing is wrong on this node" in later
    else:
        assert wanted in later
        assert "? not read peer lb3 does not answer since 1970-01-01" in later
        assert "held by nobody of lb1, lb2 (lb3 not known)" in later


@pytest.fixture(name="show")
def _show(tmp_path: Path) -> Callable[[list[Sight], bool, float], str]:
    view, known = View(), replace(nowhere(tmp_path), node="lb1")

    def show(peers: list[Sight], is_held: bool, when: float) -> str:
        given = outcomes(when, vip=Vips([(SHOWN, is_held)], []))
        return Page(view.write(given, known, peers=peers).decode()).text

    return show
