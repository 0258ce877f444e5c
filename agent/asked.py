"""What do the peers say of their checks? They are asked in threads of their own, while somebody wants to know."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from agent.away import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from agent.away import Away

_EVERY, _SELDOM = 0.5, 2.0  # seconds from one question to the next, and where answers of thousands of checks take long
_PATIENCE = 5.0  # seconds without an answer: the deadline of a request, twice
_FRESH = 5.0  # seconds for which an answer counts
_SAME = 0.002  # seconds by which the same time may be rounded
_NEVER = float("-inf")


class Seen(NamedTuple):
    """A check of a peer: whether it could take over, when its run began in seconds before, and since when it is so."""

    healthy: bool
    began: float
    since: float


if TYPE_CHECKING:
    Ask: TypeAlias = Callable[[], Mapping[str, Seen]]


class _Peer:
    """One peer; ``ask`` blocks, within its own deadline, and raises where there is no answer."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.job: Job | None = None
        self.began = _NEVER  # when it was asked last
        self.refused = _NEVER  # when it was asked last without an answer
        self.asked = self.answered = _NEVER  # when the last answer was asked for, and when it came
        self.checks: Mapping[str, Seen] = {}  # the last answer


class Asked:
    """The peers, and their last answers."""

    def __init__(self, away: Away) -> None:
        self._away = away
        self._peers: list[_Peer] = []

    def go_over(self, asks: Sequence[Ask]) -> None:
        """Ask others from now on."""
        self._peers = [_Peer(ask) for ask in asks]

    def opinion(self, name: str, since: float, own: float) -> bool | None:
        """Return whether all peers have lost a check as well, that failed here at a monotonic time; None if not clear.

        ``own`` is since when it fails, in seconds of the epoch: an answer that says the same is this node's own.
        """
        now, others, is_unclear = monotonic(), 0, False
        for peer in self._peers:
            self._ask(peer, now)
            if peer.asked < since or now - peer.answered > _FRESH:
                if peer.refused >= since or now - max(since, peer.answered) > _PATIENCE:
                    return False
                is_unclear = True
                continue
            seen = peer.checks.get(name)
            if seen is None:
                return False
            if abs(seen.since - own) < _SAME:
                continue
            others += 1
            if seen.healthy:
                if peer.asked - seen.began >= since:
                    return False
                is_unclear = True  # it was so before the failure
        return None if is_unclear else others > 0

    def _ask(self, peer: _Peer, now: float) -> None:
        took = peer.answered - peer.asked if peer.answered > 0 else 0.0
        if peer.job is None and now - peer.began >= max(_EVERY, min(2 * took, _SELDOM)):
            peer.began = now
            peer.job = job = Job("a peer", peer.ask, float("inf"), lambda: self._take(peer, job))
            self._away.begin(job)

    def _take(self, peer: _Peer, job: Job) -> None:
        peer.job = None
        if job.error is None and isinstance(job.value, dict):
            peer.asked, peer.answered, peer.checks = peer.began, monotonic(), job.value
        else:
            peer.refused = peer.began
