"""Which VIPs come to this kernel, and which leave it? rtnetlink says so at once, whoever moves them."""

from __future__ import annotations

import errno
import os
import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING

from vipwarden.events.event import GONE, HELD
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import configured
from vipwarden.node.netlink.addresses import ADDED, CHANGES, AddressesError, changed_address, own_addresses
from vipwarden.node.netlink.socket import ROUTE, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vipwarden.events.hand import Hand

_GROUPS = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_ROOM = 1 << 20  # bytes of the socket, of which net.core.rmem_max may leave room for some hundred changes at once
_MOST_BYTES = 1 << 16
_AGAIN = 1.0  # seconds until addresses that could not be read are read again


class Addresses:
    """Hands over what changes among the addresses; ``conf`` is the path of keepalived.conf, which names the VIPs."""

    def __init__(self, hand: Hand, conf: str, say: Callable[[str], None]) -> None:
        """Listen to the kernel; raises OSError."""
        self._hand = hand
        self._conf = conf
        self._say = say
        self._trouble = False
        self._stamp: tuple[int, ...] = ()
        self._instances: dict[str, str] = {}
        self._held: dict[tuple[int, str], str] = {}  # interfaces, by their index and the address
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, ROUTE)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise

    def run(self) -> None:
        """Hand over the VIPs that are there, and then each change, until the process ends."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - a thread that ends says nothing of itself
            self._say(f"VIPs that come or go are not recorded any more: {error!r}")

    def _run(self) -> None:
        due: float | None = 0.0  # when to compare with what the kernel holds
        is_first = True
        while True:
            if due is not None and monotonic() >= due:
                due = None if self._look(first=is_first) else monotonic() + _AGAIN
                is_first = is_first and due is not None
            self._socket.settimeout(None if due is None else _AGAIN)
            try:
                self._take(*self._socket.recvfrom(_MOST_BYTES))
            except TimeoutError:
                continue
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._empty()
                due = 0.0
            self._hand.flush()

    def _empty(self) -> None:
        """Take what the socket held when it was full: until it is empty the kernel leaves out more, and says nothing.

        What was left out is newer than all of that, so the comparison comes after it.
        """
        self._socket.setblocking(False)
        while True:
            try:
                self._take(*self._socket.recvfrom(_MOST_BYTES))
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def _take(self, data: bytes, sender: tuple[int, int]) -> None:
        """Hand over what a message of the kernel says has changed."""
        for kind, place in changes(data if sender[0] == 0 else b""):
            if kind != ADDED:
                self._leave(place)
            elif place not in self._held:  # else its lifetime or its flags have changed
                self._come(place, _interface(place[0]))

    def _look(self, *, first: bool = False) -> bool:
        """Compare what was known with what the kernel holds; return whether it could be read."""
        try:
            there = {(socket.if_nametoindex(own.interface), own.address): own.interface for own in own_addresses()}
        except (AddressesError, OSError) as error:
            if not self._trouble:
                self._say(f"addresses that come or go are seen late: {error}; it is tried again every second")
            self._trouble = True
            return False
        if self._trouble:
            self._say("addresses that come or go are seen at once again")
        self._trouble = False
        if first:  # but for VIPs, what was there before is no news
            instances = self._names()
            self._held = {place: name for place, name in there.items() if place[1] not in instances}
        for place in self._held.keys() - there.keys():
            self._leave(place)
        for place, name in there.items():
            if place not in self._held:
                self._come(place, name, before=HELD if first else "")
        self._hand.flush()
        return True

    def _come(self, place: tuple[int, str], interface: str, before: str = "") -> None:
        self._held[place] = interface
        self._tell(place[1], HELD, interface, before)

    def _leave(self, place: tuple[int, str]) -> None:
        interface = self._held.pop(place, None)
        if interface is not None:
            self._tell(place[1], GONE, interface)

    def _tell(self, address: str, state: str, interface: str, before: str = "") -> None:
        instance = self._names().get(address)
        kind = "address" if instance is None else "vip"
        self._hand.give(kind, address, of=instance or "", state=state, before=before, text=f"on {interface}")

    def _names(self) -> dict[str, str]:
        """Return the instances of the VIPs by their addresses, as keepalived.conf has them now."""
        try:
            status = os.stat(self._conf)  # noqa: PTH116
            stamp: tuple[int, ...] = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._instances = {vip.address: vip.instance for vip in configured(parse(self._conf))}
            self._stamp = stamp
        except (ConfError, OSError):
            pass  # those that were known
        return self._instances


def changes(data: bytes) -> Iterator[tuple[int, tuple[int, str]]]:
    """Yield what netlink messages say has changed: the type of the message, and index of the interface and address."""
    for kind, _, _, body in messages(data):
        if kind in CHANGES and (address := changed_address(body)) is not None:
            yield kind, (int.from_bytes(body[4:8], sys.byteorder), address)


def _interface(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:  # gone meanwhile
        return f"interface {index}"
