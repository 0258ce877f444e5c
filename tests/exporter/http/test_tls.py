"""Does the web configuration hold on the wire? Real handshakes with certificates of a real openssl."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from exporter.http.answers import HEALTHY
from exporter.http.gate import Limits
from tests.commands import program
from tests.exporter.http.certificates import HASH, PASSWORD, USER, Authority, Pair
from tests.exporter.http.test_auth import RIGHT
from tests.exporter.running import nowhere, request, samples, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exporter.settings import Settings

PATHS = ("/", "/metrics", "/static/page.css", "/-/healthy", "/-/ready", "/nothing")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority and the certificate of a server."""
    made = Authority(tmp_path_factory.mktemp("tls"))
    made.sign("server")
    return made


@pytest.fixture(scope="module")
def clients(authority: Authority) -> dict[str, Pair | None]:
    """Make certificates of clients."""
    stranger = Authority(authority.folder, "stranger")
    alone = Authority(authority.folder, "self-signed").own
    return {
        "none": None,
        "good": authority.sign("good", "DNS:prometheus.test"),
        "other": authority.sign("other-name", "DNS:other.test"),
        "address": authority.sign("address", "IP:2001:db8::1"),
        "uri": authority.sign("uri", "URI:spiffe://lb/x"),
        "old": authority.sign("old", "DNS:prometheus.test", old=True),
        "alone": alone,
        "stranger": stranger.sign("stranger-client", "DNS:prometheus.test"),
    }


