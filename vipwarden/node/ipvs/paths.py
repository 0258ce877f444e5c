"""How is one real server asked at the VIP, by the director's own path? IPVS has a service for a mark of our own.

IPVS looks for the service of a mark before the kernel finds that the VIP is its own, and sends what carries the mark to
the one real server of that service: by its MAC (dr) or in a tunnel (tun), as it sends what clients send.

IPVS knows a connection by the addresses and ports of client and VIP, not by its mark, and remembers it for a minute
after its last packet: from a port that was used for another real server a new connection would arrive there. So each
real server has ports of its own, which follow from its address, for all programs and whatever its mark is.
"""

from __future__ import annotations

import _socket
from time import monotonic

from vipwarden.core.values import Count
from vipwarden.net.stream import NetError
from vipwarden.node.ipvs.control import Control
from vipwarden.node.ipvs.marked import USUAL, Server, family_of
from vipwarden.node.ipvs.path import IpvsPath
from vipwarden.node.ipvs.table import IpvsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_PORTS = (32768, 60999)  # the kernel's default
_SLOT = 64  # ports of one real server: at one connection a second each is forgotten before its next turn
_IDLE = 60.0  # seconds without a connection, after which a path is removed


class Marks(str):
    """A range of firewall marks, such as 8192-12287."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Build it from its text; raises ValueError with what is wanted."""
        low, dash, high = text.partition("-")
        try:
            first, last = Count(low.strip()), Count(high.strip() if dash else low.strip())
        except ValueError:
            first, last = Count(0), Count(0)
        if not 0 < first <= last < 1 << 32:
            raise ValueError("a range of marks is two numbers from 1 to 4294967295, such as 8192-12287")
        return str.__new__(cls, f"{first}-{last}")

    @property
    def numbers(self) -> range:
        """The marks."""
        first, _, last = self.partition("-")
        return range(int(first), int(last) + 1)


MARKS = Marks(f"{USUAL[0]}-{USUAL[-1]}")


class Paths:
    """Makes paths when they are wanted; ``lasts`` tells whether they stay for other runs, and other programs."""

    def __init__(self, marks: Marks = MARKS, *, lasts: bool = False) -> None:
        self.marks = marks
        self._lasts = lasts
        self._control = Control()
        self._paths: dict[tuple[str, str], IpvsPath] = {}
        self._ports = range(0)

    def path(self, kind: str, real: str) -> IpvsPath:
        """Return the path to the address of a real server, made anew where it is gone; raises NetError."""
        path = self._paths.get((kind, real))
        try:
            # looked at before each connection: what goes astray makes IPVS remember its port for a wrong server
            if path is None or not path.stands():
                if path is not None:
                    self._remove(path)
                path = self._paths[kind, real] = self._make(kind, real, path)
        except (IpvsError, OSError) as error:
            raise NetError("local", f"no path to {real}: {error}") from None
        path.used = monotonic()
        return path

    def _make(self, kind: str, real: str, before: IpvsPath | None) -> IpvsPath:
        """Make a path, which goes on with the ports of the one before."""
        control, family = self._control, family_of(real)
        if not control.number:
            control.own()
            self._ports = _local_ports()
        wanted = Server(kind, real, control.number)
        marks = self.marks.numbers
        begin = int.from_bytes(_socket.inet_pton(family, real), "big")  # neighbours have marks beside each other
        ports = before.ports if before is not None else self._slot(begin, kind, family)
        turn = before.turn if before is not None else int(monotonic() * 1e6)
        own = {path.mark for path in self._paths.values() if path is not before and path.family == family}
        for step in range(len(marks)):
            mark = marks[(begin + step) % len(marks)]
            if mark in own:  # by another path, which may be gone at the moment
                continue
            if control.add(family, mark, wanted, lasts=self._lasts):
                return IpvsPath(control, mark, wanted, ports, turn, is_own=True)
            there = control.find(family, mark)
            if there is None:
                continue  # somebody else's
            if not there.is_owned:
                control.remove(family, mark)  # left by a program that was killed
                if control.add(family, mark, wanted, lasts=self._lasts):
                    return IpvsPath(control, mark, wanted, ports, turn, is_own=True)
            elif there.lasts and [(it.kind, it.real) for it in there.servers] == [(kind, real)]:
                return IpvsPath(control, mark, there.servers[0], ports, turn, is_own=False)
        raise IpvsError(f"each of the marks {self.marks} is in use: configure others, via_marks in the section agent")

    def _slot(self, begin: int, kind: str, family: int) -> range:
        """Return the ports of a real server, which no other one of this program has as long as there are enough."""
        slots = [self._ports[at : at + _SLOT] for at in range(0, len(self._ports), _SLOT)]
        used = [path.ports for path in self._paths.values() if path.family == family]
        begin += (kind == "tun") * (len(slots) // 2)
        turns = (slots[(begin + step) % len(slots)] for step in range(len(slots)))
        return next((slot for slot in turns if slot not in used), slots[begin % len(slots)])

    def forget(self, idle: float = _IDLE) -> None:
        """Remove the paths that were not used for so many seconds."""
        now = monotonic()
        for key, path in list(self._paths.items()):
            if now - path.used >= idle:
                self._remove(self._paths.pop(key))

    def _remove(self, path: IpvsPath) -> None:
        """Remove what this program has made; what the kernel keeps is left to clear() of another."""
        try:
            if path.is_own and path.server in self._control.servers(path.family, path.mark):
                self._control.remove(path.family, path.mark)
        except IpvsError:
            pass

    def close(self) -> None:
        """Remove all paths of this program."""
        self.forget(0)
        self._control.disown()


def _local_ports() -> range:
    """Return the ports from which this node connects."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:  # noqa: PTH123 - without pathlib in a command
            low, high = map(int, file.read().split())
    except (OSError, ValueError):
        low, high = _PORTS
    return range(low, high + 1)
