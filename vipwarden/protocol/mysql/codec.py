"""What do the packets of the MySQL protocol hold? Without I/O.

The layouts are those of "Client/Server Protocol" in the MySQL source documentation, protocol version 10.
"""

from __future__ import annotations

from vipwarden.core.result import one_line

MOST_BYTES = 65536  # of one packet; the longest honest one of a login is an RSA key, under 1 KiB
PING, QUIT = b"\x0e", b"\x01"

_LONG_PASSWORD, _CONNECT_WITH_DB, _PROTOCOL_41, _SSL = 0x1, 0x8, 0x200, 0x800
_TRANSACTIONS, _SECURE_CONNECTION, _PLUGIN_AUTH = 0x2000, 0x8000, 0x80000
# CLIENT_LOCAL_FILES (0x80) stays out: no server can ask this client for a file
_ALWAYS = _LONG_PASSWORD | _PROTOCOL_41 | _TRANSACTIONS | _SECURE_CONNECTION | _PLUGIN_AUTH
_UTF8MB4 = 45


class PacketError(ValueError):
    """The data is no packet of the protocol; the text follows the name of the server."""


class RefusalError(Exception):
    """The server sent an error: its number is ``code``, its message ``text``."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Greeting:
    """The first packet of a server: its version, its challenge and its default plugin for passwords."""

    __slots__ = ("nonce", "offers_tls", "plugin", "version")

    def __init__(self, version: str, nonce: bytes, plugin: str, offers_tls: bool) -> None:
        self.version = version
        self.nonce = nonce
        self.plugin = plugin
        self.offers_tls = offers_tls

    @property
    def product(self) -> str:
        """Name and version, such as MariaDB 10.11.6, without the suffix of a distribution."""
        text = self.version.removeprefix("5.5.5-")  # MariaDB 10 puts it there for replicas of old MySQL servers
        return f"{'MariaDB' if 'mariadb' in text.lower() else 'MySQL'} {text.partition('-')[0]}".rstrip()


def frame(payload: bytes, sequence: int) -> bytes:
    """Return a packet with its header; ``sequence`` counts the packets of one exchange."""
    return len(payload).to_bytes(3, "little") + bytes((sequence & 0xFF,)) + payload


def size(header: bytes, sequence: int) -> int:
    """Return the number of bytes after the header; raises PacketError."""
    length = int.from_bytes(header[:3], "little")
    if len(header) != 4 or length > MOST_BYTES:
        raise PacketError(f"sent {shown(header)}, which is no MySQL packet")
    if header[3] != sequence & 0xFF:
        raise PacketError(f"sent packet {header[3]} where {sequence & 0xFF} was due")
    return length


def greeting(payload: bytes) -> Greeting:
    """Read the first packet; raises PacketError, and RefusalError if it is an error."""
    if payload[:1] == b"\xff":
        raise refusal(payload)
    if payload[:1] != b"\x0a":
        raise PacketError(f"greets with protocol {payload[0]}, not 10" if payload else "sent an empty greeting")
    version, end, rest = payload[1:].partition(b"\0")
    if not end or len(rest) < 31:
        raise PacketError("sent a greeting that is cut short")
    flags = int.from_bytes(rest[13:15] + rest[18:20], "little")
    if not flags & _PROTOCOL_41 or not flags & _SECURE_CONNECTION:
        raise PacketError("is older than MySQL 4.1")
    more = max(13, rest[20] - 8)
    nonce = (rest[4:12] + rest[31 : 31 + more])[:20]
    if len(nonce) < 20:
        raise PacketError("sent a greeting that is cut short")
    plugin = rest[31 + more :].partition(b"\0")[0] if flags & _PLUGIN_AUTH else b"mysql_native_password"
    return Greeting(_text(version, 60), nonce, _text(plugin, 60), bool(flags & _SSL))


def refusal(payload: bytes) -> RefusalError:
    """Read an error packet, with or without an SQL state; raises PacketError."""
    if len(payload) < 3:
        raise PacketError("sent an error that is cut short")
    text = payload[9:] if payload[3:4] == b"#" else payload[3:]
    return RefusalError(int.from_bytes(payload[1:3], "little"), _text(text, 200))


def switch(payload: bytes) -> tuple[str, bytes]:
    """Return the plugin that a server changes to, and its challenge; raises PacketError.

    The packet of a single byte asks for the password hash of MySQL 4.0, which is called mysql_old_password.
    """
    if len(payload) == 1:
        return "mysql_old_password", b""
    plugin, end, nonce = payload[1:].partition(b"\0")
    if not end:
        raise PacketError("changed the authentication without naming a plugin")
    return _text(plugin, 60), nonce


def tls_request(database: bool) -> bytes:
    """Return the request for TLS: the head of a login, with the flags by which MySQL will read the login."""
    return _head(_ALWAYS | _SSL | (_CONNECT_WITH_DB if database else 0))


def login(user: bytes, answer: bytes, plugin: str, database: bytes | None = None, tls: bool = False) -> bytes:
    """Return a complete login (HandshakeResponse41); ``answer`` is that to the challenge, at most 255 bytes."""
    flags = _ALWAYS | (_SSL if tls else 0) | (_CONNECT_WITH_DB if database is not None else 0)
    parts = [_head(flags), _ended(user), bytes((len(answer),)), answer]
    if database is not None:
        parts.append(_ended(database))
    return b"".join([*parts, plugin.encode(), b"\0"])


def shown(payload: bytes) -> str:
    """Return the start of a wrong packet as a short line."""
    return one_line(repr(payload[:16])[1:], 40)


def _head(flags: int) -> bytes:
    return flags.to_bytes(4, "little") + MOST_BYTES.to_bytes(4, "little") + bytes((_UTF8MB4,)) + bytes(23)


def _ended(name: bytes) -> bytes:
    return name.partition(b"\0")[0] + b"\0"  # a zero byte inside would end it as well


def _text(raw: bytes, limit: int) -> str:
    return one_line(raw[: 4 * limit].decode("utf-8", "replace"), limit)
