"""What do the other nodes say? Their exporters are asked in the background, while somebody has the page open."""

from __future__ import annotations

from math import inf
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.peer import DEADLINE, OwnError, PeerError, read
from vipwarden.core.result import one_line
from vipwarden.core.thread import in_thread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from exporter.peer import Access, Peer

    Ask: TypeAlias = Callable[[Peer, Access, bytes], object]

_EVERY = 3.0  # seconds between two requests to a peer
_FRESH = 30.0  # an older answer tells nothing of now


class Sight(NamedTuple):
    """What is known of a peer: what it said at ``since``, or why it is not known since then, or nothing yet.

    ``held`` are its VIPs, or what else it was asked for. ``since`` is in seconds of the epoch; ``answers`` where it did
    answer, but without them.
    """

    name: str
    held: Any = None
    failure: str = ""
    since: float = 0.0
    answers: bool = False


class Peers:
    """Asks the peers by ``ask``, by default for their VIPs; a page never waits for them."""

    def __init__(self, ask: Ask = read) -> None:
        self._ask = ask
        self._watches: dict[Peer, _Watch] = {}

    def look(self, peers: Sequence[Peer], access: Access, own: bytes) -> list[Sight]:
        """Return what is known of each, and have it asked again; ``own`` is a line of this exporter's alone."""
        self._watches = {peer: self._watches.get(peer) or _Watch(peer, self._ask) for peer in peers}
        sights = [watch.look(access, own) for watch in self._watches.values()]
        return [sight for sight in sights if sight is not None]


class _Watch:
    """One peer: its last answer, and the request that is under way."""

    def __init__(self, peer: Peer, ask: Ask) -> None:
        self._peer = peer
        self._ask = ask
        self._asked = self._answered = -inf
        self._is_busy = False
        self._sight: Sight | None = None

    def look(self, access: Access, own: bytes) -> Sight | None:
        now = monotonic()
        if self._is_busy and now - self._asked > 2 * DEADLINE:  # such as a CA file on a dead mount
            self._fail("a file of this node does not answer", answers=False)
        elif not self._is_busy and now - self._asked >= _EVERY:
            self._asked = now
            try:
                future, _ = in_thread(lambda: self._ask(self._peer, access, own))
            except RuntimeError as error:  # no thread can be started
                self._fail(str(error), answers=False)
            else:
                self._is_busy = True
                future.add_done_callback(self._take)
        return self._sight if now - self._answered < _FRESH else Sight(self._peer.name)

    def _take(self, future: asyncio.Future[object]) -> None:
        self._is_busy = False
        error = future.exception()
        if isinstance(error, OwnError):
            self._sight, self._answered = None, inf
        elif error is None:
            self._sight, self._answered = Sight(self._peer.name, future.result(), since=time()), monotonic()
        else:
            self._fail(one_line(str(error)), answers=isinstance(error, PeerError))

    def _fail(self, why: str, *, answers: bool) -> None:
        now, before = monotonic(), self._sight
        lasts = before is not None and before.failure and now - self._answered < _FRESH
        since = before.since if before is not None and lasts else time()
        self._sight, self._answered = Sight(self._peer.name, None, why, since, answers), now
