"""Do dialog and tls ask postfix and dovecot as clients do, so that no log calls them anything else?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checks.dialog import dialog
from checks.tls import tls
from tests.agent.drive import resident
from tests.drive import oneshot
from tests.servers.certificate import self_signed
from tests.servers.mail import mail
from vipwarden.core.result import CRITICAL, OK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.mail import Mail

_PRESETS = {"smtp": "smtp", "imap": "imap", "pop3": "pop"}
_GREETINGS = {"smtp": "220 mail.test ESMTP", "imap": "* OK ", "pop3": "+OK Dovecot"}
# what the servers write about a client that behaves badly
_BAD = ("lost connection", "pipelining", "SSL_accept error", "SSL_accept() failed", "too many", "timeout", "warning:")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mail, str]]:
    """Run both servers; yield them and the file of their CA."""
    folder = tmp_path_factory.mktemp("mail")
    certificate, key = self_signed(folder)
    with mail(certificate, key) as running:
        yield running, str(certificate)


@pytest.mark.parametrize("protocol", _PRESETS)
def test_a_dialog(real: tuple[Mail, str], protocol: str) -> None:
    """In clear and inside of TLS; the server of another protocol is none."""
    server, ca_file = real
    preset = ("-H", "127.0.0.1", "--preset", _PRESETS[protocol])
    secure = ("--tls", "--sni", "web.test", "--ca-file", ca_file)
    for drive in (oneshot, resident):
        for port, more in ((protocol, ()), (f"{protocol}s", secure)):
            result = drive(dialog, *preset, "-p", str(server.ports[port]), *more)
            assert result.state == OK, result
            assert f"greeting '{_GREETINGS[protocol]}" in result.text
    other = server.ports["imap" if protocol != "imap" else "pop3"]
    result = oneshot(dialog, *preset, "-p", str(other))
    assert (result.state, result.expired) == (CRITICAL, False), result


@pytest.mark.parametrize("protocol", _PRESETS)
def test_a_certificate(real: tuple[Mail, str], protocol: str) -> None:
    """After STARTTLS and from the first byte on."""
    server, ca_file = real
    words = ("-H", "127.0.0.1", "--sni", "web.test", "--ca-file", ca_file)
    for drive in (oneshot, resident):
        for port, more in ((protocol, ("--starttls", protocol)), (f"{protocol}s", ())):
            result = drive(tls, *words, "-p", str(server.ports[port]), *more)
            assert (result.state, "valid certificate 'web.test'" in result.text) == (OK, True), result


def test_no_log_speaks_of_a_bad_client(real: tuple[Mail, str]) -> None:
    """A check that leaves in the middle of a dialog fills the logs of a mail server."""
    server, ca_file = real
    for protocol, preset in _PRESETS.items():
        where = ("-H", "127.0.0.1", "-p", str(server.ports[protocol]))
        before = [log.stat().st_size for log in (server.postfix, server.dovecot)]
        assert oneshot(dialog, *where, "--preset", preset).state == OK
        secure = ("--sni", "web.test", "--ca-file", ca_file)
        assert oneshot(tls, *where, "--starttls", protocol, *secure).state == OK
        for log, start in zip((server.postfix, server.dovecot), before, strict=True):
            said = log.read_bytes()[start:].decode("utf-8", "replace")
            assert not [line for line in said.splitlines() if any(word in line for word in _BAD)]
