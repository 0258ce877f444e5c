"""How does a client ask for TLS within a connection, in each protocol, and how does it leave?"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6

from vipwarden.core.result import one_line
from vipwarden.core.values import Choice
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from vipwarden.net.stream import Stream
    from vipwarden.net.tls import TlsStream

_MOST_BYTES = 65536
_LDAP_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"  # RFC 4511, section 4.14
_LDAP_UNBIND = b"\x30\x05\x02\x01\x02\x42\0"
_POSTGRES_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"  # SSLRequest of PostgreSQL's protocol


class Protocol(Choice):
    """A protocol in which TLS is asked for."""

    __slots__ = ()
    choices = ("smtp", "imap", "pop3", "ftp", "ldap", "mysql", "postgres")

    @property
    def port(self) -> int:
        """The port of its servers."""
        return {"smtp": 25, "imap": 143, "pop3": 110, "ftp": 21, "ldap": 389, "mysql": 3306, "postgres": 5432}[self]


class Upgrade:
    """A connection to a server of a protocol, which is asked for TLS."""

    __slots__ = ("_buffer", "_encrypted", "_farewell", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._encrypted: TlsStream | None = None
        self._buffer = b""
        self._farewell = b""

    async def encrypt(self, protocol: str | None, context: ssl.SSLContext, server_name: str | None) -> TlsStream:
        """Agree on keys, after TLS was asked for if there is a protocol; raises NetError where the server refuses."""
        if protocol == "mysql":
            self._encrypted = await self._mysql(context, server_name)
            return self._encrypted
        if protocol:
            await getattr(self, f"_{protocol}")()
        if self._buffer:
            raise NetError("tls", f"{self._stream.name} sent data in clear after it had agreed to TLS")
        from vipwarden.net.tls import start_tls

        self._encrypted = await start_tls(self._stream, context, server_name)
        return self._encrypted

    async def leave(self) -> None:
        """Say goodbye, and wait a moment for the server to close, so that it logs no client that broke off."""
        if self._encrypted is not None:
            await self._encrypted.leave(self._farewell)

    def part(self) -> None:
        """Say goodbye without waiting: for a run that has to end."""
        if self._encrypted is not None:
            self._encrypted.part(self._farewell)

    async def _smtp(self) -> None:
        await self._reply(b"220")
        await self._stream.send(b"EHLO %s\r\n" % _own_name(self._stream))
        offers = await self._reply(b"250")
        if not any(line[4:].strip().upper() == b"STARTTLS" for line in offers):
            raise NetError("tls", f"{self._stream.name} offers no STARTTLS")
        await self._stream.send(b"STARTTLS\r\n")
        await self._reply(b"220")
        self._farewell = b"QUIT\r\n"

    async def _ftp(self) -> None:
        await self._reply(b"220")
        await self._stream.send(b"AUTH TLS\r\n")  # RFC 4217
        await self._reply(b"234")
        self._farewell = b"QUIT\r\n"

    async def _imap(self) -> None:
        greeting = await self._line()
        if not greeting.startswith((b"* OK", b"* PREAUTH")):
            raise self._refusal(greeting, b"* OK")
        await self._stream.send(b"a STARTTLS\r\n")
        line = await self._line()
        while line.startswith(b"* "):
            line = await self._line()
        if not line.upper().startswith(b"A OK"):
            raise self._refusal(line, b"OK")
        self._farewell = b"b LOGOUT\r\n"

    async def _pop3(self) -> None:
        for request in (b"", b"STLS\r\n"):
            if request:
                await self._stream.send(request)
            line = await self._line()
            if not line.startswith(b"+OK"):
                raise self._refusal(line, b"+OK")
        self._farewell = b"QUIT\r\n"

    async def _ldap(self) -> None:
        await self._stream.send(_LDAP_REQUEST)
        tag, size = await self._stream.receive_exactly(2)
        if size > 0x80:
            size = int.from_bytes(await self._stream.receive_exactly(min(size - 0x80, 8)), "big")
        if tag != 0x30 or size > _MOST_BYTES:
            raise NetError("tls", f"{self._stream.name} answered no LDAP")
        body = await self._stream.receive_exactly(size)
        at = body.find(b"\x0a\x01", 4, 12)  # the result code, after the message's number and the operation's length
        if body[:4] != b"\x02\x01\x01\x78" or at < 0 or at + 2 >= len(body):
            raise NetError("tls", f"{self._stream.name} answered no LDAP")
        if body[at + 2]:
            raise NetError("tls", f"{self._stream.name} refused TLS with LDAP's result code {body[at + 2]}")
        self._farewell = _LDAP_UNBIND

    async def _postgres(self) -> None:
        await self._stream.send(_POSTGRES_REQUEST)
        answer = await self._stream.receive_exactly(1)
        if answer != b"S":
            said = "offers no TLS" if answer == b"N" else f"answered {answer!r}, not as PostgreSQL does"
            raise NetError("tls", f"{self._stream.name} {said}")

    async def _mysql(self, context: ssl.SSLContext, server_name: str | None) -> TlsStream:
        """Leave, whatever happens, so that the server counts no connect error."""
        from vipwarden.protocol.mysql.codec import RefusalError
        from vipwarden.protocol.mysql.session import Session

        session = Session(self._stream, False, None)
        try:
            greeting = await session.greet()
            if not greeting.offers_tls:
                await session.leave(greeting)
                raise NetError("tls", f"{self._stream.name} offers no TLS")
            encrypted = await session.encrypt(context, server_name)
        except RefusalError as refusal:
            text = f"{self._stream.name} answered error {refusal.code}: {one_line(refusal.text, 120)}"
            raise NetError("reset", text) from None
        except BaseException:
            session.part()
            raise
        self._farewell = session.owed
        return encrypted

    async def _reply(self, code: bytes) -> list[bytes]:
        """Return the lines of a reply of SMTP or FTP (RFC 5321, section 4.2); raises NetError for another code."""
        lines = [await self._line()]
        while lines[-1][3:4] == b"-" or (lines[0][3:4] == b"-" and lines[-1][:4] != lines[0][:3] + b" "):
            lines.append(await self._line())
        if lines[-1][:3] != code:
            raise self._refusal(lines[-1], code)
        return lines

    async def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            more = await self._stream.receive(4096)
            self._buffer += more
            if not more or len(self._buffer) > _MOST_BYTES:
                said = one_line(repr(self._buffer[:80])[1:], 60) if self._buffer else "nothing"
                raise NetError("reset", f"{self._stream.name} sent {said}, and no line of its protocol")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _refusal(self, line: bytes, wanted: bytes) -> NetError:
        said = one_line(line.decode("utf-8", "replace"), 80)
        return NetError("tls", f"{self._stream.name} answered {said!r}, not {wanted.decode()}")


def _own_name(stream: Stream) -> bytes:
    """Return the name of this end of the connection as an address literal (RFC 5321, section 4.1.3)."""
    family = stream.sock.family
    if family not in (AF_INET, AF_INET6):
        return b"localhost"
    address = str(stream.sock.getsockname()[0]).partition("%")[0]
    return f"[{'IPv6:' if family == AF_INET6 else ''}{address}]".encode()
