"""How is an rsync daemon asked, over a Stream?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError
from vipwarden.protocol.rsync.codec import Greeting, Listing, request, response, text
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.stream import Stream

_MOST_BYTES = 65536  # of the lines before a transfer
_MOST_MODULES = 10_000
_WIDTH = 15  # to which names in the list are filled up with blanks


class RefusalError(Exception):
    """The daemon refused a module or a login; the text is its own."""


class Session:
    """A connection to a daemon, which serves one question."""

    __slots__ = ("_buffer", "_digest", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = b""
        self._digest = ""

    async def modules(self) -> list[str]:
        """Return the names of the modules that everybody may see; raises NetError and RefusalError."""
        await self._ask(b"#list")
        names: list[str] = []
        while (line := await self._line()) != b"@RSYNCD: EXIT":
            name, tab, _ = line.partition(b"\t")
            if tab and len(name) >= _WIDTH and len(names) < _MOST_MODULES:  # others are of the message of the day
                names.append(text(name, 100).rstrip())
        return names

    async def enter(self, module: str, user: str | None, password: bytes) -> bool | None:
        """Begin with a module; return whether a login was wanted and given, None where it was not given.

        Raises NetError and RefusalError.
        """
        await self._ask(module.encode("utf-8", "surrogateescape"))
        wanted = False
        while (line := await self._line()) != b"@RSYNCD: OK":
            if not line.startswith(b"@RSYNCD: AUTHREQD "):
                continue
            if user is None:
                return None
            if wanted:
                raise RefusalError(f"{self._stream.name} asks for a login again")
            wanted = True
            name = user.encode("utf-8", "surrogateescape")
            await self._stream.send(response(self._digest, name, password, line.split(b" ", 2)[2]))
        return wanted

    async def look(self, path: str) -> tuple[int, int]:
        """Return size and time of the last change of a file; raises NetError, and RefusalError where it is not there.

        A path that ends in a slash is that of a folder, of which nothing is told: it is (0, 0).
        """
        await self._stream.send(request(path.encode("utf-8", "surrogateescape")))
        listing = Listing()
        try:
            listing.feed(self._buffer)
            while more := await self._received(listing.is_empty or listing.entry() is not None):
                listing.feed(more)
            found = listing.entry()
        except WireError as error:
            raise self._wrong(error) from None
        if found is None and (listing.complaints or not (listing.is_empty and path.endswith("/"))):
            why = "it is no file" if listing.is_empty else "no list of files came"
            said = "; ".join(listing.complaints[:3]) or why
            raise RefusalError(f"{self._stream.name} does not show {one_line(path, 200)}: {said}")
        return found or (0, 0)

    async def _received(self, is_done: bool) -> bytes:
        """Return more of the listing; how the daemon closes is of no interest where all ``is_done``."""
        try:
            return await self._stream.receive()
        except NetError:
            if not is_done:
                raise
            return b""

    async def _ask(self, question: bytes) -> None:
        """Greet, and ask; raises NetError."""
        try:
            greeting = Greeting(await self._line())
        except WireError as error:
            raise self._wrong(error) from None
        self._digest = greeting.digest
        await self._stream.send(greeting.reply + question + b"\n")

    async def _line(self) -> bytes:
        """Return the next line; raises NetError, and RefusalError for an error."""
        while b"\n" not in self._buffer:
            more = await self._stream.receive(4096)
            self._buffer += more
            if not more or len(self._buffer) > _MOST_BYTES:
                said = text(self._buffer, 60)
                raise self._wrong(
                    WireError(f"sent {said!r}, and no line of an rsync daemon" if said else "sent nothing")
                )
        line, _, self._buffer = self._buffer.partition(b"\n")
        line = line.rstrip(b"\r")
        if line.startswith(b"@ERROR"):
            raise RefusalError(f"{self._stream.name}: {text(line, 200).removeprefix('@ERROR: ')}")
        return line

    def _wrong(self, error: WireError) -> NetError:
        return NetError("reset", f"{self._stream.name} {error}")
