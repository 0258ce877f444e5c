"""How is an event sent by mail or webhook? A single attempt."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import subprocess
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from platform import node
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify.hooks import with_rights
from keepalived_scripts.notify.settings import secret
from vipwarden import VERSION
from vipwarden.core.result import one_line
from vipwarden.net.trust import by_policy

if TYPE_CHECKING:
    from keepalived_scripts.notify.event import Event

_AGAIN = (408, 425, 429)  # of 4xx: may pass
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class LaterError(Exception):
    """A temporary failure: try again."""


class NeverError(Exception):
    """A permanent refusal."""


def mail(event: Event, given: Any) -> None:
    """Send a mail; raises LaterError or NeverError."""
    message = EmailMessage()
    message["Subject"] = f"[{node()}] {event}"
    message["From"] = given.mail_from or f"root@{_own_name()}"
    message["To"] = ", ".join(given.mail_to)
    message["Date"] = formatdate(event.since)
    message["Message-ID"] = make_msgid("vipwarden", domain="vipwarden.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("".join(f"{name}: {value}\n" for name, value in as_json(event).items()))
    try:
        if given.smtp_host is None:
            _by_sendmail(message, given)
        else:
            _by_smtp(message, given)
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        if isinstance(error, smtplib.SMTPResponseException):
            codes = [error.smtp_code]
        else:
            codes = [code for code, _ in error.recipients.values()]
        kind = NeverError if min(codes) >= 500 else LaterError
        raise kind(one_line(str(error), 200)) from None
    except smtplib.SMTPNotSupportedError as error:
        raise NeverError(f"{given.smtp_host}: {error}") from None
    except (OSError, smtplib.SMTPException, subprocess.SubprocessError, ValueError) as error:
        raise LaterError(one_line(f"{given.smtp_host or given.sendmail}: {error}", 200)) from None


def _by_sendmail(message: EmailMessage, given: Any) -> None:
    subprocess.run(  # noqa: S603 - the operator's
        with_rights([given.sendmail, "-i", "-t"], {}, given.attempt_timeout),
        input=message.as_bytes(),
        capture_output=True,
        check=True,
        timeout=given.attempt_timeout,
    )


def _by_smtp(message: EmailMessage, given: Any) -> None:
    security, timeout = given.smtp_security, given.attempt_timeout
    port = int(given.smtp_port or _PORTS[security])  # getaddrinfo() takes only a plain int
    server: smtplib.SMTP
    if security == "tls":
        server = smtplib.SMTP_SSL(given.smtp_host, port, _own_name(), timeout=timeout, context=_context(given))
    else:
        server = smtplib.SMTP(given.smtp_host, port, _own_name(), timeout=timeout)
    with server:
        if security == "starttls":
            server.starttls(context=_context(given))
        if given.smtp_user is not None:
            server.login(given.smtp_user, secret(given.smtp_password_file))
        server.send_message(message)


def _own_name() -> str:
    """Return the name for EHLO without asking DNS, which may hang when a node is in trouble."""
    return node() or "localhost"


def webhook(event: Event, given: Any) -> None:
    """Post the event as JSON; raises LaterError or NeverError, whose texts never hold a secret address."""
    name = given.webhook or given.webhook_file
    try:
        headers = {"Content-Type": "application/json", "User-Agent": f"vipwarden/{VERSION}"}
        if given.webhook_token_file is not None:
            headers["Authorization"] = f"Bearer {secret(given.webhook_token_file)}"
        url = given.webhook or secret(given.webhook_file)
        if not url.startswith(("http://", "https://")):
            raise NeverError(f"{name} has no address that starts with http:// or https://")
        request = urllib.request.Request(url, json.dumps(as_json(event)).encode(), headers)  # noqa: S310
        handlers = [_NoRedirect(), urllib.request.HTTPSHandler(context=_context(given))]
        with urllib.request.build_opener(*handlers).open(request, timeout=given.attempt_timeout):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        kind = LaterError if error.code >= 500 or error.code in _AGAIN else NeverError
        raise kind(f"{name} was answered with {error.code} {one_line(error.reason, 60)}") from None
    except urllib.error.URLError as error:
        raise LaterError(f"{name}: {error.reason}") from None
    except OSError as error:
        raise LaterError(f"{name}: {type(error).__name__} {one_line(str(error), 100)}") from None
    except http.client.InvalidURL:  # its text holds the address
        raise NeverError(f"{name} has no address that can be used") from None
    except http.client.HTTPException as error:
        raise LaterError(f"{name}: {type(error).__name__}") from None
    except ValueError:
        raise NeverError(f"{name} or its token cannot be used") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and carry the token to a stranger."""

    def redirect_request(self, *_: object) -> None:
        """Make the redirect an error."""


def _context(given: Any) -> ssl.SSLContext:
    return by_policy(ssl.create_default_context(cafile=given.ca_file))


def as_json(event: Event) -> dict[str, object]:
    """Return an event as mail and webhook carry it."""
    return {
        "node": node(),
        "type": event.kind,
        "name": event.name,
        "state": event.state,
        "previous": event.previous or None,
        "priority": event.priority or None,
        "time": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(event.since)),
        "timestamp": round(event.since, 3),
        "source": event.source,
    }
