"""How does a client log in to a MySQL server and leave it without being counted as a connect error?

A server counts every connection that ends before a whole login, or in the middle of one, and once there were
max_connect_errors (100) of them in a row it blocks the host. So whoever has to give up here still sends a login
without user and password, which the server refuses and does not count, even where it has not said a word yet: it
will find the packet when it wakes up. A signal, or an agent that stops, is a deadline that came early. What cannot be
mended is a TLS handshake that breaks off.
"""

from __future__ import annotations

from vipwarden.net.stream import NetError
from vipwarden.protocol.mysql import auth as mysql_auth
from vipwarden.protocol.mysql import codec as mysql

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from vipwarden.net.stream import Stream
    from vipwarden.net.tls import TlsStream
    from vipwarden.protocol.mysql.codec import Greeting

_MOST_STEPS = 8  # of one login; MariaDB tries each of the methods of an account in turn


class Session:
    """One connection to a server, for a database or None.

    ``secure`` tells whether a password may go over it as it is.
    """

    __slots__ = ("_database", "_owed", "_sequence", "_tls", "secure", "stream", "unspoken")

    def __init__(self, stream: Stream, secure: bool, database: bytes | None) -> None:
        self.stream = stream
        self.secure = secure
        self.unspoken = ""  # why the account's method could not be used, to go on after the server's name
        self._database = database
        self._tls = False
        self._sequence = 0
        # what the server has to find where we leave now. As nobody, for wrong passwords could lock an account; a server
        # that asks nobody for anything but mysql_native_password counts, which cannot be helped without its greeting
        self._owed = mysql.frame(mysql.login(b"", b"", mysql_auth.NATIVE), 1)

    async def greet(self) -> Greeting:
        """Wait for the greeting; raises NetError, and RefusalError where the server turns this host away."""
        payload = await self._read()
        try:
            return mysql.greeting(payload)
        except mysql.PacketError as error:
            raise self._broken(error) from None

    async def encrypt(self, context: ssl.SSLContext, server_name: str | None) -> TlsStream:
        """Go over to TLS; raises NetError, after which the server has counted."""
        from vipwarden.net.tls import start_tls

        self._owed = b""  # in a handshake there is nothing that could be said
        await self._write(mysql.tls_request(self._database is not None))
        self.stream = encrypted = await start_tls(self.stream, context, server_name)
        self._tls = self.secure = True
        nobody = mysql.login(b"", b"", mysql_auth.NATIVE, None if self._database is None else b"", True)
        self._owed = mysql.frame(nobody, self._sequence)
        return encrypted

    async def login(self, greeting: Greeting, user: bytes, password: bytes) -> None:
        """Log in; raises NetError, and RefusalError with what the server says."""
        plugin = greeting.plugin if mysql_auth.can_answer(greeting.plugin) else mysql_auth.NATIVE
        answer = mysql_auth.answer(plugin, password, greeting.nonce)
        payload = mysql.login(user, answer, plugin, self._database, self._tls)
        for _ in range(_MOST_STEPS):
            await self._write(payload)
            try:
                reply = await self._reply(plugin)
                while reply == b"\1\3" and plugin == mysql_auth.CACHING:  # the quick way did it, OK follows
                    reply = await self._reply(plugin)
                if reply[:1] == b"\0":
                    self._owed, self.unspoken = b"", ""
                    return
                if reply[:1] == b"\xfe":
                    plugin, nonce = mysql.switch(reply)
                    payload = self._answer(plugin, password, nonce)
                elif reply == b"\1\4" and plugin == mysql_auth.CACHING:
                    payload = self._plain(plugin, password)
                elif reply[:1] in (b"\1", b"\2"):
                    payload = self._give_up(plugin)
                else:
                    raise mysql.PacketError(f"answered the login with {mysql.shown(reply)}")
            except mysql.PacketError as error:
                raise self._broken(error) from None
        raise self._broken(mysql.PacketError("asks for ever more in one login"))

    async def leave(self, greeting: Greeting) -> None:
        """Log in as nobody, to be refused: the way out for who may not or cannot log in."""
        if self._database is not None:
            self._database = b""
        try:
            await self.login(greeting, b"", b"")
            await self.quit()
        except (NetError, mysql.RefusalError):
            pass

    async def ping(self) -> None:
        """Ask whether the server lives; raises NetError, and RefusalError."""
        self._sequence = 0
        await self._write(mysql.PING)
        reply = await self._read()
        if reply[:1] == b"\xff":
            raise self._refusal(reply)
        if reply[:1] != b"\0":
            raise self._broken(mysql.PacketError(f"answered the ping with {mysql.shown(reply)}"))

    def part(self) -> None:
        """Leave at once, whatever was going on, with what the server has to find in order not to count."""
        if self._owed:
            self.stream.part(self._owed)
            self._owed = b""

    async def quit(self) -> None:
        """Say goodbye; there is no answer to wait for."""
        self._sequence = 0
        try:
            await self._write(mysql.QUIT)
        except NetError:
            pass  # it has answered all that was asked

    def _answer(self, plugin: str, password: bytes, nonce: bytes) -> bytes:
        if mysql_auth.can_answer(plugin):
            return mysql_auth.answer(plugin, password, nonce)
        if plugin in mysql_auth.IN_CLEAR:
            return self._plain(plugin, password)
        return b"" if plugin in mysql_auth.BY_SOCKET else self._give_up(plugin)

    def _plain(self, plugin: str, password: bytes) -> bytes:
        if self.secure:
            return password + b"\0"
        self.unspoken = "asks for the password in full, which needs TLS (-S) or the unix socket (-s)"
        if plugin != mysql_auth.CLEAR:  # MySQL asks who it does not know, or gave a wrong one, in the same way
            self.unspoken += ", or user or password is wrong"
        return mysql_auth.wrong_answer(plugin)

    def _give_up(self, plugin: str) -> bytes:
        self.unspoken = f"wants {plugin} of this account, which this check does not speak, or has no such account"
        return mysql_auth.wrong_answer(plugin)

    async def _reply(self, plugin: str) -> bytes:
        """Read the next packet of a login; who leaves before owes an answer to what the server may ask then."""
        self._owed = mysql.frame(mysql_auth.parting_answer(plugin), self._sequence + 1)
        reply = await self._read()
        if reply[:1] == b"\xff":
            self._owed = b""
            raise self._refusal(reply)
        return reply

    async def _read(self) -> bytes:
        header = await self.stream.receive_exactly(4)
        try:
            size = mysql.size(header, self._sequence)
        except mysql.PacketError as error:
            raise self._broken(error) from None
        payload = await self.stream.receive_exactly(size)
        self._sequence += 1
        return payload

    async def _write(self, payload: bytes) -> None:
        data = mysql.frame(payload, self._sequence)
        self._sequence += 1
        await self.stream.send(data)

    def _refusal(self, payload: bytes) -> mysql.RefusalError | NetError:
        try:
            return mysql.refusal(payload)
        except mysql.PacketError as error:
            return self._broken(error)

    def _broken(self, error: mysql.PacketError) -> NetError:
        return NetError("reset", f"{self.stream.name} {error}")
