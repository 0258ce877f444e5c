"""How do programs of other users hand events over? By sockets of the recorder, which knows who sends.

keepalived runs scripts as its script_user, who may not write root's spool. What such a user sends is taken for an
event of now on this node. Each has a socket of its own, which no other user may open: so nobody fills the queue of
another. A socket for all takes what comes before the recorder knows of a user.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from contextlib import suppress
from struct import Struct, pack
from typing import TYPE_CHECKING

from vipwarden.events.event import boot_id, decode
from vipwarden.events.hand import DOOR, MOST_BYTES
from vipwarden.events.senders import Senders, is_allowed
from vipwarden.state.clock import boot, wall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vipwarden.events.event import Event

_ROOM = 1 << 20  # bytes of a socket
_CREDENTIALS = Struct("=iII")  # struct ucred: PID, user, group
_MOST = 64  # datagrams at once
_MOST_USERS = 64
_RATE, _BURST = 10.0, 1000.0  # lines a second of a user: a script that has gone wild must not drive out the record
_APART = 60.0  # seconds by which clocks of an event may differ from now
_TELL = 60.0  # seconds between two words about who sends too much, or may not send
_ACL = "system.posix_acl_access"
_OWNER, _USER, _GROUP, _MASK, _OTHER, _NOBODY = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF  # linux/posix_acl.h


class Doors:
    """The sockets in the folder ``spool``, for the users of a keepalived.conf and that of the exporter."""

    def __init__(self, spool: str, conf: str) -> None:
        """Bind them anew; raises OSError."""
        self._path = f"{spool}/{DOOR}"
        self._senders = Senders(conf)
        self._budgets: dict[int, Budget] = {}
        self._lost: Counter[int] = Counter()
        self._refused: Counter[int] = Counter()
        self._lost_told = self._refused_told = -_TELL
        for name in os.listdir(spool):  # noqa: PTH208
            if name.startswith(f"{DOOR}."):  # of an earlier recorder
                os.unlink(f"{spool}/{name}")  # noqa: PTH108
        self._sockets = {-1: _bound(self._path)}
        self.renew()

    def descriptors(self) -> Iterable[int]:
        """Yield what can be read when something was sent."""
        for door in self._sockets.values():
            yield door.fileno()

    def close(self) -> None:
        """Take nothing any more."""
        for door in self._sockets.values():
            door.close()

    def renew(self) -> None:
        """Make a socket for each user who is new, and remove those of users who may no longer send; raises nothing."""
        self._kinds = self._senders.known()
        wanted = set(sorted(self._kinds.keys() - {0, os.geteuid()})[:_MOST_USERS])
        for user in self._sockets.keys() - wanted - {-1}:
            self._sockets.pop(user).close()
            self._budgets.pop(user, None)
            with suppress(OSError):
                os.unlink(f"{self._path}.{user}")  # noqa: PTH108
        for user in wanted - self._sockets.keys():
            with suppress(OSError):  # it has the socket for all
                self._sockets[user] = _bound(f"{self._path}.{user}", user)

    def take(self) -> list[bytes]:
        """Return the lines that have come from those who may hand over; raises nothing, and does not wait."""
        self.renew()
        lines: list[bytes] = []
        for door in self._sockets.values():
            for user, data in _received(door):
                kinds = self._kinds.get(user)
                if kinds is None:
                    self._refused[user] += 1
                    continue
                sent = data.splitlines(keepends=True)
                many = self._budgets.setdefault(user, Budget()).take(len(sent))
                self._lost[user] += len(sent) - many
                lines += (text for text in sent[:many] if _is_credible(decode(text), kinds))
        return lines

    def settled(self) -> None:
        """Take note that the disk has all lines that were taken."""
        for budget in self._budgets.values():
            budget.waiting = 0

    def losses(self, *, last: bool = False) -> list[str]:
        """Say whose events were lost since the last time; but for the last time at most once a minute."""
        lost = +self._lost
        if not lost or (boot() - self._lost_told < _TELL and not last):
            return []
        self._lost.clear()
        self._lost_told = boot()
        named = {self._senders.name(user): many for user, many in lost.items()}
        return [f"{many} events of user {name}, who hands over too many" for name, many in named.items()]

    def refused(self) -> str:
        """Say, at most once a minute, who has sent and may not; empty where nobody has."""
        if not self._refused or boot() - self._refused_told < _TELL:
            return ""
        users = ", ".join(str(user) for user, _ in self._refused.most_common(3))
        many, self._refused_told = self._refused.total(), boot()
        self._refused.clear()
        return f"{many} messages of users who run no script of keepalived were refused: user {users}"


class Budget:
    """How many lines of a user are taken: some at once, then so many a second, and few while the disk takes none."""

    def __init__(self) -> None:
        self.waiting = 0  # lines that the disk does not have yet
        self._left, self._counted = _BURST, boot()

    def take(self, lines: int) -> int:
        """Return how many of so many lines are taken."""
        now = boot()
        self._left = min(_BURST, self._left + (now - self._counted) * _RATE)
        self._counted = now
        many = max(0, min(lines, int(self._left), int(_BURST) - self.waiting))
        self._left -= many
        self.waiting += many
        return many


def _bound(path: str, user: int | None = None) -> socket.socket:
    """Return a socket at a path, which a user alone may open, or all; raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        door.bind(path)
        if user is None:
            os.chmod(path, 0o666)  # noqa: PTH101, S103 - the sender's user is what counts
        else:
            os.chmod(path, 0o600)  # noqa: PTH101
            os.setxattr(path, _ACL, _acl(user))
    except OSError:
        door.close()
        if user is not None:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108
        raise
    return door


def _acl(user: int) -> bytes:
    """Return the access control list by which the owner and a user may write, linux/posix_acl_xattr.h."""
    may = ((_OWNER, 6, _NOBODY), (_USER, 6, user), (_GROUP, 0, _NOBODY), (_MASK, 6, _NOBODY), (_OTHER, 0, _NOBODY))
    return pack("<I", 2) + b"".join(pack("<HHI", *entry) for entry in may)


def _received(door: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Yield what waits in a socket, with its sender's user."""
    for _ in range(_MOST):
        try:
            data, extra, flags, _ = door.recvmsg(MOST_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError:
            return
        for level, kind, value in extra:
            is_sender = (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
            if is_sender and len(value) >= _CREDENTIALS.size and not flags & socket.MSG_TRUNC:
                yield _CREDENTIALS.unpack_from(value)[1], data


def _is_credible(event: Event | None, kinds: frozenset[str]) -> bool:
    """Return whether it is an event of these kinds, of now and of this boot: else it could confuse the order."""
    return (
        event is not None
        and is_allowed(event, kinds)
        and event.bid == boot_id()
        and event.node == os.uname().nodename
        and abs(event.boot - boot()) < _APART
        and abs(event.wall - wall()) < _APART
    )
