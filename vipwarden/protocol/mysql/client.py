"""How does a check log in to a MySQL server, do its work, and leave without a connect error?"""

from __future__ import annotations

from time import monotonic

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError
from vipwarden.protocol.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from vipwarden.net.net import Net
    from vipwarden.protocol.mysql.codec import Greeting, RefusalError
    from vipwarden.protocol.mysql.options import Target

    T = TypeVar("T")

# Errors that refuse an account and so prove that the server is alive: access denied (1044, 1045, 1698), host without an
# account (1130), method not loaded or too old (1251, 1524), password expired (1820, 1862), account locked (3118, 3955
# of MySQL, 4151 of MariaDB), TLS wanted (3159)
LOGIN_REFUSED = (1044, 1045, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159, 3955, 4151)
_ADVICE = {
    1040: "has no connection left: see what holds them, or raise max_connections",
    1045: "refused the login of {user}: check password and grants",
    1044: "does not let {user} use the database {database}",
    1049: "has no database {database}",
    1129: "blocks this host for its connect errors: run 'mariadb-admin flush-hosts' (mysqladmin) on it, and find out "
    "what connects from here without logging in",
    1130: "has no account for this host: create one",
    3159: "takes logins by TLS only: give -S",
}
_ADVICE[1698] = _ADVICE[1045]


class Client:
    """One run and its results so far."""

    __slots__ = ("connected", "greeting", "name", "net", "notes", "target", "unspoken")

    def __init__(self, net: Net, target: Target) -> None:
        self.net = net
        self.target = target
        self.name = target.socket or target.host
        self.connected = 0.0
        self.greeting: Greeting | None = None
        self.unspoken = ""
        self.notes: list[str] = []

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Connect, log in, do the work and leave; raises NetError and RefusalError."""
        target = self.target
        contexts = await target.tls.contexts(self.net) if target.tls else None
        addresses = await self.net.resolve(target.socket or target.host)
        with await self.net.connect(addresses, target.port) as stream:
            self.connected = monotonic()
            self.name = stream.name
            session = Session(stream, bool(target.socket), target.database or None)
            try:
                self.greeting = greeting = await session.greet()
                self.name = f"{greeting.product} on {stream.name}"
                if contexts is not None:
                    await self._encrypt(session, greeting, contexts)
                await session.login(greeting, target.user, target.password)
                result = await work(session)
                await session.quit()
            except BaseException:  # the deadline, a signal, an agent that stops
                session.part()
                self.unspoken = session.unspoken
                raise
        return result

    def fault(self, error: NetError) -> str:
        """Return the text for what happened in place of an answer."""
        if self.greeting is not None:
            return error.text
        return f"no MySQL greeting: {error.text}" if self.connected else f"no MySQL server: {error.text}"

    async def _encrypt(
        self, session: Session, greeting: Greeting, contexts: tuple[ssl.SSLContext, ssl.SSLContext | None]
    ) -> None:
        """Start TLS and verify the certificate; after a failure leave without a connect error."""
        if not greeting.offers_tls:
            await session.leave(greeting)
            raise NetError("tls", f"{self.name} offers no TLS")
        handshake, verifier = contexts
        try:
            encrypted = await session.encrypt(handshake, self.target.host)
        except NetError:
            self.notes.append("the server counts a broken TLS handshake as a connect error, see max_connect_errors")
            raise
        self.notes.append(f"encrypted with {encrypted.version}")
        if verifier is None:
            return
        from vipwarden.protocol.tls.certificate import verify

        name = self.target.host if self.target.tls and self.target.tls.check_name else None
        try:
            verify(encrypted.chain(), verifier, name, self.name)
        except NetError:
            await session.leave(greeting)
            raise

    def explain(self, refusal: RefusalError) -> str:
        """Return the meaning of an error of the server."""
        if self.unspoken and self.target.user:  # without a user the server asks for any plugin
            return f"{self.name} {self.unspoken}"
        advice = _ADVICE.get(refusal.code)
        if advice is None:
            return f"{self.name} answered error {refusal.code}: {refusal.text}"
        user, database = _shown(self.target.user), _shown(self.target.database)
        return f"{self.name} {advice.format(user=user or 'nobody (give -u)', database=database)}"


def _shown(name: bytes) -> str:
    return one_line(repr(name.decode("utf-8", "replace")), 80) if name else ""
