"""Does a TLS server have a valid certificate, and for how long?"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.tls import tls
from tests.agent.drive import resident
from tests.commands import program, run
from tests.drive import oneshot
from tests.servers import misbehaving
from tests.servers.certificate import Issued, issue, self_signed, shown
from tests.servers.ports import free_ports
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Range, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


DAY = 86400
ROOT = issue("Root CA", authority=True, days=500, identified=True, usage=True)
MIDDLE = issue("Middle CA", ROOT, authority=True, days=10, identified=True, usage=True)
OLD_MIDDLE = issue("Old CA", ROOT, authority=True, days=-1, identified=True, usage=True)
CHAINS: dict[str, tuple[Issued, ...]] = {
    "good": (issue("web.test", ROOT, days=30.5),),
    "soon": (issue("web.test", ROOT, days=3.5),),
    "expired": (issue("web.test", ROOT, days=-2.5),),
    "middle": (issue("web.test", MIDDLE, days=30.5), MIDDLE),
    "no-middle": (issue("web.test", MIDDLE, days=30.5),),
    "old-middle": (issue("web.test", OLD_MIDDLE, days=30.5), OLD_MIDDLE),
    "other": (issue("other.test", ROOT, days=30.5),),
    "self": (issue("web.test", days=30.5),),
    "unused": (issue("web.test", ROOT, days=30.5), OLD_MIDDLE),
    "nasty": (issue("web.test\x1b[2J|\n' evil=1", ROOT, named=False),),
}


class Servers:
    """A server of TLS for each chain, by its name; ``folder`` has the root's file."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = str(ROOT.write(folder / "root.pem"))
        self.ports: dict[str, str] = {}


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Shake hands with each client, and wait for its end."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        try:
            with client, context.wrap_socket(client, server_side=True) as encrypted:
                encrypted.settimeout(20)
                encrypted.recv(1)
        except OSError:
            pass


