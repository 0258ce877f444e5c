"""How do programs of other users hand events over? By a socket of the recorder, which knows who sends.

keepalived runs scripts as its script_user, who may not write root's spool. What such a user sends is taken for an
event of now on this node, of the kinds that scripts have; the recorder refuses other users.
"""

from __future__ import annotations

import os
import pwd
import socket
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING

from vipwarden.events.event import boot_id, decode
from vipwarden.events.hand import DOOR, MOST_BYTES
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.state.clock import boot, wall

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

KINDS = frozenset(("check", "restart", "server", "vrrp"))
_USUAL = "keepalived_script"  # keepalived's default, keepalived.conf(5)
_ROOM = 1 << 20  # bytes of the socket
_CREDENTIALS = Struct("=iII")  # struct ucred: PID, user, group
_MOST = 64  # datagrams at once
_RATE, _BURST = 100.0, 1000.0  # lines a second: a script that has gone wild must not drive out the record
_APART = 60.0  # seconds by which clocks of an event may differ from now


class Door:
    """The socket in the folder ``spool``, for the users of the scripts of a keepalived.conf."""

    def __init__(self, spool: str, conf: str) -> None:
        """Bind it anew; raises OSError."""
        self._conf = conf
        self._stamp: tuple[int, ...] = ()
        self._users: set[int] = set()
        self._left, self._taken = _BURST, boot()
        self.lost = 0  # lines beyond the rate
        path = f"{spool}/{DOOR}"
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            self._socket.bind(path)
            os.chmod(path, 0o666)  # noqa: PTH101, S103 - the sender's user is what counts
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return its descriptor, for poll()."""
        return self._socket.fileno()

    def close(self) -> None:
        """Take nothing any more."""
        self._socket.close()

    def take(self) -> list[bytes]:
        """Return the lines that have come from those who may hand over; raises nothing, and does not wait."""
        lines: list[bytes] = []
        for _ in range(_MOST):
            try:
                data, extra, flags, _ = self._socket.recvmsg(MOST_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
            except OSError:
                break
            if not flags & socket.MSG_TRUNC and _sender(extra) in self._allowed():
                lines += (text for text in data.splitlines(keepends=True) if _is_credible(text))
        now = boot()
        self._left = min(_BURST, self._left + (now - self._taken) * _RATE)
        self._taken = now
        many = min(len(lines), int(self._left))
        self._left -= many
        self.lost += len(lines) - many
        return lines[:many]

    def _allowed(self) -> set[int]:
        """Return the users of keepalived's scripts, as keepalived.conf has them now."""
        try:
            status = os.stat(self._conf)  # noqa: PTH116
            stamp: tuple[int, ...] = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._users = _numbers(script_users(parse(self._conf)))
            self._stamp = stamp
        except (ConfError, OSError):
            self._users = self._users or _numbers({_USUAL})
        return self._users


def script_users(conf: Block) -> set[str]:
    """Return the users as which a keepalived.conf runs scripts: script_user, and ``user`` of a vrrp_script."""
    named = [block.value("script_user") for block in conf.named("global_defs")]
    named += [block.value("user") for block in conf.named("vrrp_script")]
    return {_USUAL, *filter(None, named)}


def _numbers(names: set[str]) -> set[int]:
    found = {0, os.geteuid()}
    for name in names:
        with suppress(KeyError):
            found.add(int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid)
    return found


def _sender(extra: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) >= _CREDENTIALS.size:
            user: int = _CREDENTIALS.unpack_from(data)[1]
            return user
    return None


def _is_credible(text: bytes) -> bool:
    """Return whether a line is an event of a script, of now and of this boot: else it could confuse the order."""
    event = decode(text)
    return (
        event is not None
        and event.kind in KINDS
        and event.bid == boot_id()
        and event.node == os.uname().nodename
        and abs(event.boot - boot()) < _APART
        and abs(event.wall - wall()) < _APART
    )
