"""What did the operator configure for notify? The section ``notify`` of vipwarden.yaml, and the faults in it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.hooks import LEFTOVERS, refusal
from vipwarden.config.document import PATH, SECTIONS, ConfigError, Document
from vipwarden.core.values import Choice, Port, Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

HOOKS = "/etc/vipwarden/notify.d"
_MOST_SECRET = 4096


class State(Choice):
    """A state that mail and webhook can carry."""

    __slots__ = ()
    choices = ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED", "UP", "DOWN")


class Security(Choice):
    """Encryption of the connection to the mail server."""

    __slots__ = ()
    choices = ("starttls", "tls", "none")


class Mailbox(str):
    """A mail address, without a name around it."""

    __slots__ = ()

    def __new__(cls, text: str) -> Mailbox:
        """Build it from its text; raises ValueError with what is wanted."""
        local, at, domain = text.rpartition("@")
        if not at or not local or not domain or not text.isprintable() or set(text) & set(" <>,;") or text[0] == "-":
            raise ValueError("a mail address such as root@example.org is wanted")
        return str.__new__(cls, text)


class Url(str):
    """The address of a webhook."""

    __slots__ = ()

    def __new__(cls, text: str) -> Url:
        """Build it from its text; raises ValueError with what is wanted."""
        scheme, _, rest = text.partition("://")
        host = rest.partition("/")[0]
        if scheme not in ("http", "https") or not host or not text.isprintable() or " " in text:
            raise ValueError("an address such as https://example.org/hook is wanted")
        if "@" in host:
            raise ValueError("a password in it would be shown: put the whole address into webhook_file")
        return str.__new__(cls, text)


class Place(str):
    """An absolute path."""

    __slots__ = ()

    def __new__(cls, text: str) -> Place:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text.startswith("/"):
            raise ValueError("an absolute path is wanted")
        return str.__new__(cls, text)


def settings(
    *,
    hooks: Place = Place(HOOKS),
    hook_timeout: Seconds = Seconds(30),
    states: tuple[State, ...] = (),
    mail_to: tuple[Mailbox, ...] = (),
    mail_from: Mailbox | None = None,
    sendmail: Place = Place("/usr/sbin/sendmail"),
    smtp_host: str | None = None,
    smtp_port: Port | None = None,
    smtp_security: Security = Security("starttls"),
    smtp_user: str | None = None,
    smtp_password_file: Place | None = None,
    webhook: Url | None = None,
    webhook_file: Place | None = None,
    webhook_token_file: Place | None = None,
    ca_file: Place | None = None,
    attempt_timeout: Seconds = Seconds(10),
    retry_first: Seconds = Seconds(2),
    retry_for: Seconds = Seconds(3600),
) -> SimpleNamespace:
    """Return the settings for hooks, mail and webhook; raises ConfigError where they contradict each other.

    hooks: folder with one folder of programs for each state: master, backup, fault, stop and so on
    hook_timeout: maximum seconds for each hook
    states: states sent by mail and webhook; default MASTER, BACKUP, FAULT and STOP
    mail_to: recipients of the mail
    mail_from: sender of the mail; default root at this node
    sendmail: program that sends the mail where no smtp_host is set
    smtp_host: mail server
    smtp_port: port of the mail server; default 587, with tls 465, with none 25
    smtp_security: starttls, tls or none
    smtp_user: user to log in as; refused without starttls or tls
    smtp_password_file: file whose first line is the password
    webhook: URL to which each event is posted as JSON
    webhook_file: file whose first line is the URL, where the URL is a secret
    webhook_token_file: file whose first line is sent as the bearer token
    ca_file: PEM file with the CA certificates to trust instead of the system's
    attempt_timeout: maximum seconds for one attempt to send
    retry_first: seconds before the second attempt; each further pause is twice as long, up to 300
    retry_for: seconds after which a message that cannot be sent is dropped
    """
    given = SimpleNamespace(**locals())
    given.states = given.states or State.choices[:4]
    if (smtp_user is None) is not (smtp_password_file is None):
        raise ConfigError("notify: smtp_user and smtp_password_file belong together")
    if smtp_user is not None and smtp_security == "none":
        raise ConfigError("notify: no password is sent unencrypted: smtp_security must not be none")
    if webhook is not None and webhook_file is not None:
        raise ConfigError("notify: webhook and webhook_file are the same: give one")
    return given


def load(path: str | None) -> Any:
    """Return the settings of a file, by default of PATH; the defaults where PATH is missing. Raises ConfigError."""
    if path is None and not Path(PATH).exists():
        return settings()
    values: dict[str, Any] = Document(path or PATH, sections=SECTIONS).section("notify", settings)
    try:
        return settings(**values)
    except ConfigError as error:
        raise ConfigError(f"{path or PATH}: {error}") from None


def load_anyway(path: str | None) -> Any:
    """Return the settings, or after an error the defaults, with a log entry: hooks always run."""
    try:
        return load(path)
    except ConfigError as error:
        journal.log(journal.ERROR, f"going on without mail and webhook: {error}")
        return settings()


def ways(given: Any) -> tuple[str, ...]:
    """Return the configured ways to send an event: ``mail``, ``webhook``."""
    receivers = (("mail", given.mail_to), ("webhook", given.webhook or given.webhook_file))
    return tuple(way for way, receiver in receivers if receiver)


def wants(given: Any, state: str) -> bool:
    """Return whether a state has hooks, or is sent."""
    return Path(given.hooks, state.lower()).is_dir() or bool(ways(given) and state in given.states)


def secret(path: str) -> str:
    """Return the first line of a file; raises OSError, and ValueError where it has none."""
    with Path(path).open(encoding="utf-8") as file:
        line = file.readline(_MOST_SECRET).strip()
    if not line:
        raise ValueError(f"{path} is empty")
    return line


def problems(given: Any) -> Iterator[str]:
    """Yield the faults of the files and programs that the settings name; nothing is sent."""
    for key in ("smtp_password_file", "webhook_file", "webhook_token_file"):
        path = getattr(given, key)
        if path is not None:
            try:
                secret(path)
            except (OSError, ValueError) as error:
                yield f"{key}: {error}"
    if given.ca_file is not None:
        import ssl

        try:
            ssl.create_default_context(cafile=given.ca_file)
        except OSError as error:
            yield f"ca_file: {given.ca_file}: {error.strerror or error}"
    if given.mail_to and given.smtp_host is None and not os.access(given.sendmail, os.X_OK):
        yield f"mail_to: there is no {given.sendmail} to take the mail: name smtp_host, or sendmail"
    if not given.mail_to and (given.smtp_host is not None or given.mail_from is not None):
        yield "smtp_host and mail_from are of no use without mail_to"
    for path in sorted(Path(given.hooks).glob("*/*")):
        reason = "" if path.name.startswith(".") or path.name.endswith(LEFTOVERS) else refusal(path)
        if reason:
            yield f"the hook {path} would not be run: {reason}"
