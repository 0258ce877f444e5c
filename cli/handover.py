"""How does a VIP go to the peer politely, and does it arrive?"""

from __future__ import annotations

import select
import sys
from contextlib import closing
from time import monotonic
from typing import NamedTuple

from agent import trackfile
from cli.adverts import Adverts
from cli.given import BusyError, GivenError, given, locked
from cli.instance import Instance
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File  # noqa: TC001 - options() looks it up
from vipwarden.core.values import Seconds  # noqa: TC001 - options() looks it up
from vipwarden.events.hand import Hand
from vipwarden.node.keepalived.dump import DumpError
from vipwarden.node.keepalived.find import DEFAULT_CONF
from vipwarden.node.keepalived.process import CannotAskError, NoProcessError
from vipwarden.node.netlink.addresses import AddressesError, own_addresses
from vipwarden.state import paths
from vipwarden.state.handover import NORMAL, path, read_all

_LOOK = 0.01  # seconds between two looks at the addresses
_OBEY = 3.0  # seconds that keepalived may take to give the VIP up
_AFTER = 1.5  # seconds for which the new owner is watched
_SILENT = 4  # intervals of adverts without an advert: the owner is gone
_PATIENT = 10  # seconds for the kernel to answer: what is under way is not given up for a busy machine
_BACK = 10.0  # seconds in which this node has its VIP again
_STOPPED = 10.0  # seconds by which the command may be late


class HandoverError(Exception):
    """The VIP cannot be handed over; the text says why."""


class Moved(NamedTuple):
    """A VIP that has moved: to whom, with which priority, and for how many seconds nobody had it."""

    to: str
    priority: int
    gap: float


def handover(
    instance: str,
    *,
    back: bool = False,
    force: bool = False,
    timeout: Seconds | None = None,
    conf: File = DEFAULT_CONF,
    pidfile: File | None = None,
) -> int:
    """Give the VIPs of a VRRP instance of this node to the peer, and watch that they arrive.

    A track file tells keepalived a FAULT: the peer takes over after its skew time, less than a second. keepalived.conf
    needs what vipwarden snippet handover prints. If no peer takes the VIPs, or the peer dies at once, this node takes
    them back. Else it stays without them until --back, or a reboot.
    Exit codes: 0 done, 1 the VIPs are not handed over, 2 an option or keepalived.conf is wrong.

    instance: vrrp_instance
    back: let this node have the VIPs again: it takes them by its priority, or stays ready with nopreempt
    force: also where no advert of a peer was ever seen
    timeout: seconds to wait for the peer, default four intervals of adverts and a second; with --back for this node, 10
    conf: keepalived.conf
    pidfile: pidfile of keepalived; default the usual ones
    """
    try:
        if back:
            _end(instance)  # before anything that may fail
        with closing(Move(Instance(conf, instance, pidfile or ""))) as move:
            text = move.back(timeout or _BACK) if back else move.away(timeout, force=force)
    except (HandoverError, BusyError, AddressesError, NoProcessError, CannotAskError, DumpError) as error:
        sys.stderr.write(f"vipwarden handover: {instance}: {error}\n")
        return 1
    except OSError as error:
        hint = "; it needs root" if isinstance(error, PermissionError) else ""
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"vipwarden handover: {instance}: {where}{error.strerror or error}{hint}\n")
        return 1
    sys.stdout.write(f"{instance}: {text}\n")
    return 0


main = CommandLine("vipwarden handover", handover)


def _end(instance: str) -> None:
    """Let the track file say NORMAL; raises BusyError and OSError."""
    with locked(paths.handover()):
        if any(handover.instance == instance for handover in read_all(paths.runtime())):
            trackfile.write(path(instance), NORMAL)
            _event(instance, "end", "by --back")


def _event(instance: str, state: str, text: str) -> None:
    hand = Hand("handover")
    hand.give("handover", instance, state=state, text=text)
    hand.flush()


