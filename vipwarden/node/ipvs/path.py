"""How does a check use a path in IPVS: the socket of a connection, and whether the path still stands?

A connection ends with a reset: its last packets must not come after the path has been removed.
"""

from __future__ import annotations

import _socket
import errno
from sys import byteorder
from time import monotonic

from vipwarden.net.stream import NetError
from vipwarden.node.ipvs.control import NO_RIGHTS
from vipwarden.node.ipvs.marked import family_of
from vipwarden.node.ipvs.table import IpvsError
from vipwarden.node.netlink.route import route_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.node.ipvs.control import Control
    from vipwarden.node.ipvs.marked import Server

_SO_MARK = 36
_RESET_ON_CLOSE = (1).to_bytes(4, byteorder) + bytes(4)  # struct linger
_DISCARD = 9  # any port: nothing is sent


class IpvsPath:
    """A path in the table, as vipwarden.net.path wants it; ``is_own`` tells whether this program has made it."""

    __slots__ = ("_control", "family", "is_gone", "is_own", "mark", "ports", "real", "server", "turn", "used")

    def __init__(self, control: Control, mark: int, server: Server, ports: range, turn: int, *, is_own: bool) -> None:
        self._control = control
        self.family = family_of(server.real)
        self.mark = mark
        self.server = server
        self.real = server.real
        self.ports = ports
        self.is_own = is_own
        self.is_gone = False
        self.used = monotonic()
        self.turn = turn

    def prepare(self, sock: _socket.socket, vip: str, source: str | None) -> None:
        """Mark a socket and bind it: unbound it would have the VIP as its own address where this node holds it."""
        try:
            sock.setsockopt(_socket.SOL_SOCKET, _SO_MARK, self.mark)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET_ON_CLOSE)
        except PermissionError:
            raise NetError("local", f"cannot mark packets for {self.real}: {NO_RIGHTS}") from None
        own = source or self._source(vip)
        self.turn += 1
        places = [self.ports[(self.turn + step) % len(self.ports)] for step in range(len(self.ports))]
        for port in (*places, 0):
            try:
                sock.bind((own, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not port:
                    text = f"cannot use the source address {own}: {error.strerror or error.args[-1]}"
                    raise NetError("local", text) from None
            else:
                return

    def _source(self, vip: str) -> str:
        """Return the address of this node that the real server is reached from; raises NetError."""
        probe = _socket.socket(self.family, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            probe.connect((self.real, _DISCARD))
            own = str(probe.getsockname()[0])
        except OSError as error:
            raise NetError("local", f"no way to {self.real}: {error.strerror}") from None
        finally:
            probe.close()
        if own == vip:
            raise NetError("local", f"{self.real} would be asked from the VIP itself: give another address as source")
        return own

    def trouble(self, vip: str, *, failed: bool) -> str | None:
        """Return None where the path stands, nothing where it is gone; else why no server can be asked by it."""
        try:
            if not self.stands():
                return ""
            return self._drops_replies(vip) if failed and self.family == _socket.AF_INET else None
        except (IpvsError, OSError) as error:
            return str(error)

    def stands(self) -> bool:
        """Return whether the path is in the table; one that was gone for a moment is another one. Raises IpvsError."""
        self.is_gone = self.is_gone or self._control.servers(self.family, self.mark) != [self.server]
        return not self.is_gone

    def _drops_replies(self, vip: str) -> str | None:
        """Return what helps where the kernel drops what comes from the VIP, as it is an address of this node."""
        if not route_to(vip).is_local:
            return None
        interface = route_to(self.real).interface
        if any(_is_on(f"/proc/sys/net/ipv4/conf/{name}/accept_local") for name in ("all", interface)):
            return None
        name = interface.replace(".", "/")
        return (
            f"this node holds {vip} and drops replies from it that come in by {interface}: "
            f"sysctl -w net.ipv4.conf.{name}.accept_local=1"
        )


def _is_on(path: str) -> bool:
    try:
        with open(path) as file:  # noqa: PTH123
            return file.read().strip() not in ("", "0")
    except OSError:
        return False
