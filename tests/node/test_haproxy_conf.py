"""Is it found where a HAProxy can be asked?"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.options import UsageError
from vipwarden.node.haproxy import conf as haproxy_conf
from vipwarden.node.haproxy.cfg import lines
from vipwarden.node.haproxy.conf import discover, instances, parse
from vipwarden.node.haproxy.socket import HaproxyError, HaproxyMissingError
from vipwarden.node.haproxy.source import AuthFile, Source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "name", "scheme", "host", "port", "path"),
    [
        ("unix:/run/a.sock", "unix:/run/a.sock", "unix", "", 0, "/run/a.sock"),
        ("edge=unix:///run/a.sock", "edge", "unix", "", 0, "/run/a.sock"),
        ("/run/a.sock", "/run/a.sock", "unix", "", 0, "/run/a.sock"),
        ("tcp://127.0.0.1:9999", "tcp://127.0.0.1:9999", "tcp", "127.0.0.1", 9999, ""),
        ("x=tcp://[::1]:9999", "x", "tcp", "::1", 9999, ""),
        ("http://lb:8404/stats;csv", "http://lb:8404/stats;csv", "http", "lb", 8404, "/stats"),
        ("http://lb/;csv", "http://lb/;csv", "http", "lb", 80, "/"),
        ("s=https://[::1]/haproxy?stats=1;csv", "s", "https", "::1", 443, "/haproxy?stats=1"),
        ("http://lb:1/a=b", "http://lb:1/a=b", "http", "lb", 1, "/a=b"),
    ],
)
def test_a_source_has_a_name_and_a_place(text: str, name: str, scheme: str, host: str, port: int, path: str) -> None:
    """Sockets, TCP and stats pages."""
    source = Source(text)
    assert (source.name, source.scheme, source.host, source.port, source.path) == (name, scheme, host, port, path)


@pytest.mark.parametrize(
    "text",
    [
        *("", "unix:", "unix:run/a", "tcp://a", "tcp://a:0", "tcp://a:1/x", "ftp://a:1", "http://::1:80/"),
        *("unix:/" + "x" * 107, "http://a:99999/", "http://a:1/ b", "tcp://a:x", "run/a.sock", "x=", "http://a:1/\n"),
        "http://:80/",
    ],
)
def test_what_is_no_source_is_refused(text: str) -> None:
    """With what is wanted."""
    with pytest.raises(ValueError, match=r"wanted|followed|brackets|no path"):
        Source(text)


def test_a_password_in_an_address_is_refused_without_being_repeated() -> None:
    """It would be seen in the list of processes."""
    with pytest.raises(UsageError, match="haproxy_auth_file") as error:
        Source("http://admin:secret@lb:8404/stats;csv")
    assert "secret" not in str(error.value)
    assert (AuthFile("x=/etc/a").name, AuthFile("/etc/a").name, AuthFile("/etc/a").path) == ("x", "", "/etc/a")
    with pytest.raises(ValueError, match="absolute path"):
        AuthFile("secret")


def test_the_sockets_are_found_in_the_configuration(tmp_path: Path) -> None:
    """In their order; those over TCP come behind those with a path."""
    conf = tmp_path / "haproxy.cfg"
    conf.write_text(
        "global\n  stats socket ipv4@*:9999 level user\n  stats socket /run/a.sock mode 600 # one\n"
        '  stats socket unix@/run/b.sock level admin\n#  stats socket /no\n  stats   socket "/run/c.sock"\n'
        "  stats timeout 9s\n  stats socket fd@3\n  stats socket $ADDRESS:1\n",
        encoding="utf-8",
    )
    assert discover(str(conf)) == ["/run/a.sock", "/run/b.sock", "/run/c.sock"]
    (found,) = instances(str(conf))
    assert [str(source) for source in found.sources] == [
        "/run/a.sock", "/run/b.sock", "/run/c.sock", "tcp://127.0.0.1:9999",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "url", "user"),
    [
        ("listen s\n bind *:8404\n stats enable\n", "http://127.0.0.1:8404/haproxy?stats;csv", ""),
        ("listen s\n bind 192.0.2.1:80,:81\n stats uri /s\n stats auth a:b\n", "http://192.0.2.1:80/s;csv", "a:b"),
        ("frontend f\n bind [::]:80\n stats uri /\n", "http://[::1]:80/;csv", ""),
        (
            "defaults\n stats auth a:b\n stats auth c:d\nfrontend f\n bind :80\n",
            "http://127.0.0.1:80/haproxy?stats;csv",
            "a:b",
        ),
        ("frontend f\n bind :443 ssl crt x\n bind :80\n stats enable\n", "http://127.0.0.1:80/haproxy?stats;csv", ""),
        ("defaults\n stats enable\ndefaults\nfrontend f\n bind :80\n", "", ""),
        ("frontend f\n bind :80\nbackend b\n stats enable\n", "", ""),
        ("frontend f\n bind :80-89\n bind /run/x\n stats enable\n", "", ""),
    ],
)
def test_a_stats_page_is_found_where_it_can_be_reached(text: str, url: str, user: str) -> None:
    """Without TLS, on loopback if it listens on every address, with its user."""
    (found,) = parse(text)
    assert [str(source) for source in found.sources] == ([url] if url else [])
    assert (found.access.user if found.access and url else "") == user


def test_processes_of_nbproc_are_instances() -> None:
    """Each socket shows one of them."""
    text = "global\n nbproc 2\n stats socket /run/1 process 1\n stats socket /run/2 process 2\n"
    assert [[str(source) for source in one.sources] for one in parse(text)] == [["/run/1"], ["/run/2"]]


def test_a_node_without_haproxy_is_told_from_one_that_hides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a configuration the usual places count."""
    monkeypatch.setattr(haproxy_conf, "DEFAULT_SOCKETS", (f"{tmp_path}/usual",))
    with pytest.raises(HaproxyMissingError, match=r"no haproxy\.cfg at"):
        discover(f"{tmp_path}/none")
    (tmp_path / "haproxy.cfg").write_text("global\n", encoding="utf-8")
    with pytest.raises(HaproxyError, match="add 'stats socket") as error:
        discover(f"{tmp_path}/haproxy.cfg")
    assert not isinstance(error.value, HaproxyMissingError)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/usual")
        assert discover(f"{tmp_path}/none") == [f"{tmp_path}/usual"]