class Move:
    """The VIPs of an instance on their way, and an ear for the adverts of its peers."""

    def __init__(self, instance: Instance) -> None:
        """Begin to hear adverts; raises OSError, without root PermissionError."""
        self._of = instance
        self._own: set[str] = set()
        self._adverts = Adverts(instance.interface, instance.vrid, ipv6=instance.is_ipv6)

    def close(self) -> None:
        """Hear no adverts any more."""
        self._adverts.close()

    def away(self, timeout: float | None, *, force: bool) -> str:
        """Hand the VIPs over and return what came of it; raises HandoverError when this node may have them again."""
        names, interval = self._of.addresses, self._of.interval
        if not self._holds():
            raise HandoverError(f"this node does not hold {names}{self._of.handed_over}")
        if not force and not self._of.has_seen_a_peer():
            raise HandoverError(
                "keepalived has seen no advert of a peer since its start: nobody may be there to take the VIP; "
                "--force hands it over all the same"
            )
        patience = _SILENT * interval + 1 if timeout is None else timeout
        self._adverts.heard(())
        begun = monotonic()
        try:
            with given(self._of.path, patience + _AFTER + _SILENT * interval + _STOPPED):
                _event(self._of.name, "begin", f"{names} goes to the peer")
                moved = self._watch(begun, patience)
        except (HandoverError, GivenError) as error:
            _event(self._of.name, "end", str(error))
            raise HandoverError(f"{error}; {self._outcome(begun)}") from None
        except KeyboardInterrupt:
            _event(self._of.name, "end", "interrupted")
            raise HandoverError(f"interrupted; {self._outcome(begun)}") from None
        return f"handed over to {moved.to} (priority {moved.priority}); clients were without it for {moved.gap:.2f} s"

    def _watch(self, begun: float, timeout: float) -> Moved:
        names = self._of.addresses
        lost = taken = last = silent = 0.0
        sender, priority = "", 0
        while True:
            held, now = self._holds(), monotonic()
            lost = lost or (0.0 if held else now)
            for peer, advert in self._adverts.heard(self._own):
                if advert.priority:
                    taken, last, silent = taken or now, now, _SILENT * advert.interval + 1
                    sender, priority = peer, advert.priority
                elif peer == sender:  # it gives the VIP up again
                    taken = 0.0
            if not held and taken and last - max(lost, taken) > _AFTER:
                return Moved(sender, priority, max(0.0, taken - lost))
            if lost and held:
                raise HandoverError(f"{names} came back to this node: does something else set it?")
            if held and now - begun > _OBEY:
                twice = f", and {sender} has it as well" if taken else ""
                raise HandoverError(f"keepalived did not give up {names}{twice}: reload it, and see its log")
            if not taken and now - begun > timeout:
                raise HandoverError(f"no peer has taken {names} within {timeout:g} s: this node takes it back")
            if taken and now - last > silent:
                raise HandoverError(f"{sender} took {names}, and is silent now: this node takes it back")
            select.select([self._adverts], [], [], _LOOK)

    def back(self, timeout: float) -> str:
        """Wait until this node has the VIPs again, or a peer keeps them; return what came of it."""
        return self._settled(monotonic(), timeout)

    def _outcome(self, begun: float) -> str:
        try:
            return self._settled(begun, _BACK)
        except HandoverError as error:
            return str(error)

    def _settled(self, begun: float, timeout: float) -> str:
        """Return who has the VIPs once that is clear; raises HandoverError where it is nobody, or several."""
        names, start = self._of.addresses, monotonic()
        peer, last = "", 0.0
        while monotonic() - start < timeout:
            held = self._holds()
            for sender, advert in self._adverts.heard(self._own):
                if advert.priority:
                    peer, last = sender, monotonic()
            if held and monotonic() - max(start, last) > _AFTER:
                return f"{names} is back after {monotonic() - begun - _AFTER:.1f} s"
            select.select([self._adverts], [], [], _LOOK)
        if self._holds():
            raise HandoverError(f"{peer} still sends adverts: both nodes hold {names}")
        if not last:
            raise HandoverError(f"neither this node nor a peer has {names} after {timeout:g} s")
        return f"{peer} keeps {names}, by nopreempt or a higher priority; this node can take it again"

    def _holds(self) -> bool:
        own = own_addresses(_PATIENT)
        self._own = {one.address for one in own}
        return any(vip.is_held(own) for vip in self._of.vips)
