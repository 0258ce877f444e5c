"""How is a connection encrypted, with any driver? Imported only where TLS is used."""

from __future__ import annotations

import ssl
from _socket import SHUT_WR
from time import monotonic

from vipwarden.net.stream import NetError, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


_MOMENT = 0.2  # seconds for a peer to close
_MOST_LEFT = 16  # reads of what it still sends


class TlsStream(Stream):
    """A Stream inside TLS, by memory buffers: any driver of a plain Stream serves it."""

    __slots__ = ("_incoming", "_outgoing", "_tls", "plain")

    def __init__(self, plain: Stream, context: ssl.SSLContext, server_name: str | None) -> None:
        super().__init__(plain.clock, plain.sock, plain.name)
        self.plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=plain_name(server_name))

    @property
    def version(self) -> str:
        """The negotiated protocol, such as TLSv1.3."""
        return self._tls.version() or "TLS"

    def chain(self) -> list[bytes]:
        """Return all certificates that the peer sent in DER form, its own first, verified or not."""
        return [certificate.public_bytes(2) for certificate in chain_of(self._tls)]  # 2 is DER

    def described(self) -> list[dict[str, Any]]:
        """Return what these certificates say, in the words of ssl.SSLObject.getpeercert(); raises NetError."""
        return described(chain_of(self._tls), self.name)

    async def handshake(self) -> None:
        """Agree on keys and verify the certificate; raises NetError."""
        try:
            await self._step(self._handshake)
        except NetError as error:
            if error.kind != "reset":
                raise
            raise self._left() from None  # whether it closed or reset depends on which side was faster

    async def send(self, data: bytes) -> None:
        """Send all of it; raises NetError."""
        try:
            self._tls.write(data)
        except ssl.SSLError:  # the peer sent close_notify
            raise NetError("reset", f"{self.name} closed the connection") from None
        await self.plain.send(self._outgoing.read())

    def part(self, data: bytes) -> None:
        """Send what the kernel takes at once, without waiting."""
        try:
            self._tls.write(data)
        except ssl.SSLError:
            return  # the peer sent close_notify
        self.plain.part(self._outgoing.read())

    async def leave(self, farewell: bytes = b"") -> None:
        """Send the last data and the end of TLS, and give the peer a moment to close.

        Closing at once resets the connection where the peer has sent something that was not read, as it does after
        each handshake of TLS 1.3, and it may log that.
        """
        if farewell:
            self.part(farewell)
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it wants the peer's end as well, or has it
        self.plain.part(self._outgoing.read())
        until = min(self.clock.deadline, monotonic() + _MOMENT)
        try:
            self.sock.shutdown(SHUT_WR)
            for _ in range(_MOST_LEFT):
                try:
                    if not self.sock.recv(65536):
                        return
                except BlockingIOError:
                    if not await self.clock.wait(self.sock, False, until):
                        return
        except OSError:
            pass  # it is closed already

    async def receive(self, size: int = 65536) -> bytes:
        """Return at least one byte and at most ``size``, or nothing at the end; raises NetError."""
        return await self._step(lambda: self._tls.read(size))

    def _handshake(self) -> bytes:
        self._tls.do_handshake()
        return b""

    async def _step(self, step: Callable[[], bytes]) -> bytes:
        while True:
            try:
                data = step()
                await self._flush()
                return data
            except ssl.SSLWantReadError:
                await self._flush()
                if more := await self.plain.receive():
                    self._incoming.write(more)
                else:
                    self._incoming.write_eof()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                if not self._tls.version():  # the handshake is not over
                    raise self._left() from None
                return b""
            except ssl.SSLCertVerificationError as error:
                raise NetError("tls", f"the certificate of {self.name} is not valid: {error.verify_message}") from None
            except ssl.SSLError as error:
                reason = (error.reason or str(error)).replace("_", " ").lower()
                raise NetError("tls", f"no TLS with {self.name}: {reason}") from None

    def _left(self) -> NetError:
        return NetError("tls", f"{self.name} closed the connection during the TLS handshake")

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self.plain.send(self._outgoing.read())


def plain_name(name: str | None) -> str | bytes | None:
    """Return the name of a server as the ssl module takes it without loading the idna codec."""
    return name.encode() if name and name.isascii() else name


def chain_of(session: ssl.SSLObject, *, verified: bool = False) -> list[Any]:
    """Return the certificates of a session as the ssl module has them, the server's own first.

    All that were sent, or those from it to a trusted one. Only Python 3.13 has them in public, and as bytes alone.
    """
    inner = getattr(session, "_sslobj", None)
    chain = getattr(inner, "get_verified_chain" if verified else "get_unverified_chain", lambda: None)()
    return list(chain or ())


def described(certificates: Sequence[Any], name: str) -> list[dict[str, Any]]:
    """Return what certificates of chain_of() say; raises NetError (tls) where one cannot be read."""
    try:
        return [certificate.get_info() for certificate in certificates]
    except (OSError, ValueError) as error:
        raise NetError("tls", f"a certificate of {name} cannot be read: {error}") from None


async def start_tls(stream: Stream, context: ssl.SSLContext, server_name: str | None) -> TlsStream:
    """Start TLS on an open connection; raises NetError where the handshake or the certificate fails."""
    try:
        tls = TlsStream(stream, context, server_name)
    except ValueError:
        raise NetError("local", f"{server_name!r} is no TLS server name, see --sni") from None
    await tls.handshake()
    return tls
