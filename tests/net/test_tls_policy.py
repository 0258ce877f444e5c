"""Is a certificate judged the same on every Python and OpenSSL, in a handshake and after it?"""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from keepalived_scripts.notify.deliver import _context
from tests.servers.certificate import Issued, issue, shown
from vipwarden.net.stream import NetError
from vipwarden.net.trust import by_policy, client_context
from vipwarden.protocol.tls.certificate import unverified_context, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAME = "web.test"


class Case(NamedTuple):
    """What a server shows, what is trusted, and what is said of it; nothing where it is valid."""

    chain: tuple[Issued, ...]
    trusted: Issued
    reason: str = ""


def cases() -> Iterator[tuple[str, Case]]:
    """Yield them by name."""
    whole = issue("whole CA", authority=True, identified=True, usage=True)
    bare = issue("bare CA", authority=True)
    lax = issue("lax CA", authority=True, critical=False)
    middle = issue("middle CA", whole, authority=True, identified=True, usage=True)
    leaf = issue("leaf.test", whole, identified=True)
    below = issue(NAME, middle, identified=True)
    own = issue(NAME, whole, identified=True)
    yield "all that RFC 5280 wants", Case((own,), whole)
    yield "no key identifiers, as MySQL makes them", Case((issue(NAME, bare),), bare)
    yield "its common name alone", Case((issue(NAME, bare, named=False),), bare)
    yield "basic constraints that are not critical", Case((issue(NAME, lax),), lax)
    yield "by an intermediate CA", Case((below, middle), whole)
    yield "an intermediate CA is trusted, not its root", Case((below, middle), middle)
    yield "itself is trusted, not who signed it", Case((own,), own)
    yield "self-signed, and trusted", Case((bare_self := issue(NAME),), bare_self)
    yield "by a stranger", Case((own,), bare, "unable to get local issuer certificate")
    yield "run out", Case((issue(NAME, bare, days=-1),), bare, "certificate has expired")
    yield "of another name", Case((issue("other.test", bare),), bare, "Hostname mismatch")
    yield (
        "by who is no CA",
        Case((issue(NAME, leaf), leaf), whole, "invalid CA certificate|unsuitable certificate purpose"),
    )
    weak = rsa.generate_private_key(65537, 1024)
    yield "a key of RSA with 1024 bits", Case((issue(NAME, bare, key=weak),), bare, "EE certificate key too weak")


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_a_certificate_is_judged_the_same_everywhere(name: str, tmp_path: Path) -> None:
    """A check's handshake, the judgement after it, and what notify takes."""
    case = CASES[name]
    ca_file = str(case.trusted.write(tmp_path / "ca.pem"))
    server = served(case.chain, tmp_path)
    of_notify = _context(SimpleNamespace(ca_file=ca_file))
    said = [handshake(server, client_context(ca_file)), judged(case.chain, ca_file), handshake(server, of_notify)]
    for text in said:
        assert bool(text) == bool(case.reason), said
        assert any(reason in text for reason in case.reason.split("|")), said


def test_old_versions_of_tls_are_refused_whatever_the_node_allows(tmp_path: Path) -> None:
    """TLS 1.2 at least, also where the configuration of OpenSSL allows less; and never less than that asks for."""
    case = CASES["self-signed, and trusted"]
    server, ca_file = served(case.chain, tmp_path), str(case.trusted.write(tmp_path / "ca.pem"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.maximum_version = ssl.TLSVersion.TLSv1_1
        for client in (client_context(ca_file), unverified_context()):
            client.set_ciphers("DEFAULT:@SECLEVEL=0")
            assert "PROTOCOL" in handshake(server, client)
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    strict.minimum_version = ssl.TLSVersion.TLSv1_3
    assert by_policy(strict).minimum_version == ssl.TLSVersion.TLSv1_3


def test_a_judgement_leaves_the_connections_of_others_alone(tmp_path: Path) -> None:
    """With the CAs of one that was judged before, TLS 1.3 is spoken to others."""
    case = CASES["all that RFC 5280 wants"]
    ca_file = str(case.trusted.write(tmp_path / "ca.pem"))
    assert judged(case.chain, ca_file) == ""
    server = served(case.chain, tmp_path)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    assert handshake(server, client_context(ca_file)) == ""


def served(chain: Sequence[Issued], folder: Path) -> ssl.SSLContext:
    """Return the settings of a server that shows these certificates, however weak."""
    files = shown(chain, folder)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.load_cert_chain(*files)
    return made


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Let a client and a server of this process shake hands; return why not."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(to_server, to_client, server_side=True)
    here = client.wrap_bio(to_client, to_server, server_hostname=NAME)
    try:
        while not (here.version() and there.version()):
            for side in (here, there):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return error.reason or str(error)
    return ""


def judged(chain: Sequence[Issued], ca_file: str) -> str:
    """Return what is said of the certificate after a handshake that did not look at it, or nothing."""
    try:
        verify([one.der for one in chain], client_context(ca_file, judges=True), NAME, "it")
    except NetError as error:
        return error.text
    return ""
