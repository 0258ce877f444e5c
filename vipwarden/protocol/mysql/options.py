"""Which server, account and TLS settings apply? Those of the options, completed from a defaults file."""

from __future__ import annotations

import posix

from vipwarden.core.options import UsageError
from vipwarden.core.values import Host, Port

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from vipwarden.net.net import Net

_NO = ("0", "off", "false", "no")


class Password(str):
    """A password as an option, which is always refused."""

    __slots__ = ()

    def __new__(cls, _text: str = "") -> Password:
        """Raise UsageError with the reason."""
        raise UsageError(
            "--password: a password on the command line can be read by every user of this node: "
            "put it into a defaults file (-f) or MYSQL_PWD"
        )


class TargetError(ValueError):
    """The options contradict each other or the defaults file; the text says how."""


class Target:
    """Server and account; ``socket`` is a path, or empty for TCP."""

    __slots__ = ("database", "host", "notes", "password", "port", "socket", "tls", "user")

    def __init__(
        self,
        host: str | None,
        port: int | None,
        socket: str | None,
        user: str | None,
        database: str | None,
        defaults_file: str | None,
        read: tuple[Mapping[str, str], bool],
        tls: Tls,
    ) -> None:
        """Join the options and the result of option_file.read(); raises TargetError."""
        values, exposed = read
        self.notes: list[str] = []
        if exposed and values.get("password"):
            self.notes.append(f"{defaults_file} holds a password and others can read it: chmod 600 it")
        if host and socket:
            raise TargetError("a host and a socket at once: give one of them")
        if not host and not socket:  # a host or socket option overrides both of the file
            host, socket = values.get("host"), values.get("socket")
            if host and host != "localhost" and not host.startswith("/"):
                socket = None  # as in MySQL: the socket is for the local host
        if host and host.startswith("/"):
            host, socket = None, host
        if socket and not socket.startswith("/"):
            raise TargetError(f"the socket {socket} is no absolute path")
        self.socket = socket or ""
        try:
            self.host = Host(host or "127.0.0.1")
        except ValueError as error:
            raise TargetError(f"host = {host} in {defaults_file}: {error}") from None
        try:
            self.port = port or Port(values.get("port") or 3306)
        except ValueError as error:
            raise TargetError(f"port = {values['port']} in {defaults_file}: {error}") from None
        self.user = _bytes(user if user is not None else values.get("user", ""))
        self.database = _bytes(database if database is not None else values.get("database", ""))
        password = values.get("password")
        self.password = posix.environ.get(b"MYSQL_PWD", b"") if password is None else _bytes(password)
        tls.read(values)
        if self.socket and tls.asked:
            raise TargetError("TLS is for TCP: the unix socket does not leave the node")
        self.tls = tls if tls.wanted and not self.socket else None


async def target_of(
    net: Net,
    host: str | None,
    port: int | None,
    socket: str | None,
    user: str | None,
    database: str | None,
    defaults_file: str | None,
    group: str,
    tls: Tls,
) -> Target:
    """Return the server and account of a check's options; raises NetError, DefaultsError and TargetError."""
    given: tuple[dict[str, str], bool] = ({}, False)
    if defaults_file is not None:
        from vipwarden.protocol.mysql.option_file import read

        given = await read(net, defaults_file, group)
    return Target(host, port, socket, user, database, defaults_file, given, tls)


class Tls:
    """TLS settings: whether it is ``wanted``, CA file, and which parts of the certificate to check."""

    __slots__ = ("asked", "ca_file", "cert_file", "check_chain", "check_name", "key_file", "wanted")

    def __init__(self, asked: bool, ca_file: str | None, insecure: bool) -> None:
        self.asked = self.wanted = asked or ca_file is not None or insecure
        self.ca_file = ca_file
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.check_chain = self.check_name = not insecure

    def read(self, values: Mapping[str, str]) -> None:
        """Add the options of a defaults file: ssl-mode of MySQL, ssl-verify-server-cert of MariaDB, ssl-ca etc."""
        authority = values.get("ssl_ca") or None
        self.cert_file, self.key_file = values.get("ssl_cert") or None, values.get("ssl_key") or None
        mode = values.get("ssl_mode", "").upper()
        if not self.asked:
            flag = values.get("ssl", "no" if "skip_ssl" in values else None)
            self.wanted = flag.lower() not in _NO if flag is not None else bool(authority or self.cert_file)
            if mode:
                self.wanted = mode in ("REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
            if values.get("ssl_verify_server_cert", "").lower() in _NO or (mode == "REQUIRED" and not authority):
                self.check_chain = self.check_name = False
            if mode in ("REQUIRED", "VERIFY_CA"):
                self.check_name = False
        self.ca_file = self.ca_file or authority

    async def contexts(self, net: Net) -> tuple[ssl.SSLContext, ssl.SSLContext | None]:
        """Return the contexts for the handshake and for verifying the certificate; raises NetError."""
        from vipwarden.net.trust import context, readable
        from vipwarden.protocol.tls.certificate import unverified_context

        judge = None
        if self.check_chain:
            judge = await context(net, self.ca_file, check_name=self.check_name, judges=True)
        if not self.cert_file:
            return unverified_context(), judge
        await readable(net, self.cert_file, self.key_file)
        made = await net.beside(self.cert_file, lambda: unverified_context(self.cert_file, self.key_file))
        return made, judge


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
