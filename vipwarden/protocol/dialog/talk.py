"""How is a dialog held, and where does it end?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vipwarden.net.stream import Stream
    from vipwarden.protocol.dialog.step import Step

_MOST_BYTES = 65536


class Talk:
    """A dialog on a connection; ``greeting`` is the first line of the server, for an operator.

    With ``secret`` no word that was sent is shown, though the server sends it back.
    """

    __slots__ = ("_ended", "_reply", "_secrets", "encrypt", "greeting", "secret", "stream")

    def __init__(self, stream: Stream, encrypt: Callable[[Stream], Awaitable[Stream]], *, secret: bool) -> None:
        self.stream = stream
        self.encrypt = encrypt
        self.secret = secret
        self._secrets: set[bytes] = set()
        self.greeting = ""
        self._reply = b""
        self._ended = False

    async def hold(self, steps: Sequence[Step]) -> None:
        """Take all steps; raises NetError with the step that failed, and what the server had said."""
        for number, step in enumerate(steps, 1):
            try:
                await self._take(step)
            except NetError as error:
                text = f"step {number} of {len(steps)} ({step.shown}): {error.text}"
                raise NetError(error.kind, text) from None

    async def _take(self, step: Step) -> None:
        if step.kind == "tls":
            if self._reply.partition(b"\n")[2]:
                raise NetError("tls", f"{self.stream.name} sent data in clear after it had agreed to TLS")
            self.stream = await self.encrypt(self.stream)
        elif step.expects:
            await self._expect(step)
            return
        else:
            if self.secret:
                self._secrets.update(step.data.split())
            await self.stream.send(step.data)
        self._reply = b""  # as in HAProxy: what was said before is not looked at again

    async def _expect(self, step: Step) -> None:
        """Read until the expectation can be judged, as tcpcheck_eval_expect() of HAProxy does."""
        least = max(step.least, len(step.data) if step.kind == "string" else 0)
        while True:
            last = self._ended or len(self._reply) >= _MOST_BYTES
            if last or len(self._reply) >= least:
                matches = step.matches(self._reply)
                if matches or last or step.least >= 0:
                    break
            await self._receive()
        if matches is step.inverse:
            said = self._said()
            raise NetError("reset", f"{self.stream.name} sent {said}{' and closed the connection' * self._ended}")

    async def _receive(self) -> None:
        try:
            more = await self.stream.receive()
        except NetError as error:
            text = f"{self.stream.name} sent {self._said()}, and no more within {self.stream.clock.timeout:.3g} s"
            raise NetError(error.kind, text if error.kind == "expired" else error.text) from None
        self._ended = not more
        self._reply += more
        if not self.greeting and b"\n" in self._reply:
            self.greeting = one_line(self._reply.partition(b"\n")[0].decode("utf-8", "replace"), 80)

    def _said(self) -> str:
        reply = self._reply
        for word in sorted(self._secrets, key=len, reverse=True):
            reply = reply.replace(word, b"***")
        return one_line(repr(reply[-120:])[1:], 120) if reply else "nothing"
