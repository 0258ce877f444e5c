"""Which addresses does a name have? Cached answers; only the first lookup of a name waits.

An answer lives for its TTL and is asked for again after that. While nobody answers the last good answer is kept, also
over a restart; "no such name" is an answer. /etc/hosts goes before DNS. No name waits for names that had no answer.
"""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING

from agent import remembered
from agent.hosts import TTL, Hosts
from agent.resolver import NO_ANSWER, NOT_KNOWN, Resolver
from vipwarden.core.values import is_address
from vipwarden.net.address import Address, numeric
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable

_NEGATIVE_TTL = 5.0  # seconds
_LONGEST_PAUSE = 10.0  # seconds until a name without an answer is asked for again, from one second up
_LIFETIMES = (2.0, 5.0)  # seconds for one query to all servers: the first one, and later ones
_AT_ONCE, _AGAIN_AT_ONCE = 48, 16  # queries: for other names, and for names that had no answer
_SAVE = 10.0  # seconds between two writings of what is known


class _Name:
    """What is known of a name."""

    __slots__ = ("addresses", "asking", "error", "expires", "failures", "waiting")

    def __init__(self, addresses: list[Address]) -> None:
        self.addresses = addresses  # of the last good answer
        self.error = NO_ANSWER  # where there never was one
        self.expires = 0.0
        self.failures = 0  # in a row
        self.asking = False  # or waiting for a slot
        self.waiting: dict[object, Callable[[], None]] = {}  # by run: one each, however often it asked


class Names:
    """The names of all checks; ``say`` takes trouble, once for each time that it begins."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._names: dict[str, _Name] = {}
        self._known: dict[tuple[str, int], tuple[list[Address], _Name | None]] = {}
        self._hosts = Hosts()
        self._slots = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AGAIN_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._resolver = Resolver()
        self._path = ""
        self._saved: dict[str, list[Address]] = {}
        self._changed = False
        self._due = 0.0

    def remember(self, runtime: str) -> None:
        """Begin with the addresses of an earlier agent, and keep them for the next agent."""
        self._path = paths.agent("names", runtime)
        self._saved = remembered.read(self._path)

    def save(self, *, now: bool = False) -> None:
        """Write down what is known, if that has changed and the last writing is some time ago."""
        if not self._path or not self._changed or (monotonic() < self._due and not now):
            return
        self._due = monotonic() + _SAVE
        self._changed = False
        known = {host: name.addresses for host, name in self._names.items()}
        remembered.write(self._path, {**self._saved, **known}, self._say)

    def close(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        self.save(now=True)

    def known(self, host: str, family: int) -> list[Address] | None:
        """Return the known addresses of a host, or None; what has expired is asked for meanwhile."""
        entry = self._known.get((host, family))
        if entry is None:
            return self._numeric(host, family)
        known, name = entry
        if name is not None and name.expires < monotonic() and not name.asking:
            self._begin(host, name)
            entry = self._known.get((host, family))
            known = entry[0] if entry is not None else []
        return known or None

    def ask(self, host: str, run: object, resume: Callable[[], None]) -> bool:
        """Return whether an answer is there; else ``resume`` is called when it is."""
        name = self._names.get(host)
        if name is None:
            name = self._names[host] = _Name(self._saved.pop(host, []))
        if name.expires < monotonic() and not name.asking:
            self._begin(host, name)
        if name.expires >= monotonic() or name.addresses:
            return True
        name.waiting[run] = resume
        return False

    def answer(self, host: str, family: int) -> list[Address]:
        """Return the addresses of the last answer; raises OSError where it has none of the family."""
        name = self._names[host]
        fitting = _of(family, name.addresses)
        if not fitting:
            raise OSError(*(name.error if not name.addresses else NOT_KNOWN))
        self._known[host, family] = (fitting, name)
        return fitting

    def _numeric(self, host: str, family: int) -> list[Address] | None:
        if host.startswith("/"):
            addresses = [Address(socket.AF_UNIX, host)]
        else:
            try:
                if not is_address(host):
                    return None
                addresses = numeric(host, family)
            except (OSError, ValueError):
                return None  # Net.resolve() will say why
        self._known[host, family] = (addresses, None)
        return addresses

    def _begin(self, host: str, name: _Name) -> None:
        listed = self._hosts.of(host)
        if listed:
            if listed is not name.addresses:
                self._learn(host, name, listed)
            name.expires = monotonic() + TTL
            return
        name.asking = True
        task = asyncio.get_running_loop().create_task(self._ask(host, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, host: str, name: _Name) -> None:
        again = bool(name.failures)
        try:
            async with self._slots[again]:
                addresses, seconds = await self._resolver.resolve(host, _LIFETIMES[again])
        except OSError as error:
            self._missed(host, name, error)
        else:
            name.failures = 0
            name.expires = monotonic() + seconds
            self._learn(host, name, addresses)
        finally:
            name.asking = False
        waiting, name.waiting = name.waiting, {}
        for resume in waiting.values():
            resume()

    def _missed(self, host: str, name: _Name, error: OSError) -> None:
        code, text = error.errno or 0, str(error.args[-1])
        gone = code == socket.EAI_NONAME
        name.error = (code, text)
        name.failures += 1
        if name.failures == 1 or (gone and name.addresses):
            kept = "the last good answer is kept" if name.addresses else "there is no earlier answer to keep"
            self._say(f"cannot resolve {host}: {text}; {'there is no such name' if gone else kept}")
        name.expires = monotonic() + (_NEGATIVE_TTL if gone else min(2.0 ** (name.failures - 1), _LONGEST_PAUSE))
        if gone:
            self._learn(host, name, [])

    def _learn(self, host: str, name: _Name, addresses: list[Address]) -> None:
        """Take an answer over, also an empty answer."""
        if {address.host for address in addresses} != {address.host for address in name.addresses}:
            self._changed = True
        name.addresses = addresses
        for key in [(host, family) for family in (0, socket.AF_INET, socket.AF_INET6)]:
            if key in self._known:
                fitting = _of(key[1], addresses)
                if fitting:
                    self._known[key] = (fitting, name)
                else:
                    del self._known[key]


def _of(family: int, addresses: list[Address]) -> list[Address]:
    return [address for address in addresses if family in (0, address.family)]
