"""Was an event lost? keepalived writes to its FIFO without a check, but the kernel's addresses show the state.

An instance recorded as MASTER holds one of its VIPs, others hold none. If this is wrong twice in a row, without an
event of keepalived in between, an event was lost.
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
    """Compares twice: ``odd`` are the instances that did not fit last time, with the order of their last event."""

    def __init__(self, conf: str) -> None:
        self.conf = conf
        self.odd: dict[str, tuple[float, int]] = {}
        self.complaint = ""

    def look(self) -> list[Event]:
        """Return an event for each instance whose last one was lost; ``complaint`` is why this cannot be known."""
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
            actual = _actual("" if state is None else state.state, is_held, runs)
            if actual is None:
                continue
            self.odd[name] = (0, 0) if state is None else state.order
            if before.get(name) == self.odd[name]:
                event = Event("INSTANCE", name, actual, 0 if state is None else state.priority)
                event.source, event.order = "kernel", (boot(), 0)
                events.append(event)
        return events


def _held(conf: str) -> dict[str, bool]:
    """Return for each instance with VIPs whether the kernel holds one of them."""
    own = own_addresses()
    held: dict[str, bool] = {}
    for vip in configured(parse(conf)):
        held[vip.instance] = held.get(vip.instance, False) or vip.is_held(own)
    return held


def _actual(recorded: str, held: bool, runs: bool) -> str | None:
    """Return the state that an instance must be in; None if the record may be right."""
    if recorded == "DELETED":
        return None
    if not runs:  # killed, it leaves its VIPs in place
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