@given(
    st.text()
    | st.lists(
        st.sampled_from(["stats ", "bind ", "\n", "listen ", "uri", " /", "auth ", ":80", "global", "[", "]"])
    ).map("".join)
)
def test_any_configuration_is_read(text: str) -> None:
    """What makes no sense is left out."""
    for one in parse(text):
        assert all(isinstance(source, Source) for source in one.sources)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (".if 0\n a\n.endif\nb", [("b", True)]),
        (".if\n a\n.else\n b\n.endif", [("b", True)]),
        (".if 2\n a\n.elif 1\n b\n.else\n c\n.endif", [("a", True)]),
        (".if defined(X)\n a\n.elif 1\n b\n.else\n c\n.endif", [("a", False), ("b", False)]),
        (".if defined(X)\n a\n.elif 0\n b\n.else\n c\n.endif\nd", [("a", False), ("c", False), ("d", True)]),
        (".if 1\n.if defined(X)\n a\n.endif\n b\n.endif", [("a", False), ("b", True)]),
        (".if 0\n.if 1\n a\n.endif\n b\n.endif", []),
        (".endif\na\n.else\nb\n.endif\nc", [("a", True), ("b", True), ("c", True)]),
    ],
)
def test_lines_of_a_branch_that_never_counts_are_left_out(text: str, wanted: list[tuple[str, bool]]) -> None:
    """Those that HAProxy alone can judge are there, and are not sure."""
    assert [(line.words[0], line.counts) for line in lines(text)] == wanted
