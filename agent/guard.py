"""How does the agent start its watchdog, and replace a lost or hung watchdog, while checks go on?"""

from __future__ import annotations

import asyncio
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING

from agent import manifest
from agent.child import Child, word
from agent.value import NEVER
from agent.watchdog import LEAVING, READY, TAKEN, Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.manifest import Guarded

_START = 10.0  # seconds that it may take to be ready
_SILENT = 4  # looks without a sign of life, after which it counts as hung
_ANSWER = 2.0  # seconds that it may take to answer at a clean end, or to end
_AGAIN = 1.0  # seconds between two tries to start one
_ending: set[asyncio.Task[int]] = set()  # kept here as nobody else waits for them


class GuardError(OSError):
    """There is no watchdog, and without one nothing may be called healthy."""


class Guard:
    """The watchdog over ``guarded`` of the agent with the word ``owner``; it stands from ``start()`` on.

    At ``posts`` it answers HAProxy for an agent that is lost: a descriptor, and the number of a check or -1 for any.
    """

    def __init__(
        self,
        runtime: str,
        owner: str,
        guarded: Sequence[Guarded],
        say: Callable[[str], None],
        posts: Sequence[tuple[int, int]] = (),
        allow: Sequence[str] = (),
    ) -> None:
        """Prepare its memory; raises OSError."""
        self._posts = posts
        self._allow = allow
        self.runtime = runtime
        self.owner = owner
        self.guarded = guarded
        self._say = say
        text = manifest.encode(guarded)
        self._memory = os.memfd_create("vipwarden")
        try:
            os.ftruncate(self._memory, Shared.size(len(guarded)) + len(text))
            shared = Shared(self._memory, len(guarded))
        except BaseException:
            os.close(self._memory)
            raise
        shared.text[:] = text
        self.looks, self.failed, self._alive = shared.looks, shared.failed, shared.alive
        for number in range(len(guarded)):
            self.looks[number] = NEVER
        self._child: Child | None = None
        self._socket: socket.socket | None = None
        self._is_ready = False
        self._seen = (0.0, 0)  # its last sign of life, and for how many looks that is unchanged
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the watchdog; raises GuardError."""
        await self._start()
        self._keeping = asyncio.create_task(self._keep())

    async def _start(self) -> None:
        """Start one and wait until it is ready; one that is not ready in time is gone then."""
        own = None
        try:
            own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            with other:
                numbers = (os.getpid(), other.fileno(), self._memory, len(self.guarded))
                arguments = [self.runtime, self.owner, manifest.owner(self.runtime), *map(str, numbers)]
                arguments += [" ".join(self._allow), *(f"{post} {number}" for post, number in self._posts)]
                descriptors = other.fileno(), self._memory, *(post for post, _ in self._posts)
                self._child = Child("agent.watchdog", arguments, descriptors)
        except OSError as error:
            if own is not None:
                own.close()
            raise GuardError(error.errno, f"cannot start the watchdog: {error.strerror}") from None
        self._socket = own
        if await word(own, _START) != READY:
            self._let_go()
            raise GuardError(0, f"the watchdog did not start within {_START:.0f} s or ended at once")
        self._seen = (0.0, 0)
        self._is_ready = True

    async def _keep(self) -> None:
        """Replace it whenever it ends."""
        while self._child is not None:
            code = await self._child.end()
            self._let_go()
            self._say(f"the watchdog ended ({code}): starting another")
            pause = 0.0  # once more at once, then each second
            while not self._is_ready:
                try:
                    await self._start()
                except GuardError as error:
                    if not pause:
                        self._say(f"{error.strerror}; trying again until one does")
                    await asyncio.sleep(pause)
                    pause = _AGAIN

    def _let_go(self) -> asyncio.Task[int] | None:
        """End the watchdog, if there is one; return what waits for its end."""
        child, self._child = self._child, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._is_ready = False
        if child is None:
            return None
        child.kill()
        ending = asyncio.create_task(child.end())
        _ending.add(ending)
        ending.add_done_callback(_ending.discard)
        return ending

    @property
    def pid(self) -> int:
        """The number of the watchdog, 0 where there is none at the moment."""
        return self._child.pid if self._child is not None else 0

    def inspect(self) -> str:
        """Replace a watchdog that hangs: to be called each second. Return what is wrong, or an empty text."""
        alive, looks = self._seen
        self._seen = (alive, looks + 1) if alive == self._alive[0] else (self._alive[0], 0)
        if not self._is_ready or self._child is None:
            return "there is no watchdog at the moment"
        if looks >= _SILENT:
            self._child.kill()  # _keep() sees its end
        return ""

    def arm(self, before: Guard | None = None) -> None:
        """Begin to guard: looks under the guard before keep their age, all other checks count as looked at now."""
        now = monotonic()
        known = {c.file: look for c, look in zip(before.guarded, before.looks, strict=True)} if before else {}
        for number, check in enumerate(self.guarded):
            self.looks[number] = known.get(check.file, now)
        if before is not None:
            self.inherit(before)

    def inherit(self, before: Guard) -> None:
        """Take over what the watchdog before has failed."""
        failed = {check.file for check, mark in zip(before.guarded, before.failed, strict=True) if mark}
        for number, check in enumerate(self.guarded if failed else ()):
            if check.file in failed:
                self.failed[number] = 1

    async def leave(self, grace: float) -> None:
        """Leave the track files to the watchdog, for ``grace`` seconds in which a successor may come.

        Where the watchdog does not answer, all fail at once.
        """
        await self._stop()
        if self._socket is not None:
            try:
                self._socket.send(LEAVING + f"{grace:.3f}".encode())
            except OSError:
                pass  # it is gone
            until = monotonic() + _ANSWER
            answer = READY
            while answer == READY and monotonic() < until:
                answer = await word(self._socket, max(0.0, until - monotonic()))
            if answer == TAKEN:
                self._socket.close()
                os.close(self._memory)
                return
        await self.dismiss()
        left = sum(not check.fail(self.runtime) for check in self.guarded)
        more = f"; {left} track files could neither be written nor removed" if left else ""
        self._say(f"no watchdog is there to wait for a successor: all checks have failed{more}")

    async def dismiss(self) -> None:
        """End the watchdog, and wait for that: another one guards in its place."""
        await self._stop()
        ending = self._let_go()
        os.close(self._memory)
        if ending is not None:
            _, pending = await asyncio.wait({ending}, timeout=_ANSWER)
            if pending:
                self._say("the watchdog before cannot be ended")

    async def _stop(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait({keeping})
