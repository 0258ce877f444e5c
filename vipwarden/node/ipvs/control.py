"""How are paths made, found and removed in the kernel's IPVS table? Needs CAP_NET_ADMIN.

A path belongs to the program that holds the abstract unix socket of its owner's number: such names are those of one
network namespace, as the table is, and are free when the program ends, however it ends.
"""

from __future__ import annotations

import _socket
import errno
from posix import getpid

from vipwarden.node.ipvs import marked
from vipwarden.node.ipvs.netlink import NetlinkClosedError, family_id, request
from vipwarden.node.ipvs.table import IpvsError
from vipwarden.node.netlink.socket import ACK, DUMP, GENERIC, Netlink, TornError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.node.ipvs.marked import Server

_NEW_SERVICE, _DEL_SERVICE, _GET_SERVICE, _NEW_DEST, _GET_DEST = 1, 3, 4, 5, 8
_SECONDS = 1
_TRIES = 5
_MOST_OWNERS = 1000
NO_RIGHTS = (
    "CAP_NET_ADMIN is missing: be root; for the agent's unit copy "
    "/usr/share/vipwarden/systemd/vipwarden-agent.service.d/via.conf to /etc/systemd/system/vipwarden-agent.service.d/"
)
_HELP = {
    errno.EPERM: NO_RIGHTS,
    errno.EACCES: NO_RIGHTS,
    errno.EAFNOSUPPORT: NO_RIGHTS,  # by RestrictAddressFamilies of a unit
    errno.ENOENT: "the kernel has no IPVS with the scheduler rr: modprobe -a ip_vs ip_vs_rr",
}


class Found:
    """A path in the table: its mark, its real servers (one but for moments), and whether it lasts and has an owner."""

    __slots__ = ("family", "is_owned", "lasts", "mark", "servers")

    def __init__(self, family: int, mark: int, servers: list[Server], *, lasts: bool, is_owned: bool) -> None:
        self.family = family
        self.mark = mark
        self.servers = servers
        self.lasts = lasts
        self.is_owned = is_owned


class Control:
    """The paths in the table of this network namespace; every method raises IpvsError with what helps."""

    __slots__ = ("_family", "_owner", "number")

    def __init__(self) -> None:
        self._family = 0
        self._owner: _socket.socket | None = None
        self.number = 0  # of this program as an owner, 0 before it owns a path

    def own(self) -> None:
        """Let this program be the owner of paths."""
        first = getpid()
        for number in range(first, first + _MOST_OWNERS):  # another process namespace may have the same number
            self._owner = _claim(number)
            if self._owner is not None:
                self.number = number
                return
        raise IpvsError("no name is free for an owner of paths")

    def disown(self) -> None:
        """Own nothing any more."""
        if self._owner is not None:
            self._owner.close()
        self._owner, self.number = None, 0

    def add(self, family: int, mark: int, server: Server, *, lasts: bool) -> bool:
        """Make a path; return False where the table has another service with the mark."""
        try:
            self._ask(_NEW_SERVICE, ACK, marked.service(family, mark, lasts=lasts))
        except FileExistsError:
            return False
        try:
            self._ask(_NEW_DEST, ACK, marked.names(family, mark) + marked.server(server))
        except OSError as error:
            if error.errno == errno.ESRCH:  # somebody took the empty service for an abandoned one
                return False
            self.remove(family, mark)
            raise IpvsError(f"IPVS takes no path to {server.real}: {error.args[-1]}") from None
        return True

    def remove(self, family: int, mark: int) -> None:
        """Remove the service with a mark."""
        try:
            self._ask(_DEL_SERVICE, ACK, marked.names(family, mark))
        except OSError as error:
            if error.errno != errno.ESRCH:  # somebody else has removed it
                raise IpvsError(f"the IPVS service of mark {mark} cannot be removed: {error.args[-1]}") from None

    def servers(self, family: int, mark: int) -> list[Server]:
        """Return the real servers of the service with a mark, none where there is no such service."""
        try:
            bodies = self._ask(_GET_DEST, DUMP, marked.names(family, mark))
        except OSError as error:
            raise IpvsError(f"the IPVS service of mark {mark} cannot be read: {error.args[-1]}") from None
        return marked.servers(bodies, family)

    def find(self, family: int, mark: int) -> Found | None:
        """Return the path with a mark, None where the service with it is none of ours or has gone."""
        try:
            bodies = self._ask(_GET_SERVICE, ACK, marked.names(family, mark))
        except OSError:
            return None
        return next((self._found(*names, lasts=lasts) for names, lasts in marked.ours(bodies).items()), None)

    def all(self) -> list[Found]:
        """Return all paths in the table."""
        for left in reversed(range(_TRIES)):
            try:
                bodies = self._ask(_GET_SERVICE, DUMP, b"")
                return [self._found(*names, lasts=lasts) for names, lasts in marked.ours(bodies).items()]
            except TornError:
                if not left:
                    raise IpvsError("the IPVS table changes faster than it can be read") from None
            except OSError as error:
                raise IpvsError(f"the IPVS table cannot be read: {error.args[-1]}") from None
        raise AssertionError("unreachable")

    def clear(self, *, used: bool = False) -> list[Found]:
        """Remove the paths whose owner has ended, or those in use as well, and return them."""
        gone = [found for found in self.all() if used or not found.is_owned]
        for found in gone:
            self.remove(found.family, found.mark)
        return gone

    def _found(self, family: int, mark: int, *, lasts: bool) -> Found:
        servers = self.servers(family, mark)
        return Found(family, mark, servers, lasts=lasts, is_owned=any(_is_owned(it.owner) for it in servers))

    def _ask(self, command: int, flags: int, payload: bytes) -> list[bytes]:
        """Ask the kernel; raises OSError for what the caller knows, else IpvsError."""
        try:
            with Netlink(GENERIC, _SECONDS) as netlink:
                self._family = self._family or family_id(netlink)
                return netlink.ask(self._family, flags, request(command, payload))
        except NetlinkClosedError as error:
            raise IpvsError(str(error)) from None
        except OSError as error:
            self._family = 0  # it is another one when the module has been loaded anew
            if error.errno in _HELP:
                raise IpvsError(_HELP[error.errno]) from None
            raise


def _claim(number: int) -> _socket.socket | None:
    """Return the socket of an owner, None where another program holds it."""
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        sock.bind(b"\0vipwarden via %d" % number)
    except OSError:
        sock.close()
        return None
    return sock


def _is_owned(number: int) -> bool:
    """Return whether the owner of a number runs."""
    sock = _claim(number)
    if sock is not None:
        sock.close()
    return sock is None
