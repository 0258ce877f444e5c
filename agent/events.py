"""Which events of this node make a check run at once: a process that ends, an address that comes or goes?

A process is watched by its pidfd (pidfd_open(2), Linux 5.3), an address by rtnetlink; neither needs a right. An event
only makes a check run earlier: without it, or where it is lost, the check runs at its interval.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from vipwarden.node.netlink.addresses import CHANGES, changed_address
from vipwarden.node.netlink.socket import ROUTE, messages

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

NOTHING: frozenset[int | str] = frozenset()
_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINVAL)
_GROUPS = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_READS = 64  # messages, before others on the same loop have their turn
_MOST_BYTES = 1 << 16


class Dependent(Protocol):
    """What depends on processes, by their PIDs, and on addresses, by their text."""

    name: str
    watched: frozenset[int | str]
    event: Callable[[], None]


class Events:
    """Calls ``event()`` of what depends on a process that ends or an address that changes.

    At most ``most`` pidfds are open. ``say`` takes a line for the operator.
    """

    def __init__(self, loop: AbstractEventLoop, most: int, say: Callable[[str], None]) -> None:
        self._ends = _Ends(loop, most)
        self._changes = _Changes(loop, say)

    def report(self, ended: Callable[[str, int], None]) -> None:
        """Call ``ended`` with the name of what depends on a process that has ended, and its PID."""
        self._ends.report = ended

    def close(self) -> None:
        """Watch nothing any more."""
        self._ends.close()
        self._changes.close()

    def watch(self, run: Dependent, names: frozenset[int | str]) -> None:
        """Watch processes and addresses for a run, but for those that it has watched already."""
        run.watched |= {
            name
            for name in names - run.watched
            if (self._ends.add(run, name) if isinstance(name, int) else self._changes.add(run, name))
        }

    def leave(self, run: Dependent, names: frozenset[int | str]) -> None:
        """Watch them for this run no longer."""
        for name in names:
            if isinstance(name, int):
                self._ends.remove(run, name)
            else:
                self._changes.remove(run, name)
        run.watched -= names


class _Ends:
    """The processes: a pidfd, which can be read when its process has ended, for each that a run depends on."""

    def __init__(self, loop: AbstractEventLoop, most: int) -> None:
        self.report: Callable[[str, int], None] = lambda _name, _pid: None
        self._loop = loop
        self._most = most
        self._epoll = select.epoll()
        self._pidfds: dict[tuple[Dependent, int], int] = {}
        self._owners: dict[int, tuple[Dependent, int]] = {}
        loop.add_reader(self._epoll.fileno(), self._ended)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        for pidfd in self._owners:
            os.close(pidfd)
        self._owners.clear()
        self._pidfds.clear()

    def add(self, run: Dependent, pid: int) -> bool:
        """Return whether it is watched."""
        if len(self._owners) >= self._most:
            return False
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:  # it has just ended
            self._loop.call_soon(run.event)
            return False
        except (AttributeError, OSError) as error:
            if not isinstance(error, OSError) or error.errno not in _FOR_NOW:
                self._most = 0  # Python or a kernel from before pidfds, or a filter
            return False
        self._owners[pidfd] = run, pid
        self._pidfds[run, pid] = pidfd
        self._epoll.register(pidfd, select.EPOLLIN)
        return True

    def remove(self, run: Dependent, pid: int) -> None:
        pidfd = self._pidfds.pop((run, pid), None)
        if pidfd is not None:
            del self._owners[pidfd]
            self._epoll.unregister(pidfd)
            os.close(pidfd)

    def _ended(self) -> None:
        seen: set[int] = set()
        for pidfd, _ in self._epoll.poll(0):
            if (owner := self._owners.get(pidfd)) is not None:
                run, pid = owner
                if pid not in seen:
                    seen.add(pid)
                    self.report(run.name, pid)
                self.remove(run, pid)
                run.watched -= {pid}
                run.event()


class _Changes:
    """The addresses: the runs that depend on each, and the socket by which the kernel tells of changes."""

    def __init__(self, loop: AbstractEventLoop, say: Callable[[str], None]) -> None:
        self._loop = loop
        self._say = say
        self._runs: dict[str, set[Dependent]] = {}
        self._socket: socket.socket | None = None
        self._refused = False

    def close(self) -> None:
        self._runs.clear()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def add(self, run: Dependent, address: str) -> bool:
        """Return whether it is watched."""
        if self._socket is None and not self._open():
            return False
        self._runs.setdefault(address, set()).add(run)
        return True

    def remove(self, run: Dependent, address: str) -> None:
        runs = self._runs.get(address, set())
        runs.discard(run)
        if not runs:
            self._runs.pop(address, None)

    def _open(self) -> bool:
        if self._refused:
            return False
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, ROUTE)
            try:
                sock.bind((0, _GROUPS))
            except OSError:
                sock.close()
                raise
        except OSError as error:
            self._refused = True
            self._say(f"addresses that come or go are seen at the next interval only: netlink: {error.strerror}")
            return False
        self._socket = sock
        self._loop.add_reader(sock, self._changed, sock)
        return True

    def _changed(self, sock: socket.socket) -> None:
        runs: set[Dependent] = set()
        with suppress(BlockingIOError):
            for _ in range(_READS):
                try:
                    data, sender = sock.recvfrom(_MOST_BYTES)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    runs.update(*self._runs.values())  # more changes than the socket holds: any of them may have been
                    continue
                for kind, _, _, body in messages(data if sender[0] == 0 else b""):
                    address = changed_address(body) if kind in CHANGES else None
                    runs.update(self._runs.get(address or "", ()))
        for run in runs:
            run.event()
