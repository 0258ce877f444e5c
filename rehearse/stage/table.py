"""Which real servers has IPVS on the nodes of a stage, and since when?"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rehearse.stage.space import enter
from vipwarden.core.values import endpoint
from vipwarden.node.ipvs.proc import Reader, read
from vipwarden.node.ipvs.table import IpvsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.stage.loop import Loop

_EVERY = 0.2  # seconds
PATH = "/proc/thread-self/net/ip_vs"


class Tables:
    """The tables of the nodes of one stage; methods are for the thread of the loop.

    ``log`` has the time, the place of the node and each real server with connections: protocol, VIP, port,
    ADDRESS:PORT, weight.
    """

    def __init__(self, loop: Loop, spaces: Sequence[str]) -> None:
        self._loop = loop
        self._spaces = spaces
        self._readers = [Reader() for _ in spaces]
        self._known: list[list[list[str | int]]] = [[] for _ in spaces]
        self._runs = False
        self.log: list[tuple[float, int, list[list[str | int]]]] = []

    def begin(self) -> None:
        """Look from now on."""
        self._runs = True
        self._look()

    def end(self) -> None:
        """Look no more."""
        self._runs = False

    def _look(self) -> None:
        if not self._runs:
            return
        now = time.monotonic()
        self._loop.at(now + _EVERY, self._look)
        for place, space in enumerate(self._spaces):
            with suppress(OSError, IpvsError):
                enter(space)
                found: list[list[str | int]] = [
                    [*key, endpoint(server.address, server.port), server.weight]
                    for service in self._readers[place].services(read(PATH))
                    for key in [(service.proto, service.address, service.port)]
                    for server in service.servers
                    if server.weight
                ]
                if found != self._known[place]:
                    self._known[place] = found
                    self.log.append((now, place, found))
