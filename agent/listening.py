"""Who may ask the agent for its verdicts, and where? Its doors, their clients, and what HAProxy has yet to be told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.agent_check import AgentCheck
from agent.clients import Clients
from agent.door import AGENT_CHECK, HTTP, Doors
from agent.http import Http
from agent.owed import Owed
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.client import Answer
    from agent.door import Door
    from agent.driver import Driver
    from agent.spoken import Spoken
    from agent.watch import Watch
    from vipwarden.core.listen import Network

_MOST_CLIENTS = 512


class Listening:
    """The ``doors`` that are open, and those who came in; ``spoken`` says what is told of a check."""

    def __init__(
        self,
        runtime: str,
        driver: Driver,
        spoken: Callable[[str], tuple[Watch, Spoken] | None],
        say: Callable[[str], None],
    ) -> None:
        self.doors = Doors()
        self._owed = Owed(paths.haproxy(runtime), driver.away, say)
        answers: dict[str, Answer] = {AGENT_CHECK: AgentCheck(spoken, self._owed), HTTP: Http(spoken)}
        most = min(_MOST_CLIENTS, driver.most // 8)
        driver.most -= most  # descriptors
        self._clients = Clients(asyncio.get_running_loop(), most, answers, say)

    @property
    def answered(self) -> int:
        """The number of answers so far."""
        return self._clients.answered

    def bind(self, doors: Sequence[Door], allow: Sequence[Network], *, shared: bool) -> None:
        """Take the addresses, and what an earlier agent owed; raises OSError. Nobody comes in before open()."""
        self._owed.read()
        self.doors = self.doors.moved(doors, allow, shared=shared)

    def open(self, doors: Doors) -> None:
        """Let clients come in by these doors, and by no others."""
        self._clients.open(doors)
        self.doors.close(doors)
        self.doors = doors

    def leave(self) -> None:
        """Let nobody come in any more; the doors stay until close(), as the watchdog answers there."""
        self._clients.close()

    def close(self) -> None:
        """Give the addresses back."""
        self.doors.close()
