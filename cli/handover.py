"""How does a VIP go to the peer politely, and does it arrive?"""

from __future__ import annotations

import select
import signal
import sys
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from agent import trackfile
from cli.adverts import Adverts
from doctor.tracking import files as tracked
from doctor.tracking import group_of
from vipwarden.config.document import meant
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File, UsageError
from vipwarden.core.values import Seconds
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.dump import DumpError
from vipwarden.node.keepalived.dump_ask import Places, ask
from vipwarden.node.keepalived.find import DEFAULT_CONF, find
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.process import CannotAskError, NoProcessError
from vipwarden.node.keepalived.vips import configured
from vipwarden.node.netlink.addresses import AddressesError, own_addresses
from vipwarden.state import files, paths

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

# values of the track file; with weight 0 any but 0 is a fault (process_update_track_file_status() of track_file.c)
FAULT, NORMAL = -254, 0
_LOOK = 0.01  # seconds between two looks at the addresses
_OBEY = 3.0  # seconds that keepalived may take to give the VIP up
_AFTER = 1.5  # seconds for which the new owner is watched
_DUMP = 3.0  # seconds for keepalived's dumps


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
    timeout: Seconds = Seconds(10),
    conf: File = DEFAULT_CONF,
    pidfile: File | None = None,
) -> int:
    """Give the VIPs of a VRRP instance of this node to the peer, and watch that they arrive.

    A track file tells keepalived a FAULT: the peer takes over after its skew time, less than a second. keepalived.conf
    needs what vipwarden snippet handover prints. If no peer takes the VIPs, this node takes them back. It stays without
    them until --back, or a reboot.
    Exit codes: 0 done, 1 the VIPs are not handed over, 2 an option or keepalived.conf is wrong.

    instance: vrrp_instance
    back: let this node have the VIPs again: it takes them by its priority, or stays ready with nopreempt
    force: also where no advert of a peer was ever seen
    timeout: seconds to wait for the peer, or with --back for this node
    conf: keepalived.conf
    pidfile: pidfile of keepalived; default the usual ones
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # a VIP that nobody has must not be left behind
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        move = Handover(conf, instance, pidfile or "")
        try:
            if back:
                text = move.back(timeout)
            else:
                if not force:
                    move.must_have_a_peer()
                moved = move.away(timeout)
                where = f"{moved.to} (priority {moved.priority})"
                text = f"handed over to {where}; clients were without it for {moved.gap:.2f} s"
        finally:
            move.close()
    except (HandoverError, AddressesError, NoProcessError, CannotAskError, DumpError) as error:
        sys.stderr.write(f"vipwarden handover: {instance}: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"vipwarden handover: {instance}: {error.strerror or error}; it needs root\n")
        return 1
    sys.stdout.write(f"{instance}: {text}\n")
    return 0


main = CommandLine("vipwarden handover", handover)


class Handover:
    """An instance of keepalived.conf with its VIPs, its track file, and an ear for the adverts of its peers."""

    def __init__(self, conf: str, name: str, pidfile: str) -> None:
        """Read keepalived.conf; raises UsageError where it does not have what it takes, and OSError without rights."""
        try:
            top = parse(conf)
        except ConfError as error:
            raise UsageError(str(error)) from None
        known = {block.name: block for block in top.named("vrrp_instance")}
        if name not in known:
            raise UsageError(f"{conf} has no vrrp_instance {name}{meant(name, known)}")
        self.path = f"{paths.handover()}/{paths.file_name(name)}"
        self._conf, self._pidfile, self._name = conf, pidfile, name
        self._top = top
        self._own: set[str] = set()
        self._must_track(known[name])
        self.vips = [vip for vip in configured(top) if vip.instance == name]
        if not self.vips:
            raise UsageError(f"the vrrp_instance {name} of {conf} has no VIP")
        with find(conf, pidfile=pidfile) as keepalived:
            if keepalived.is_elsewhere:
                raise CannotAskError("keepalived runs in another network namespace: run this in there")
        block = known[name]
        vrid, interface = block.value("virtual_router_id"), block.value("interface")
        if not vrid.isdecimal() or not interface:
            raise UsageError(f"the vrrp_instance {name} of {conf} has no virtual_router_id or no interface")
        self._adverts = Adverts(interface, int(vrid), ipv6=":" in self.vips[0].address)

    def close(self) -> None:
        """Hear no adverts any more."""
        self._adverts.close()

    def _must_track(self, block: Block) -> None:
        group = group_of(self._top, block)
        for holder in (block, *([group] if group is not None else [])):
            for line in tracked(self._top, holder):
                if line.target is not None and line.target.value("file") == self.path:
                    if not line.weight and not line.reverse:  # a sync group drops files with a weight
                        return
                    raise UsageError(
                        f"{line.line.path}:{line.line.number}: {line.name} needs weight 0, without reverse"
                    )
        raise UsageError(
            f"{self._conf} does not track {self.path}: vipwarden snippet handover --name {self._name} prints the lines"
        )

    def must_have_a_peer(self) -> None:
        """Raise HandoverError where keepalived has not seen an advert of a peer since it was started."""
        with find(self._conf, pidfile=self._pidfile) as keepalived:
            dump = ask(keepalived, Places(keepalived, self._top), _DUMP)
        seen = next((one.counters.get("advert_rcvd", 0) for one in dump.instances if one.name == self._name), 0)
        if not seen:
            raise HandoverError(
                "keepalived has seen no advert of a peer since its start: nobody may be there to take the VIP; "
                "--force hands it over all the same"
            )

    def away(self, timeout: float) -> Moved:
        """Hand the VIPs over; raises HandoverError, and then this node may have them again."""
        if not self._holds():
            raise HandoverError(f"this node does not hold {self._names()}")
        self._adverts.heard(())
        files.ready(paths.handover())
        trackfile.write(self.path, FAULT)
        try:
            return self._watch(monotonic(), timeout)
        except BaseException:  # also where the operator interrupts it
            trackfile.write(self.path, NORMAL)
            raise

    def _watch(self, begun: float, timeout: float) -> Moved:
        lost = taken = 0.0
        sender, priority = "", 0
        while True:
            held = self._holds()
            now = monotonic()
            if not held and not lost:
                lost = now
            for sender_, advert in self._adverts.heard(self._own):
                if advert.priority and not taken:
                    taken, sender, priority = now, sender_, advert.priority
            if lost and held:
                raise HandoverError(f"{self._names()} came back to this node: does something else set it?")
            if not lost and now - begun > _OBEY:
                twice = f", and {sender} has it as well" if taken else ""
                raise HandoverError(f"keepalived did not give up {self._names()}{twice}: reload it, and see its log")
            if not taken and now - begun > timeout:
                raise HandoverError(f"no peer has taken {self._names()} within {timeout:g} s: this node takes it back")
            if lost and taken and now - max(lost, taken) > _AFTER:
                return Moved(sender, priority, max(0.0, taken - lost))
            select.select([self._adverts], [], [], _LOOK)

    def back(self, timeout: float) -> str:
        """Let this node have the VIPs again; return what came of it."""
        files.ready(paths.handover())
        begun = monotonic()
        trackfile.write(self.path, NORMAL)
        peer, last = "", 0.0
        while monotonic() - begun < timeout:
            held = self._holds()
            for sender, advert in self._adverts.heard(self._own):
                if advert.priority:
                    peer, last = sender, monotonic()
            if held and monotonic() - max(begun, last) > _AFTER:
                return f"{self._names()} is back after {monotonic() - begun - _AFTER:.1f} s"
            select.select([self._adverts], [], [], _LOOK)
        if self._holds():
            raise HandoverError(f"{peer} still sends adverts: both nodes hold {self._names()}")
        if not last:
            raise HandoverError(f"neither this node nor a peer has {self._names()} after {timeout:g} s")
        return f"{peer} keeps {self._names()}, by nopreempt or a higher priority; this node can take it again"

    def _holds(self) -> bool:
        own = own_addresses()
        self._own = {one.address for one in own}
        return any(vip.is_held(own) for vip in self.vips)

    def _names(self) -> str:
        return ", ".join(vip.address for vip in self.vips[:3])