@pytest.fixture
def secured(authority: Authority, tmp_path: Path) -> Callable[[str], Settings]:
    """Return what makes settings with a web configuration."""

    def make(text: str) -> Settings:
        path = authority.folder / "web.yaml"
        path.write_text(f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{text}")
        return nowhere(tmp_path, web_config=str(path))

    return make


def client(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    """Return a client that trusts the authority and may have a certificate of its own."""
    made = ssl.create_default_context(cafile=str(authority.own.certificate))
    if pair is not None:
        made.load_cert_chain(pair.certificate, pair.key)
    return made


def get(port: int, context: ssl.SSLContext, path: str = "/-/healthy", headers: Mapping[str, str] | None = None) -> int:
    """Return the status, or 0 where no answer was given."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        response.read()
        return response.status
    except (ssl.SSLError, ConnectionError):
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "let_in"),
    [
        ("NoClientCert", {"none", "good", "other", "address", "uri", "old", "alone", "stranger"}),
        ("VerifyClientCertIfGiven\n  client_ca_file: ca.crt", {"none", "good", "other", "address", "uri"}),
        ("RequireAndVerifyClientCert\n  client_ca_file: ca.crt", {"good", "other", "address", "uri"}),
        (
            "RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans: [prometheus.test]",
            {"good"},
        ),
        (
            "RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans: ['2001:db8::1', 'spiffe://lb/x']",
            {"address", "uri"},
        ),
        ("RequireAndVerifyClientCert\n  client_ca_file: self-signed.crt", {"alone"}),
    ],
)
@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
def test_client_certificates_are_asked_for_as_told(
    secured: Callable[[str], Settings],
    authority: Authority,
    clients: dict[str, Pair | None],
    kind: str,
    let_in: set[str],
    version: str,
) -> None:
    """Each kind lets in whom it lets in with Go; a self-signed certificate is its own authority."""

    def work(port: int) -> set[str]:
        return {name for name, pair in clients.items() if get(port, client(authority, pair)) == 200}

    assert serving(secured(f"  max_version: {version}\n  client_auth_type: {kind}\n"), work) == let_in


def test_curl_is_served_over_tls(secured: Callable[[str], Settings], authority: Authority) -> None:
    """It verifies the certificate, and does not get in without TLS."""

    def work(port: int) -> tuple[bytes, int]:
        curl = [program("curl"), "-sS", "--cacert", str(authority.own.certificate)]
        done = subprocess.run([*curl, f"https://127.0.0.1:{port}/-/healthy"], capture_output=True, check=True)
        plain = subprocess.run([*curl, f"http://127.0.0.1:{port}/-/healthy"], capture_output=True, check=False)
        return done.stdout, plain.returncode

    assert serving(secured(""), work) == (HEALTHY, 52)  # an empty reply


@pytest.mark.parametrize(
    ("text", "offer", "agreed"),
    [
        ("", {}, "TLSv1.3"),
        ("  max_version: TLS12\n", {}, "TLSv1.2"),
        ("  min_version: TLS13\n", {"maximum_version": ssl.TLSVersion.TLSv1_2}, ""),
        ("", {"maximum_version": ssl.TLSVersion.TLSv1_1}, ""),
        ("  min_version: TLS10\n", {"maximum_version": ssl.TLSVersion.TLSv1_1}, "TLSv1.1"),
        ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", {"maximum_version": ssl.TLSVersion.TLSv1_2}, ""),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_versions_are_held_to(
    secured: Callable[[str], Settings],
    authority: Authority,
    text: str,
    offer: dict[str, ssl.TLSVersion],
    agreed: str,
) -> None:
    """From TLS 1.2 on, unless the operator asks for older ones."""

    def work(port: int) -> str:
        context = client(authority)
        for name, value in offer.items():
            setattr(context, name, value)
        if context.maximum_version == ssl.TLSVersion.TLSv1_1:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        try:
            with (
                socket.create_connection(("127.0.0.1", port), 10) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
            ):
                return tls.version() or ""
        except (ssl.SSLError, ConnectionError):
            return ""

    assert serving(secured(text), work) == agreed


@pytest.mark.parametrize(
    ("text", "options", "agreed"),
    [
        ("max_version: TLS12", [], "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("max_version: TLS12", ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "(NONE)"),
    ],
)
def test_suites_are_those_that_are_named(
    secured: Callable[[str], Settings], authority: Authority, text: str, options: list[str], agreed: str
) -> None:
    """By openssl's own client."""
    text += "\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"

    def work(port: int) -> str:
        command = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *options]
        done = subprocess.run(command, input=b"", capture_output=True, check=False)
        return next(line.split()[-1] for line in done.stdout.decode("latin-1").splitlines() if "Cipher is" in line)

    assert serving(secured(f"  {text}\n"), work) == agreed


def test_a_new_certificate_is_shown_without_a_restart(
    secured: Callable[[str], Settings], authority: Authority, tmp_path: Path
) -> None:
    """To new connections at once; an open one is answered once more and closed."""
    known = secured("")
    said: list[str] = []

    def work(port: int) -> tuple[list[str | None], int, int]:
        held = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=client(authority))
        held.request("GET", "/-/healthy")
        first = held.getresponse()
        first.read()
        renewed = authority.sign("renewed", "DNS:renewed.test,IP:127.0.0.1")
        renewed.certificate.rename(authority.folder / "server.crt")
        renewed.key.rename(authority.folder / "server.key")
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            client(authority).wrap_socket(plain, server_hostname="renewed.test") as tls,
        ):
            assert tls.getpeercert()
        held.request("GET", "/-/healthy")
        second = held.getresponse()
        second.read()
        held.close()
        return [first.headers["Connection"], second.headers["Connection"]], first.status, second.status

    assert serving(known, work, say=said.append) == ([None, "close"], 200, 200)
    assert said[-1].endswith("web.yaml: read again")
    authority.sign("server")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_behind_the_password(secured: Callable[[str], Settings], authority: Authority, path: str) -> None:
    """As exporter-toolkit has it, with the health and what is not there as well."""
    known = secured(f"basic_auth_users:\n  {USER}: {HASH}\n")

    def work(port: int) -> list[int]:
        headers = [{}, {"Authorization": "Basic eDp5"}, {"Authorization": RIGHT}]
        return [get(port, client(authority), path, one) for one in headers]

    assert serving(known, work) == [401, 401, 404 if path == "/nothing" else 200]


def test_curl_gets_in_by_its_password(secured: Callable[[str], Settings], authority: Authority) -> None:
    """And is told how to ask for it."""
    known = secured(f"basic_auth_users:\n  {USER}: {HASH}\n")

    def work(port: int) -> tuple[str, str]:
        url = f"https://127.0.0.1:{port}/-/healthy"
        curl = [program("curl"), "-sS", "--cacert", str(authority.own.certificate), "-D", "-", url]
        config = f'user = "{USER}:{PASSWORD}"\n'.encode()
        refused = subprocess.run(curl, capture_output=True, check=True).stdout.decode()
        done = subprocess.run([*curl, "-K", "-"], input=config, capture_output=True, check=True)
        return refused, done.stdout.decode()

    refused, done = serving(known, work)
    assert 'WWW-Authenticate: Basic realm="vipwarden", charset="UTF-8"' in refused
    assert done.endswith(HEALTHY.decode())