@contextmanager
def tls_server(chain: Sequence[Issued], folder: Path, **settings: object) -> Iterator[str]:
    """Serve a chain; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*shown(chain, folder))
    for name, value in settings.items():
        setattr(context, name, value)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, context))
        thread.start()
        try:
            yield str(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="module")
def by_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Run a server for each chain, and one of each version of TLS."""
    folder = tmp_path_factory.mktemp("tls")
    made = Servers(folder)
    with ExitStack() as running:
        for name, chain in CHAINS.items():
            made.ports[name] = running.enter_context(tls_server(chain, folder))
        for name, version in (("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)):
            settings = {"minimum_version": version, "maximum_version": version}
            made.ports[name] = running.enter_context(tls_server(CHAINS["good"], folder, **settings))
        yield made


@pytest.mark.parametrize(
    ("name", "more", "state", "text"),
    [
        ("good", "--sni web.test", OK, "TLSv1.3, valid certificate 'web.test', 30 days left (until 20"),
        ("good", "--sni web.test -w 31:", WARNING, "30 days left"),
        ("good", "--sni web.test -w 60: -c 31:", CRITICAL, "30 days left"),
        ("good", "--sni web.test -c 1:398", OK, "30 days left"),
        ("good", "", CRITICAL, "is not valid: IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("good", "--sni web.test --ca-file SELF", CRITICAL, "is not valid: unable to get local issuer certificate"),
        ("good", "--insecure", OK, "unverified certificate 'web.test', 30 days left"),
        ("soon", "--sni web.test -w 21: -c 7:", CRITICAL, "valid certificate 'web.test', 3 days left"),
        ("soon", "--insecure -w 21: -c 2:", WARNING, "3 days left"),
        ("expired", "--sni web.test", CRITICAL, "is not valid: certificate has expired"),
        ("expired", "--insecure -c 0:", CRITICAL, "-3 days left"),
        ("middle", "--sni web.test", OK, "9 days left of its issuer 'Middle CA' (until "),
        ("middle", "--sni web.test -c 21:", CRITICAL, "9 days left of its issuer"),
        ("no-middle", "--sni web.test", CRITICAL, "is not valid: unable to get local issuer certificate"),
        ("old-middle", "--sni web.test", CRITICAL, "is not valid: certificate has expired"),
        ("unused", "--sni web.test", OK, "30 days left (until"),
        ("other", "--sni web.test", CRITICAL, "is not valid: Hostname mismatch"),
        ("other", "--sni other.test", OK, "valid certificate 'other.test'"),
        ("self", "--sni web.test", CRITICAL, "is not valid: self-signed certificate"),
        ("self", "--sni web.test --ca-file SELF", OK, "30 days left"),
        ("nasty", "--insecure", OK, "unverified certificate"),
        ("1.2", "--sni web.test", OK, "TLSv1.2, valid"),
        ("1.2", "--sni web.test --min-version 1.3", CRITICAL, "TLSv1.2, wanted at least TLSv1.3"),
        ("1.3", "--sni web.test --min-version 1.3", OK, "TLSv1.3, valid"),
    ],
)
def test_a_certificate(by_chain: Servers, tmp_path: Path, name: str, more: str, state: State, text: str) -> None:
    """Its chain, its name, its end, and the version of TLS, by the two drivers."""
    words = ["-H", "127.0.0.1", "-p", by_chain.ports[name]]
    own = str(CHAINS["self"][0].write(tmp_path / "self.pem"))
    words += more.replace("SELF", own).split()
    words += [] if "--ca-file" in words or "--insecure" in words else ["--ca-file", by_chain.ca_file]
    for result in (oneshot(tls, *words), resident(tls, *words)):
        assert (result.state, result.expired) == (state, False), result
        assert text in result.text
        assert result.text.isprintable()
        assert all(note.isprintable() for note in result.notes)


def test_the_metric_is_in_seconds_and_its_ranges_too(by_chain: Servers) -> None:
    """Also of a certificate that is not valid."""
    words = ("-H", "127.0.0.1", "-p", by_chain.ports["soon"], "--ca-file", by_chain.ca_file, "-w", "21:", "-c", "@0:7")
    for name, state in (("web.test", CRITICAL), ("other.test", CRITICAL)):
        result = oneshot(tls, *words, "--sni", name)
        left, taken = result.metrics
        assert result.state == state
        assert abs(left.value - 3.5 * DAY) < 600
        assert (left.name, left.uom, left.warn, left.crit) == ("left", "s", Range("1814400:"), Range("@0:604800"))
        assert taken.name == "time"


def test_openssl_is_understood(tmp_path: Path) -> None:
    """Its own server, with a staple that is not looked at."""
    certificate, key = self_signed(tmp_path)
    (port,) = free_ports(1)
    command = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate)]
    command += ["-key", str(key), "-www", "-quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        words = ("-H", "127.0.0.1", "-p", str(port), "--ca-file", str(certificate))
        end = time.monotonic() + 60
        while (result := oneshot(tls, *words)).state != OK and time.monotonic() < end:
            time.sleep(0.02)
        server.terminate()
    assert result.state == OK, result


@pytest.mark.parametrize("serve", [misbehaving.endless, misbehaving.greeting, misbehaving.binary, misbehaving.leaving])
def test_no_tls_at_all(serve: Callable[[], misbehaving.Server]) -> None:
    """Whatever speaks there in its place."""
    with serve() as server:
        result = oneshot(tls, "-H", "127.0.0.1", "-p", str(server.port), "--insecure", "-t", "3")
    assert (result.state, result.expired) == (CRITICAL, False)
    assert result.text.isprintable()


def test_what_cannot_be_meant(tmp_path: Path) -> None:
    """A unix socket has no name of its own; a version that is none; an option that there is not."""
    assert oneshot(tls, "-H", str(tmp_path / "s")).text.endswith("no name to verify, give --sni")
    assert oneshot(tls, "-H", str(tmp_path / "s"), "-p", "443").state == UNKNOWN
    for more in (("--min-version", "1.1"), ("--starttls", "xmpp"), ("--ocsp",)):
        with pytest.raises(UsageError):
            oneshot(tls, "-H", "127.0.0.1", *more)


def test_nagios_sees_the_days(by_chain: Servers, tmp_path: Path) -> None:
    """As perfdata in seconds."""
    words = ("-H", "127.0.0.1", "-p", by_chain.ports["good"], "--ca-file", by_chain.ca_file, "--sni", "web.test")
    ran = run(tmp_path, "check_tls", *words, "-w", "21:", "-c", "7:")
    assert ran.code == 0
    assert ran.out.startswith("TLS OK - 127.0.0.1:")
    assert ";1814400:;604800: time=" in ran.out


# modules that chk_tls loads beside what every chk_ command does
LOADS = """ssl vipwarden.net.file vipwarden.net.target vipwarden.net.tls vipwarden.net.trust vipwarden.protocol
    vipwarden.protocol.tls vipwarden.protocol.tls.certificate vipwarden.protocol.starttls
    vipwarden.protocol.tls.validity"""


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    ca_file = str(ROOT.write(folder / "root.pem"))
    with tls_server(CHAINS["good"], folder) as port:
        yield f"-H 127.0.0.1 -p {port} --sni web.test --ca-file {ca_file}"
