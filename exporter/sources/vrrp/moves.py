"""When has each VRRP instance changed its state in the last hour? As far as the exporter has read it."""

from __future__ import annotations

from collections import deque
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vipwarden.node.keepalived.dump import Instance

    Move = tuple[float, int]  # seconds of the epoch, and the new state

_HOUR = 3600.0
_MOST = 60  # of an instance


class Moves:
    """The changes by instance; keepalived's dumps have only the last one."""

    def __init__(self) -> None:
        self._known: dict[str, deque[Move]] = {}

    def take(self, instances: Iterable[Instance]) -> Mapping[str, tuple[Move, ...]]:
        """Note the last change of each, and return those of the last hour."""
        known = {it.name: self._known.get(it.name) or deque(maxlen=_MOST) for it in instances}
        for it in instances:
            moves, last = known[it.name], (it.changed or 0.0, it.state if it.state is not None else -1)
            if it.changed and it.state is not None and (not moves or moves[-1] != last):
                moves.append(last)
        self._known = known
        now = time()
        return {name: tuple(move for move in moves if now - _HOUR < move[0] <= now) for name, moves in known.items()}
