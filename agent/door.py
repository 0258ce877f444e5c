"""Where does the agent listen, for whom and in which protocol? ``agent.listen`` of the configuration."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from vipwarden.core.listen import LOOPBACK, Listen, packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.config.entry import Entry
    from vipwarden.core.listen import Network

AGENT_CHECK, HTTP = PROTOCOLS = "agent-check", "http"
ANY = -1
_BACKLOG = 1024
_WAIT = 1  # seconds in which the kernel keeps a client that has sent nothing yet, TCP_DEFER_ACCEPT of tcp(7)
_WANTED = "agent-check ADDRESS:PORT, agent-check ADDRESS:PORT NAME or http ADDRESS:PORT is wanted"


class Door(str):
    """A protocol and where it is spoken: ``agent-check ADDRESS:PORT [NAME]`` or ``http ADDRESS:PORT``.

    With ``check`` it speaks of the check of that name, else of the check that the client names. ``place`` is the line
    of the configuration.
    """

    __slots__ = ("address", "check", "place", "protocol")
    address: Listen
    check: str
    place: str
    protocol: str

    def __new__(cls, text: str) -> Door:
        """Build it from its text; raises ValueError with what is wanted."""
        protocol, _, rest = text.strip().partition(" ")
        address, _, check = rest.strip().partition(" ")
        if protocol not in PROTOCOLS or not address or (check and protocol == HTTP):
            raise ValueError(_WANTED)
        made = str.__new__(cls, text.strip())
        made.protocol, made.address, made.check = protocol, Listen(address), check.strip()
        made.place = "agent.listen"
        if made.address.host and packed(made.address.host) is None:
            raise ValueError("an address of this node is wanted, not a name")
        if not made.address.port:
            raise ValueError("a port from 1 to 65535 is wanted")
        return made

    @property
    def is_local(self) -> bool:
        """Whether only this node can reach it."""
        address = packed(self.address.host)
        return address is not None and any(network.holds(address) for network in LOOPBACK)

    @property
    def speaks_first(self) -> bool:
        """Whether a client may wait for the answer without having sent anything."""
        return self.protocol == AGENT_CHECK and bool(self.check)

    def listen(self, *, shared: bool) -> socket.socket:
        """Return a socket that listens; raises OSError with the line of the configuration.

        With ``shared`` the watchdog of an earlier agent may listen there too: it goes when this agent is ready.
        """
        try:
            if not shared:  # a socket that shares with nobody, to find out whether somebody else is there
                self._bound(shared=False).close()
            made = self._bound(shared=True)
            made.listen(_BACKLOG)
            return made
        except OSError as error:
            why = error.strerror or str(error)
            if error.errno == errno.EADDRINUSE:
                why = f"the port is in use; see who has it by 'ss -ltnp sport = :{self.address.port}'"
            elif error.errno == errno.EACCES and self.address.port < 1024:
                why = "a port below 1024 wants CAP_NET_BIND_SERVICE"
            raise OSError(error.errno, f"{self.place}: cannot listen on {self.address}: {why}") from None

    def _bound(self, *, shared: bool) -> socket.socket:
        """Return a socket with this address; raises OSError."""
        is_dual = not self.address.host and socket.has_dualstack_ipv6()
        made = socket.socket(socket.AF_INET6 if is_dual or ":" in self.address.host else socket.AF_INET)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if made.family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual)
            if not self.speaks_first:
                with suppress(OSError):  # a kernel without it wakes the agent once more for each client
                    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _WAIT)
            made.setblocking(False)
            made.bind((self.address.host, self.address.port))
        except BaseException:
            made.close()
            raise
        return made


class Doors:
    """The listening sockets by their doors, and the clients that may come in: an empty ``allow`` is loopback."""

    def __init__(self) -> None:
        self.sockets: dict[Door, socket.socket] = {}
        self.allow: Sequence[Network] = LOOPBACK

    def moved(self, doors: Sequence[Door], allow: Sequence[Network], *, shared: bool = False) -> Doors:
        """Return other doors; those that are open stay so. Raises OSError, and then none is opened."""
        made = Doors()
        made.allow = allow or LOOPBACK
        mine = {(door.address, door.speaks_first): sock for door, sock in self.sockets.items()}
        own = {door.address for door in self.sockets}
        try:
            for door in doors:
                kept = mine.get((door.address, door.speaks_first))
                made.sockets[door] = kept or door.listen(shared=shared or door.address in own)
        except OSError:
            made.close(self)
            raise
        return made

    def posts(self, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        """Return where the watchdog may answer HAProxy: a descriptor, and the number of the check or -1 for any."""
        numbers = {entry.name: number for number, entry in enumerate(entries)}
        return [
            (sock.fileno(), numbers[door.check] if door.check else ANY)
            for door, sock in self.sockets.items()
            if door.protocol == AGENT_CHECK
        ]

    def close(self, but: Doors | None = None) -> None:
        """Close the sockets that other doors do not have."""
        kept = set(but.sockets.values()) if but is not None else set()
        for sock in self.sockets.values():
            if sock not in kept:
                sock.close()
