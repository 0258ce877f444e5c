"""How is the exporter of another node asked for its VIPs?"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporter.fetch import fetch, user_and_password
from vipwarden.core.options import UsageError
from vipwarden.core.values import Host
from vipwarden.net.blocking import BlockingNet
from vipwarden.net.stream import NetError
from vipwarden.net.trust import by_policy, client_context

if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.source import AuthFile

DEADLINE = 2.5  # seconds for a request
_WANTED = "[NAME=]http://HOST[:PORT] or [NAME=]https://HOST[:PORT] is wanted"
_PORT = 9877
_METRICS = "/metrics?collect%5B%5D=vip"
_MOST_BYTES = 1 << 20
_HELD = b"keepalived_vip_held{"
_LABEL = re.compile(rb'(\w+)="((?:[^"\\]|\\.)*)"')
_READ = b'vipwarden_scrape_collector_success{collector="vip"} '


class Peer(str):
    """The exporter of another node: ``[NAME=]http[s]://HOST[:PORT][/PREFIX]``; ``name`` is by default its host."""

    __slots__ = ("host", "is_encrypted", "name", "port", "prefix")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with the expected form."""
        name, _, address = text.rpartition("=")
        try:
            url = urlsplit(address)
            self.port = url.port or _PORT
        except ValueError:
            raise ValueError(_WANTED) from None
        if "@" in url.netloc:  # a text of its own: the password is not repeated
            raise UsageError("user and password of a peer belong into peer_auth_file, not into its address")
        is_plain = text.isascii() and text.isprintable() and " " not in text and not (url.query or url.fragment)
        if not is_plain or url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(_WANTED)
        self.host = Host(url.hostname)
        self.is_encrypted = url.scheme == "https"
        self.name = name or self.host
        self.prefix = url.path.rstrip("/").removesuffix("/metrics")


@dataclass(frozen=True, slots=True)
class Access:
    """What peers ask for: passwords, and a certificate; and the CAs that verify them (None: the system's)."""

    auth_files: tuple[AuthFile, ...] = ()
    ca_file: str | None = None
    cert_file: str | None = None


Held = Mapping[tuple[str, str], bool]  # by address and VRID


class PeerError(Exception):
    """A peer answers, but without its VIPs."""


class OwnError(Exception):
    """The peer is this exporter itself."""


def read(peer: Peer, access: Access, own: bytes) -> Held:
    """Ask a peer, within the deadline; raises NetError, PeerError, AuthFileError and OwnError."""
    return parse(answer(peer, access, _METRICS), own)


def answer(peer: Peer, access: Access, path: str, most: int = _MOST_BYTES) -> bytes:
    """Return what a peer answers to a path, at most so many bytes; raises NetError, PeerError and AuthFileError."""
    net = BlockingNet()
    net.begin(DEADLINE)
    try:
        _answer(net, peer, access, path, most).send(None)
    except StopIteration as end:
        text: bytes = end.value
        return text
    raise RuntimeError("a request waited for something other than its Net")


async def _answer(net: Net, peer: Peer, access: Access, path: str, most: int) -> bytes:
    def judge(status: int) -> None:
        if status == 401:
            raise PeerError("it wants a user and a password, see peer_auth_file (status 401)")
        if status != 200:
            raise PeerError(f"its status is {status}")

    user = user_and_password(access.auth_files, peer.name)
    context = _context(access) if peer.is_encrypted else None
    where = peer.host, peer.port, peer.prefix + path
    return await fetch(net, *where, judge=judge, most=most, user=user, context=context)


def _context(access: Access) -> ssl.SSLContext:
    if access.cert_file is None:
        return client_context(access.ca_file)
    try:
        context = by_policy(ssl.create_default_context(cafile=access.ca_file))
        context.load_cert_chain(access.cert_file, password="")  # nobody is there to type it
    except OSError as error:
        files = " or ".join(filter(None, (access.cert_file, access.ca_file)))
        raise NetError("local", f"cannot use {files}: {error.strerror or error}") from None
    return context


def parse(text: bytes, own: bytes) -> Held:
    """Return the VIPs of an exporter's metrics; raises PeerError and OwnError."""
    lines = text.split(b"\n")
    if own in lines:
        raise OwnError
    if _READ + b"1" not in lines:
        raise PeerError("it cannot read its VIPs" if _READ + b"0" in lines else "it is no exporter of vipwarden")
    held: dict[tuple[str, str], bool] = {}
    for line in lines:
        if line.startswith(_HELD):
            labels = dict(_LABEL.findall(line))
            key = labels.get(b"ip_address", b"").decode("utf-8", "replace"), labels.get(b"vrid", b"").decode("latin-1")
            held[key] = held.get(key, False) or line.endswith(b"} 1")
    return held
