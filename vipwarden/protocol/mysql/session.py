"""How does a client log in to a MySQL server and leave without a connect error?

A server counts every connection that ends before or during the login, and blocks the host after max_connect_errors
(100) of them in a row. So after a deadline, a signal or the end of the agent this client still sends a login without
user and password. The server refuses that and does not count it, even if it has sent nothing yet: it will find the
packet later. The only exception is a TLS handshake that breaks off.
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
    """A connection to a server, for a database or None; ``secure`` if it may carry a plain password."""

    __slots__ = ("_database", "_owed", "_sequence", "_tls", "secure", "stream", "unspoken")

    def __init__(self, stream: Stream, secure: bool, database: bytes | None) -> None:
        self.stream = stream
        self.secure = secure
        self.unspoken = ""  # why the account's plugin cannot be used; follows the server's name
        self._database = database
        self._tls = False
        self._sequence = 0
        # what the server must find if we leave now: a login without user, as wrong passwords could lock an account.
        # Before its greeting, a server with another plugin than mysql_native_password for this counts nevertheless
        self._owed = mysql.frame(mysql.login(b"", b"", mysql_auth.NATIVE), 1)

    @property
    def owed(self) -> bytes:
        """What the server must still find, or it counts a connect error."""
        return self._owed

    async def greet(self) -> Greeting:
        """Return the greeting; raises NetError, and RefusalError if the server refuses this host."""
        payload = await self._read()
        try:
            return mysql.greeting(payload)
        except mysql.PacketError as error:
            raise self.broken(error) from None

    async def encrypt(self, context: ssl.SSLContext, server_name: str | None) -> TlsStream:
        """Start TLS; raises NetError, which the server counts."""
        from vipwarden.net.tls import start_tls

        self._owed = b""  # nothing can be sent in a handshake
        await self._write(mysql.tls_request(self._database is not None))
        self.stream = encrypted = await start_tls(self.stream, context, server_name)
        self._tls = self.secure = True
        nobody = mysql.login(b"", b"", mysql_auth.NATIVE, None if self._database is None else b"", True)
        self._owed = mysql.frame(nobody, self._sequence)
        return encrypted

    async def login(self, greeting: Greeting, user: bytes, password: bytes) -> None:
        """Log in; raises NetError, and RefusalError with what the server says."""
        plugin = greeting.plugin if greeting.plugin in mysql_auth.ANSWERS else mysql_auth.NATIVE
        answer = mysql_auth.answer(plugin, password, greeting.nonce)
        payload = mysql.login(user, answer, plugin, self._database, self._tls)
        for _ in range(_MOST_STEPS):
            await self._write(payload)
            try:
                reply = await self._reply(plugin)
                while reply == b"\1\3" and plugin == mysql_auth.CACHING:  # authenticated from the cache, OK follows
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
                raise self.broken(error) from None
        raise self.broken(mysql.PacketError("does not end the login"))

    async def leave(self, greeting: Greeting) -> None:
        """Leave by a login without user, which the server refuses."""
        if self._database is not None:
            self._database = b""
        try:
            await self.login(greeting, b"", b"")
            await self.quit()
        except (NetError, mysql.RefusalError):
            pass

    async def ping(self) -> None:
        """Ping the server; raises NetError, and RefusalError."""
        reply = await self.ask(mysql.PING)
        if reply[:1] != b"\0":
            raise self.broken(mysql.PacketError(f"answered the ping with {mysql.shown(reply)}"))

    async def ask(self, command: bytes) -> bytes:
        """Send a command and return the first packet of its reply; raises NetError, and RefusalError."""
        self._sequence = 0
        await self._write(command)
        return await self.packet()

    async def packet(self) -> bytes:
        """Return the next packet of a reply; raises NetError, and RefusalError."""
        payload = await self._read()
        if payload[:1] == b"\xff":
            raise self._refusal(payload)
        return payload

    def part(self) -> None:
        """Leave at once, with the packet that keeps the server from counting."""
        if self._owed:
            self.stream.part(self._owed)
            self._owed = b""

    async def quit(self) -> None:
        """Send COM_QUIT, which has no reply."""
        self._sequence = 0
        try:
            await self._write(mysql.QUIT)
        except NetError:
            pass  # the ping was answered

    def _answer(self, plugin: str, password: bytes, nonce: bytes) -> bytes:
        if plugin in mysql_auth.ANSWERS:
            return mysql_auth.answer(plugin, password, nonce)
        if plugin in mysql_auth.IN_CLEAR:
            return self._plain(plugin, password)
        return b"" if plugin in mysql_auth.BY_SOCKET else self._give_up(plugin)

    def _plain(self, plugin: str, password: bytes) -> bytes:
        if self.secure:
            return password + b"\0"
        self.unspoken = "asks for the password in full, which needs TLS (-S) or the unix socket (-s)"
        if plugin != mysql_auth.CLEAR:  # MySQL asks the same after a wrong user or password
            self.unspoken += ", or user or password is wrong"
        return mysql_auth.WRONG_ANSWERS.get(plugin, b"")

    def _give_up(self, plugin: str) -> bytes:
        self.unspoken = f"wants {plugin} of this account, which this check does not speak, or has no such account"
        return mysql_auth.WRONG_ANSWERS.get(plugin, b"")

    async def _reply(self, plugin: str) -> bytes:
        """Return the next packet of a login; prepares an answer to the next question, in case of an early end."""
        self._owed = mysql.frame(mysql_auth.PARTING_ANSWERS.get(plugin, b""), self._sequence + 1)
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
            raise self.broken(error) from None
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
            return self.broken(error)

    def broken(self, error: mysql.PacketError) -> NetError:
        """Return the error of a server that sent something else."""
        return NetError("reset", f"{self.stream.name} {error}")
