"""Which clients may ask? Those of agent.allow; the others are named in the log once in a while."""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING

from vipwarden.core.listen import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.core.listen import Network

_QUIET = 60.0  # seconds between two lines
_MOST_KNOWN = 1024  # addresses


class Allowed:
    """The clients of some networks; ``say`` takes a line about those who are none."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._networks: Sequence[Network] = ()
        self._known: dict[str, bool] = {}
        self._refused: Counter[str] = Counter()
        self._said = float("-inf")

    def change(self, networks: Sequence[Network]) -> None:
        """Allow the clients of other networks from now on."""
        self._networks = networks
        self._known.clear()

    def may(self, peer: str) -> bool:
        """Return whether a client may ask."""
        known = self._known.get(peer)
        if known is None:
            raw = packed(peer)
            known = raw is not None and any(network.holds(raw) for network in self._networks)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[peer] = known
        if not known:
            self._refuse(peer)
        return known

    def _refuse(self, peer: str) -> None:
        if len(self._refused) < _MOST_KNOWN or peer in self._refused:
            self._refused[peer] += 1
        now = monotonic()
        if now - self._said >= _QUIET:
            self._said = now
            count = self._refused.total()
            self._say(f"agent.allow refuses {peer}: {count} connections of {len(self._refused)} clients so far")
