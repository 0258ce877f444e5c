"""Was an event lost? The addresses that the kernel holds tell, for keepalived writes to its FIFO without looking.

An instance on record as MASTER holds one of its VIPs, any other none. Where it is the other way round twice in a row,
with no word from keepalived in between, its word was lost.
"""

from __future__ import annotations

import os
from pathlib import Path

from keepalived_scripts.notify.event import Event
from vipwarden.node.keepalived import vrrp_state
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import configured
from vipwarden.node.netlink.addresses import AddressesError, own_addresses
from vipwarden.node.process.procfs import GONE, Proc
from vipwarden.state.clock import boot


class Comparison:
    """What was odd at the last look: the orders on record of the instances that did not fit, by their names."""

    def __init__(self, conf: str) -> None:
        self.conf = conf
        self.odd: dict[str, tuple[float, int]] = {}
        self.complaint = ""

    def look(self) -> list[Event]:
        """Return an event for each instance whose last one was lost; ``complaint`` tells why it cannot be known."""
        before, self.odd, self.complaint = self.odd, {}, ""
        try:
            held = _held(self.conf)
            runs = _keepalived_runs()
        except (ConfError, AddressesError, OSError) as error:
            self.complaint = f"lost events cannot be noticed: {error}"
            return []
        events = []
        for name, is_held in held.items():
            state = vrrp_state.read(vrrp_state.path_of("INSTANCE", name))
            truth = _truth("" if state is None else state.state, is_held, runs)
            if truth is None:
                continue
            self.odd[name] = (0, 0) if state is None else state.order
            if before.get(name) == self.odd[name]:
                event = Event("INSTANCE", name, truth, 0 if state is None else state.priority)
                event.source, event.order = "kernel", (boot(), 0)
                events.append(event)
        return events


def _held(conf: str) -> dict[str, bool]:
    """Return for each instance with VIPs whether one of them is held."""
    own = own_addresses()
    held: dict[str, bool] = {}
    for vip in configured(parse(conf)):
        held[vip.instance] = held.get(vip.instance, False) or vip.is_held(own)
    return held


def _truth(recorded: str, held: bool, runs: bool) -> str | None:
    """Return the state that an instance must be in, or None where what is on record may be right."""
    if recorded == "DELETED":
        return None
    if not runs:  # killed, it leaves its VIPs behind
        return None if recorded in ("", "STOP") else "STOP"
    if held:
        return None if recorded == "MASTER" else "MASTER"
    return "BACKUP" if recorded == "MASTER" else None


def _keepalived_runs() -> bool:
    """Return whether a keepalived runs in this network namespace; raises OSError."""
    space = Path("/proc/self/ns/net").readlink()
    for process in Proc().processes.values():
        try:
            if (
                process.is_called(b"keepalived")
                and not process.is_dead
                and Path(os.fsdecode(process.path), "ns/net").readlink() == space
            ):
                return True
        except (*GONE, PermissionError):
            continue
    return False
