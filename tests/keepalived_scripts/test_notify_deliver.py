"""Do mails and webhooks arrive, again and again where they must, and without a secret in the wrong place?"""

from __future__ import annotations

import subprocess
import time
from email import message_from_string
from typing import TYPE_CHECKING

import pytest

from keepalived_scripts.notify.deliver import NeverError, as_json
from keepalived_scripts.notify.deliver import webhook as webhook_out
from keepalived_scripts.notify.event import Event
from keepalived_scripts.notify.settings import Place, settings
from tests.commands import program, shell
from tests.keepalived_scripts.mail_server import mail_server
from tests.keepalived_scripts.service import must_come
from tests.keepalived_scripts.site import Site
from tests.keepalived_scripts.webhook_server import DRIPPING, RESET, SILENT, webhook
from tests.servers.certificate import self_signed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give a site whose outbox need not be empty in the end."""
    return Site(tmp_path)


def secret(site: Site, name: str, text: str) -> Path:
    """Write a file that only root can read."""
    path = site.folder / name
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    return path


def test_a_mail_goes_out_encrypted_and_logged_in(site: Site) -> None:
    """With what there is to know, and no password anywhere."""
    certificate = self_signed(site.folder)
    password = secret(site, "password", "right")
    with mail_server(certificate) as server:
        site.configure(
            "mail_to: [ops@example.org, night@example.org]", "mail_from: lb@example.org", "smtp_host: 127.0.0.1",
            f"smtp_port: {server.port}", "smtp_user: me", f"smtp_password_file: {password}",
            f"ca_file: {certificate[0]}",
        )  # fmt: skip
        site("INSTANCE", "V1", "MASTER", "100")
        must_come(lambda: bool(server.mails))
    mail = message_from_string(server.mails[0])
    assert (mail["From"], mail["To"]) == ("lb@example.org", "ops@example.org, night@example.org")
    assert str(mail["Subject"]).endswith("INSTANCE V1 MASTER")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "state: MASTER" in mail.get_payload()
    assert server.logins == ["me:right"]
    must_come(site.idle)


def test_a_certificate_that_is_not_trusted_gets_no_password(site: Site) -> None:
    """Nor does a server that offers no encryption."""
    for certificate in (self_signed(site.folder), None):
        with mail_server(certificate) as server:
            site.configure(
                "mail_to: ops@example.org", "smtp_host: 127.0.0.1", f"smtp_port: {server.port}", "smtp_user: me",
                f"smtp_password_file: {secret(site, 'password', 'right')}", "retry_for: 0.1",
            )  # fmt: skip
            site("INSTANCE", "V1", "MASTER" if certificate else "BACKUP", "100")
            must_come(site.idle)
            assert (server.mails, server.logins) == ([], [])


def test_a_mail_is_tried_again_when_the_server_says_later(site: Site) -> None:
    """And not when it says never."""
    with mail_server() as server:
        server.refusals = [b"451 later\r\n", b"250 fine\r\n", b"550 never\r\n"]
        site.configure(
            "mail_to: ops@example.org", "smtp_host: 127.0.0.1", f"smtp_port: {server.port}", "smtp_security: none",
            "retry_first: 0.1",
        )  # fmt: skip
        site("INSTANCE", "V1", "MASTER", "100")
        must_come(lambda: len(server.mails) == 1, 10)
        site("INSTANCE", "V1", "BACKUP", "100")
        must_come(site.idle)
        assert (len(server.mails), server.attempts) == (1, 3)


def test_sendmail_takes_the_mail_where_there_is_no_server(site: Site) -> None:
    """On its standard input, with nothing but two options in its arguments."""
    script = site.folder / "sendmail"
    take = '(echo "$*"; cat) >new; mv new mail'
    script.write_text(f"#!/bin/sh\ncd {site.folder}; {take}\n")
    script.chmod(0o755)
    site.configure("mail_to: ops@example.org", f"sendmail: {script}", "states: [FAULT]")
    site("INSTANCE", "V1", "MASTER", "100")
    site("INSTANCE", "V1", "FAULT", "100")
    must_come((site.folder / "mail").exists)
    lines = (site.folder / "mail").read_text().splitlines()
    assert lines[0] == "-i -t"
    assert "To: ops@example.org" in lines
    assert "state: FAULT" in lines


def test_a_webhook_gets_json_and_a_token(site: Site) -> None:
    """The token and a secret address come from files."""
    token = secret(site, "token", "s3cret")
    with webhook() as server:
        address = secret(site, "address", f"http://127.0.0.1:{server.server_port}/hook/x")
        site.configure(f"webhook_file: {address}", f"webhook_token_file: {token}")
        site("--state", "FAULT", "--group", "G1")
        must_come(lambda: bool(server.posts))
        must_come(site.idle)
    ((path, authorization, told),) = server.posts
    assert (path, authorization) == ("/hook/x", "Bearer s3cret")
    assert (told["type"], told["name"], told["state"], told["previous"]) == ("GROUP", "G1", "FAULT", None)
    assert abs(told["timestamp"] - time.time()) < 30


def test_a_webhook_is_tried_again_until_it_is_taken(site: Site) -> None:
    """After a reset, a silence and a 503, in its order; in the meantime hooks run as ever."""
    site.writing_hooks("master", "backup")
    with webhook() as server:
        server.moods, server.mood = [RESET, SILENT], 503
        site.configure(f"webhook: http://127.0.0.1:{server.server_port}/", "attempt_timeout: 0.3", "retry_first: 0.1")
        site("INSTANCE", "V1", "MASTER", "1")
        site("INSTANCE", "V1", "BACKUP", "1")
        site.must_write("INSTANCE V1 MASTER 1", "INSTANCE V1 BACKUP 1")
        must_come(lambda: len(server.posts) >= 3)
        server.mood = 204
        must_come(site.idle)
        assert server.states[-1:] == ["BACKUP"]
        assert set(server.states[:-1]) == {"MASTER"}


@pytest.mark.parametrize("mood", [404, 302])
def test_a_webhook_that_is_refused_is_not_tried_again(site: Site, mood: int) -> None:
    """Nor followed to where a token would go to a stranger."""
    with webhook() as server:
        server.mood = mood
        site.configure(f"webhook: http://127.0.0.1:{server.server_port}/")
        site("INSTANCE", "V1", "MASTER", "1")
        must_come(lambda: bool(server.posts))
        must_come(site.idle)
        assert server.states == ["MASTER"]


def test_a_webhook_that_drips_holds_no_mail_up(site: Site) -> None:
    """Each attempt has an end, whatever comes; the other way has its turn in between."""
    with webhook() as server, mail_server(None) as mails:
        server.mood = DRIPPING
        site.configure(
            f"webhook: http://127.0.0.1:{server.server_port}/", "attempt_timeout: 2", "retry_first: 0.1",
            "mail_to: [ops@example.org]", "smtp_host: 127.0.0.1", f"smtp_port: {mails.port}", "smtp_security: none",
        )  # fmt: skip
        site("INSTANCE", "V1", "MASTER", "1")
        site("INSTANCE", "V1", "BACKUP", "1")
        must_come(lambda: len(mails.mails) == 2, 60)
        must_come(lambda: len(server.posts) > 1, 60)
        server.mood = 204
        must_come(site.idle)
        assert server.states[-2:] == ["MASTER", "BACKUP"]


def test_what_is_tried_again_is_tried_by_the_configuration_as_it_is(site: Site) -> None:
    """A mended address is tried at once; what is no longer configured is dropped; a mistake changes nothing."""
    with webhook() as server, mail_server(None) as mails:
        good = f"webhook: http://127.0.0.1:{server.server_port}/"
        mail = ("mail_to: [ops@example.org]", "smtp_host: 127.0.0.1", "smtp_security: none")
        server.mood = 503
        site.configure(good, *mail, "smtp_port: 1", "retry_first: 3000")
        site("INSTANCE", "V1", "MASTER", "1")
        must_come(lambda: bool(server.posts))
        site.configure("nonsense: 1")
        site.configure(*mail, f"smtp_port: {mails.port}", "retry_first: 3000")
        must_come(lambda: bool(mails.mails), 60)
        must_come(site.idle)
        assert server.states == ["MASTER"]


def test_what_cannot_be_delivered_is_dropped_in_the_end(site: Site) -> None:
    """When it was tried for long enough."""
    site.configure("webhook: http://127.0.0.1:1/", "retry_for: 0.5")
    site("INSTANCE", "V1", "MASTER", "1")
    must_come(site.idle)


def test_the_outbox_is_bounded(site: Site) -> None:
    """A mail server that is down for days must not fill the disk."""
    line = (
        "import sys; sys.path[:0] = sys.argv[1:2]; from keepalived_scripts.notify.spool import Spool; "
        "spool = Spool('outbox'); dropped = sum(spool.add({'n': n}) for n in range(1010)); "
        "print(dropped, len(spool.names()), spool.get(spool.names()[0])['n'])"
    )
    from tests.commands import CODE, environment

    done = subprocess.run(
        [program("python3"), "-c", line, CODE], env=environment(site.folder), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["10", "1000", "10"]


def test_no_secret_is_ever_logged(site: Site) -> None:
    """Whatever goes wrong with it."""
    password, token = secret(site, "password", "pa55word"), secret(site, "token", "t0ken")
    address = secret(site, "address", "http://127.0.0.1:1/s3cretpath")
    with mail_server(self_signed(site.folder)) as server:
        site.configure(
            "mail_to: ops@example.org", "smtp_host: 127.0.0.1", f"smtp_port: {server.port}", "smtp_user: me",
            f"smtp_password_file: {password}", f"ca_file: {site.folder}/web.test.crt", "retry_for: 0.1",
            f"webhook_file: {address}", f"webhook_token_file: {token}",
        )  # fmt: skip
        log = site.folder / "log"
        line = f"""
            mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9
            {program("socat")} -u UNIX-RECV:/dev/log OPEN:{log},creat,append & listener=$!
            while ! [ -S /dev/log ]; do sleep 0.01; done
            notify --config {site.config} INSTANCE V1 MASTER 100
            for i in $(seq 100); do
                ! grep -q 'mail for' {log} || ! grep -q 'webhook for' {log} || break
                sleep 0.05
            done
            kill $listener
        """
        shell(site.folder, line, flags=("-m",))
        said = log.read_text()
    assert server.logins == ["me:pa55word"]
    assert "mail for INSTANCE V1 MASTER" in said
    assert "535" in said
    assert f"{address}: " in said
    assert not any(word in said for word in ("pa55word", "t0ken", "s3cretpath"))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/s3cret path", "http://127.0.0.1:port/s3cretpath", "s3cretpath"]
)
def test_an_address_that_cannot_be_used_is_dropped_without_being_shown(site: Site, address: str) -> None:
    """Whatever the library says of it."""
    given = settings(webhook_file=Place(str(secret(site, "address", address))))
    with pytest.raises(NeverError) as error:
        webhook_out(Event("INSTANCE", "V1", "MASTER"), given)
    assert "s3cret" not in str(error.value)


def test_a_virtual_service_s_events_are_told_where_they_are_wanted() -> None:
    """By the same words in every way out."""
    told = as_json(Event("RS", "[192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80", "DOWN"))
    assert (told["type"], told["state"], told["priority"]) == ("RS", "DOWN", None)
