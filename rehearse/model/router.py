"""How does a virtual router on one node change its state, and when?

The functions of the model are those of keepalived's vrrp.c, vrrp_scheduler.c, vrrp_sync.c and vrrp_track.c (2.2.7 and
2.3.3), named in the docstrings. A run (``Clock``) delivers adverts and keeps the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rehearse.model.sync import BACKUP, MASTER, OFF

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster, Instance
    from rehearse.model.sync import Sync


class Clock(Protocol):
    """What a router needs of the run that it is part of."""

    now: int
    cluster: Cluster

    def send(self, router: Router, priority: int) -> None:
        """Deliver an advert to those who hear the router."""

    def arm(self, router: Router) -> None:
        """Call ``timeout()`` at the router's deadline."""

    def changed(self, router: Router) -> None:
        """Take note of a change of state, priority or VIP."""


class Router:
    """A virtual router on one node (vrrp_t).

    ``want`` is the state that it would have without its sync group; ``left`` is ms_down_timer, which is kept apart
    from ``deadline``; ``learned`` is the interval of the master's adverts. ``holds`` is whether the kernel has the VIP.
    ``delayed`` is the end of vrrp_startup_delay, after which it ``waits`` for its first deadline. ``cut`` is
    VRRP_FAULT_FL_INTERFACE_DOWN of 2.3.3.
    """

    MUTABLE = (
        *("state", "want", "left", "deadline", "learned", "total", "effective", "preempt_at", "faults", "inits"),
        *("holds", "frozen", "sick", "delayed", "waits", "cut"),
    )
    __slots__ = (*MUTABLE, "clock", "node", "spec", "sync")

    def __init__(self, clock: Clock, node: int, spec: Instance) -> None:
        self.clock = clock
        self.node = node
        self.spec = spec
        self.sync: Sync[Router] | None = None
        self.state = self.want = OFF
        self.left = self.deadline = self.preempt_at = self.faults = self.inits = self.sick = self.delayed = 0
        self.learned = spec.interval
        self.total = self.effective = spec.priority
        self.holds = self.frozen = self.waits = self.cut = False

    def skew(self) -> int:
        """Return Skew_Time: VRRP_TIMER_SKEW() scales it by the interval in version 3 alone."""
        return (self.learned if self.spec.version == 3 else 1000) * (256 - self.effective) // 256

    def down(self) -> int:
        """Return Master_Down_Interval: VRRP_MS_DOWN_TIMER()."""
        return self.spec.down_adverts * self.learned + self.skew()

    def rest(self) -> None:
        """Start the timer of its state anew: vrrp_init_instance_sands()."""
        if self.state == MASTER:
            self.deadline = self.clock.now + self.spec.interval
        elif self.state == BACKUP:
            self.deadline = max(self.clock.now, self.delayed) + self.left
        else:
            return
        self.clock.arm(self)

    def timeout(self) -> None:
        """Act at the deadline: vrrp_dispatcher_read_timeout()."""
        self.waits = False
        if self.state == BACKUP:
            self.want = MASTER
            self.goto_master()
            if self.state == MASTER and self.sync is not None:
                self.sync.master(self)
        elif self.state == MASTER:
            self.clock.send(self, self.effective)
        self.rest()

    def goto_master(self) -> None:
        """vrrp_state_goto_master(): a member of a group waits for the others."""
        if self.sync is not None and not self.sync.can_goto_master(self):
            self.want = MASTER
            return
        self.state = MASTER
        self.learned = self.spec.interval
        self.holds = True
        self.clock.changed(self)
        self.clock.send(self, self.effective)
        self.rest()

    def leave_master(self) -> None:
        """vrrp_state_leave_master(): to BACKUP without a word, to FAULT with priority 0."""
        self.state = self.want
        self.holds = False
        if self.want == BACKUP:
            self.preempt_at = 0
        else:
            self.clock.send(self, 0)
        self.left = self.down()
        self.rest()
        self.clock.changed(self)

    def leave_fault(self) -> None:
        """vrrp_state_leave_fault(): also the way into FAULT from BACKUP."""
        if self.want == MASTER:
            self.goto_master()
        else:
            self.state = self.want
            self.preempt_at = 0
            self.clock.changed(self)
        self.learned = self.spec.interval
        self.left = self.down()
        self.rest()