def test_its_headers_and_its_rate_limit_are_kept(tmp_path: Path) -> None:
    """The limit counts every request, and lets a burst pass."""
    path = tmp_path / "web.yaml"
    path.write_text(
        "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: default-src 'self'}}\n"
        "rate_limit: {interval: 1h, burst: 3}\n"
    )

    def work(port: int) -> list[tuple[int, str | None, str | None]]:
        answers = [request(port, "/-/healthy") for _ in range(4)]
        return [(one.status, one.headers["X-Frame-Options"], one.headers["Content-Security-Policy"]) for one in answers]

    given = "deny", "default-src 'self'"
    assert serving(nowhere(tmp_path, web_config=str(path)), work) == [(200, *given)] * 3 + [(429, *given)]


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_nobody_gets_in_while_the_file_is_written_again_and_again(
    authority: Authority, tmp_path: Path, is_encrypted: bool
) -> None:
    """In place, byte by byte, with an empty file before and a stop in the middle, under requests without a password."""
    path = authority.folder / "rewritten.yaml"
    tls = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n" if is_encrypted else ""
    whole = f"# who may ask\nhttp_server_config:\n  http2: false\n{tls}basic_auth_users:\n  {USER}: {HASH}\n"
    path.write_text(whole)
    is_over = threading.Event()
    answers: Counter[int] = Counter()
    tries: list[int] = []

    def get_in(port: int) -> None:
        while not is_over.is_set():
            tries.append(port)
            with suppress(OSError, http.client.HTTPException):
                answers[request(port, "/-/healthy").status] += 1

    def work(port: int) -> int:
        askers = [threading.Thread(target=get_in, args=(port,)) for _ in range(4)]
        for asker in askers:
            asker.start()
        number, deadline = 0, time.monotonic() + 60
        while len(tries) < 200 and time.monotonic() < deadline:
            number += 1
            with path.open("w") as file:
                for place in range(0, len(whole), 7):
                    file.write(whole[place : place + 7])
                    file.flush()
            if number % 3 == 0:
                path.write_text("")
        path.write_text(whole)
        is_over.set()
        for asker in askers:
            asker.join()
        if is_encrypted:
            return get(port, client(authority), headers={"Authorization": RIGHT})
        return request(port, "/-/healthy", headers={"Authorization": RIGHT}).status

    said: list[str] = []
    assert serving(nowhere(tmp_path, web_config=str(path)), work, say=said.append) == 200
    assert set(answers) == (set() if is_encrypted else {401})
    assert is_encrypted or answers[401] > 150
    assert len(said) < 25


@pytest.mark.parametrize("text", ["", "http_server_config: {http2: false}\n", "basic_auth_users:\n"])
def test_a_file_that_lost_its_users_lets_nobody_in(tmp_path: Path, text: str) -> None:
    """And is told of by a metric, until it is whole again."""
    path = tmp_path / "web.yaml"
    whole = f"basic_auth_users: {{{USER}: {HASH}}}\n"
    path.write_text(whole)

    def current(port: int) -> float:
        body = request(port, "/metrics", headers={"Authorization": RIGHT}).body
        return samples(body)["vipwarden_exporter_web_config_current", ()]

    def work(port: int) -> list[float]:
        found = [current(port)]
        path.write_text(text)
        found += [request(port, "/metrics").status, current(port)]
        path.write_text(whole)
        return [*found, current(port)]

    assert serving(nowhere(tmp_path, web_config=str(path)), work) == [1, 401, 0, 1]


def test_failed_handshakes_are_counted_and_logged(
    secured: Callable[[str], Settings], authority: Authority, clients: Mapping[str, Pair | None]
) -> None:
    """Once a minute for each address and reason, whatever the client sends."""
    known = secured(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
        "  client_allowed_sans: [prometheus.test]\n"
    )
    good = client(authority, clients["good"])

    def work(port: int) -> str:
        for name in ("none", "stranger", "old", "other"):
            for _ in range(3):
                assert get(port, client(authority, clients[name])) == 0
        with suppress(OSError, http.client.HTTPException):
            request(port, "/metrics")  # without TLS
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=good)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    said: list[str] = []
    found = samples(serving(known, work, say=said.append))
    assert found["vipwarden_exporter_tls_handshake_failures_total", ("tls",)] == 10
    assert found["vipwarden_exporter_tls_handshake_failures_total", ("certificate",)] == 3
    lines = [line for line in said if line.startswith("TLS: 127.0.0.1: ")]
    assert 4 <= len(lines) <= 5
    for words in ("peer did not return a certificate", "certificate verify failed", "client_allowed_sans"):
        assert any(words in line for line in lines), lines


def test_a_handshake_that_is_not_finished_ends_in_time(secured: Callable[[str], Settings]) -> None:
    """Also one that is only begun, and one that is no handshake."""

    def work(port: int) -> list[bytes]:
        found = []
        for words in (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), 10) as plain:
                plain.sendall(words)
                try:
                    found.append(plain.recv(64))
                except ConnectionError:
                    found.append(b"")
        return found

    assert all(b"HTTP" not in one for one in serving(secured(""), work, limits=Limits(header=0.2)))
