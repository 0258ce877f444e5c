"""What is HAProxy told while the agent is gone or hangs? The watchdog answers ``down`` in its place.

HAProxy keeps the last state of a server whose agent does not answer. So the watchdog has the listening sockets as well,
and accepts for as long as there are checks that it has failed. It answers only what has been asked already, and never
waits for a client.
"""

from __future__ import annotations

from _socket import MSG_DONTWAIT, SHUT_WR, socket

from agent.value import HOLD
from vipwarden.core.listen import Network, packed
from vipwarden.state.paths import file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from agent.manifest import Guarded

ANSWER = b"down #the agent of vipwarden has ended or hangs\n"
LASTS = 60.0  # seconds after the end of the agent, in which each HAProxy asks once
_MOST = 16  # clients in one turn
_MOST_BYTES = 512


class Deputy:
    """Answers at ``posts``: a descriptor, and the number of a check in ``guarded`` or -1 for the name that is sent."""

    def __init__(self, posts: Iterable[str], allow: str, guarded: Sequence[Guarded]) -> None:
        pairs = [tuple(map(int, post.split(" "))) for post in posts]
        self.posts = {descriptor: (socket(fileno=descriptor), number) for descriptor, number in pairs}
        self._allow = [Network(text) for text in allow.split()]
        self._guarded = guarded
        self._numbers = {check.file: number for number, check in enumerate(guarded)}

    def answer(self, descriptor: int, failed: Collection[int]) -> None:
        """Answer those who wait at a post, for the checks that have failed by these numbers."""
        post, number = self.posts[descriptor]
        for _ in range(_MOST):
            try:
                accepted, address = post._accept()  # type: ignore[attr-defined]
            except OSError:  # nobody waits any more
                return
            client = socket(fileno=accepted)
            try:
                self._speak(client, address[0], number, failed)
            except OSError:
                pass  # it has gone
            client.close()

    def _speak(self, client: socket, peer: str, number: int, failed: Collection[int]) -> None:
        raw = packed(peer)
        if raw is None or not any(network.holds(raw) for network in self._allow):
            return
        try:
            line = client.recv(_MOST_BYTES, MSG_DONTWAIT)
        except BlockingIOError:
            line = b""
        if number < 0:
            name, newline, _ = line.partition(b"\n")
            text = name.decode("utf-8", "replace").strip()
            number = self._numbers.get(file_name(text), -1) if newline and text else -1
        if number in failed and self._guarded[number].loss != HOLD:
            client.send(ANSWER, MSG_DONTWAIT)
            client.shutdown(SHUT_WR)
