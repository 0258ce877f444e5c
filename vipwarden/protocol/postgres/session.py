"""How does a client log in to PostgreSQL, ask a question, and leave without a line in the server's log?"""

from __future__ import annotations

from vipwarden.net.stream import NetError
from vipwarden.protocol.hashes import digest
from vipwarden.protocol.postgres import codec
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from vipwarden.net.stream import Stream
    from vipwarden.protocol.postgres.scram import Scram

_MOST_MESSAGES = 200  # of one exchange
_OK, _CLEAR, _MD5, _SASL, _CONTINUE, _FINAL = 0, 3, 5, 10, 11, 12
_METHODS = {2: "Kerberos V5", 6: "SCM credentials", 7: "GSSAPI", 9: "SSPI"}


class Session:
    """A connection to a server; ``secure`` if it may carry a plain password."""

    __slots__ = ("_buffer", "_inside", "_scram", "parameters", "secure", "stream")

    def __init__(self, stream: Stream, secure: bool) -> None:
        self.stream = stream
        self.secure = secure
        self.parameters: dict[str, str] = {}
        self._buffer = b""
        self._inside = False
        self._scram: Scram | None = None

    async def encrypt(self, context: ssl.SSLContext, server_name: str) -> str:
        """Start TLS and return its version; raises NetError."""
        from vipwarden.net.tls import start_tls

        await self.stream.send(codec.TLS_REQUEST)
        said = await self.stream.receive_exactly(1)  # and not a byte more: the rest must come by TLS
        if said != b"S":
            text = "offers no TLS" if said == b"N" else f"answered the request for TLS with {said!r}"
            raise NetError("tls", f"{self.stream.name} {text}")
        self.stream = encrypted = await start_tls(self.stream, context, server_name)
        self.secure = True
        return encrypted.version

    async def login(self, user: str, database: str, password: str | None) -> None:
        """Log in; raises NetError, and RefusalError with what the server says."""
        secret = None if password is None else _bytes(password)
        await self.stream.send(codec.startup(_bytes(user), _bytes(database)))
        for _ in range(_MOST_MESSAGES):
            kind, body = await self._message()
            if kind == b"R":
                await self._authenticate(_bytes(user), secret, body)
            elif kind == b"S":
                name, value = codec.parameter(body)
                self.parameters[name] = value
            elif kind == b"Z":
                return
            elif kind not in b"KNv":
                raise self._broken(f"sent the message {kind!r} during the login")
        raise self._broken("does not end the login")

    async def query(self, statement: str) -> list[str | None]:
        """Return the columns of the one row that a statement yields; raises NetError and RefusalError."""
        await self.stream.send(codec.message(b"Q", statement.encode() + b"\0"))
        columns: list[str | None] = []
        for _ in range(_MOST_MESSAGES):
            kind, body = await self._message()
            if kind == b"D":
                try:
                    columns = codec.row(body)
                except WireError as error:
                    raise self._broken(str(error)) from None
            elif kind == b"Z":
                return columns
            elif kind not in b"TCNSI":
                raise self._broken(f"sent the message {kind!r} in place of a row")
        raise self._broken("does not end its answer")

    def part(self) -> None:
        """Leave by Terminate: whatever else ends a session is logged by the server."""
        if self._inside:
            self._inside = False
            self.stream.part(codec.TERMINATE)

    async def _authenticate(self, user: bytes, password: bytes | None, body: bytes) -> None:
        method, data = int.from_bytes(body[:4], "big"), body[4:]
        if method == _OK and self._scram is None:
            self._inside = True
            return
        if password is None and method in (_CLEAR, _MD5, _SASL):
            raise NetError(
                "local",
                f"{self.stream.name} asks for the password of {user.decode('utf-8', 'replace')!r}: "
                "give a passfile or PGPASSWORD",
            )
        if method == _CLEAR and password is not None:
            if not self.secure:
                raise NetError("local", f"{self.stream.name} asks for the password in clear, which needs TLS (-S)")
            answer = password + b"\0"
        elif method == _MD5 and password is not None and len(data) == 4:
            answer = b"md5" + _md5(_md5(password + user) + data) + b"\0"
        elif method == _SASL and password is not None and self._scram is None:
            answer = self._begin_scram(password, data)
        elif method == _CONTINUE and self._scram is not None:
            try:
                answer = self._scram.proof(data)
            except WireError as error:
                raise self._broken(str(error)) from None
        elif method == _FINAL and self._scram is not None:
            try:
                self._scram.verify(data)
            except WireError as error:
                raise self._broken(str(error)) from None
            self._scram = None
            return
        else:
            raise self._broken(f"wants a login by {_METHODS.get(method, f'method {method}')}, which this check lacks")
        await self.stream.send(codec.message(b"p", answer))

    def _begin_scram(self, password: bytes, offered: bytes) -> bytes:
        from vipwarden.protocol.postgres.scram import MECHANISM, Scram

        mechanism = MECHANISM.encode()
        if mechanism not in offered.split(b"\0"):
            raise self._broken(f"does not offer {MECHANISM}")
        self._scram = Scram(password)
        first = self._scram.first()
        return mechanism + b"\0" + len(first).to_bytes(4, "big") + first

    async def _message(self) -> tuple[bytes, bytes]:
        """Return type and body of the next message; raises NetError, and RefusalError where it is an error."""
        try:
            while (parts := codec.split(self._buffer)) is None:
                more = await self.stream.receive()
                if not more:
                    raise self._broken("closed the connection in the middle of an answer")
                self._buffer += more
        except WireError as error:
            raise self._broken(str(error)) from None
        kind, body, self._buffer = parts
        if kind == b"E":
            raise codec.refusal(body)
        return kind, body

    def _broken(self, text: str) -> NetError:
        return NetError("reset", f"{self.stream.name} {text}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _md5(data: bytes) -> bytes:
    return digest("md5", data).hex().encode()
