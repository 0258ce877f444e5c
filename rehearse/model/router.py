"""How does a virtual router behave on one node: its states, its timers, its adverts?

The functions are those of keepalived's vrrp.c, vrrp_scheduler.c, vrrp_sync.c and vrrp_track.c (2.2.7), named in the
docstrings. A run (``Clock``) delivers adverts and keeps the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rehearse.model.cluster import OWNER

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster, Instance

INIT, BACKUP, MASTER, FAULT, OFF = range(5)


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


class Sync:
    """A sync group on one node (vrrp_sgroup_t)."""

    __slots__ = ("faults", "inits", "members", "state")

    def __init__(self) -> None:
        self.members: list[Router] = []
        self.state = BACKUP
        self.faults = self.inits = 0


class Router:
    """A virtual router on one node (vrrp_t).

    ``want`` is the state that it would have without its sync group; ``left`` is ms_down_timer, which is kept apart
    from ``deadline``; ``learned`` is the interval of the master's adverts. ``holds`` is whether the kernel has the VIP.
    ``delayed`` is the end of vrrp_startup_delay, after which it ``waits`` for its first deadline.
    """

    MUTABLE = (
        *("state", "want", "left", "deadline", "learned", "total", "effective", "preempt_at", "faults", "inits"),
        *("holds", "frozen", "sick", "delayed", "waits"),
    )
    __slots__ = (*MUTABLE, "clock", "node", "spec", "sync")

    def __init__(self, clock: Clock, node: int, spec: Instance) -> None:
        self.clock = clock
        self.node = node
        self.spec = spec
        self.sync: Sync | None = None
        self.state = self.want = OFF
        self.left = self.deadline = self.preempt_at = self.faults = self.inits = self.sick = self.delayed = 0
        self.learned = spec.interval
        self.total = self.effective = spec.priority
        self.holds = self.frozen = self.waits = False

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

    # --- adverts

    def receive(self, priority: int, sender: Router, *, accepted: bool) -> None:
        """Take an advert: vrrp_dispatcher_read()."""
        if self.clock.now < self.delayed and not self.clock.cluster.is_old:
            return
        if self.state == BACKUP:
            self._backup(priority, sender, accepted=accepted)
        elif self.state == MASTER:
            was = self.state
            self._master(priority, sender, accepted=accepted)
            if was != self.state and self.sync is not None:
                sync_backup(self)
            if self.state == MASTER and self.spec.lower_prio_no_advert:
                return  # its own timer goes on
        else:
            return
        self.rest()

    def _backup(self, priority: int, sender: Router, *, accepted: bool) -> None:
        """vrrp_state_backup(): an advert that is ignored leaves the time that was left."""
        now = self.clock.now
        if accepted and self.spec.priority == OWNER > self.effective and priority != OWNER:
            self.total = self.effective = OWNER
        if not accepted:
            self.left = max(0, self.deadline - now)
        elif priority == 0:
            self.left = self.skew()
        elif (
            self.spec.nopreempt
            or priority >= self.effective
            or (self.spec.preempt_delay and (not self.preempt_at or now < self.preempt_at))
        ):
            if self.spec.version == 3:
                self.learned = sender.spec.interval
            self.left = self.down()
            if self.spec.preempt_delay:
                self._delay(priority)
            self.want = BACKUP
            self.waits = False
        else:
            self.left = max(0, self.deadline - now)

    def _delay(self, priority: int) -> None:
        if priority >= self.effective:
            self.preempt_at = 0
        elif not self.preempt_at:
            self.preempt_at = self.clock.now + self.spec.preempt_delay
            self.clock.changed(self)

    def _master(self, priority: int, sender: Router, *, accepted: bool) -> None:
        """vrrp_state_master_rx(): a rejected advert still restarts the timer (in the caller)."""
        if not accepted:
            return
        above = priority - self.effective or sender.spec.source - self.spec.source
        if priority == self.effective == OWNER:  # two owners: 2.2.7 lowers the one that hears the other first
            self.total = self.effective = OWNER - 1
            above = 1
        if priority == 0 or (above > 0 and self.spec.higher_prio_send_advert):
            self.clock.send(self, self.effective)
        if priority == 0:
            return
        if above < 0:
            if not self.spec.lower_prio_no_advert:
                self.clock.send(self, self.effective)
        elif above > 0:
            if self.spec.version == 3:
                self.learned = sender.spec.interval
            self.want = BACKUP
            self.leave_master()

    # --- timers and transitions

    def timeout(self) -> None:
        """Act at the deadline: vrrp_dispatcher_read_timeout()."""
        self.waits = False
        if self.state == BACKUP:
            self.want = MASTER
            self.goto_master()
            if self.state == MASTER and self.sync is not None:
                sync_master(self)
        elif self.state == MASTER:
            self.clock.send(self, self.effective)
        self.rest()

    def goto_master(self) -> None:
        """vrrp_state_goto_master(): a member of a group waits for the others."""
        if self.sync is not None and not can_goto_master(self):
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

    # --- trackers

    def fail(self) -> None:
        """Count a reason for FAULT: down_instance()."""
        self.faults += 1
        if self.faults > 1 and self.state != INIT:
            return
        self.want = FAULT
        if self.state == MASTER:
            self.leave_master()
        else:
            self.leave_fault()
        if self.sync is not None:
            self.sync.faults += 1
            if self.sync.faults == 1:
                sync_fault(self)

    def mend(self, *, leaving_init: bool = False) -> None:
        """Take a reason for FAULT back: try_up_instance()."""
        sync = self.sync
        if leaving_init:
            if self.faults:
                return
        else:
            self.faults -= 1
            if self.faults or self.inits:
                if not self.faults:
                    if sync is not None:
                        sync.faults -= 1
                        sync.state = INIT
                    self.want = BACKUP
                return
        if not (self.want == MASTER and self.spec.priority == OWNER):
            self.want = BACKUP
        self.learned = self.spec.interval
        self.left = self.down()
        if sync is not None:
            if not leaving_init:
                sync.faults -= 1
            if sync.faults or (sync.inits and not leaving_init):
                return
        want = self.want
        if sync is not None and want == MASTER and not can_goto_master(self):
            self.want = BACKUP
        self.leave_fault()
        self.want = want
        if sync is not None:
            (sync_master if self.state == MASTER else sync_backup)(self)

    def add(self, difference: int) -> None:
        """Change the sum of the weights: vrrp_set_effective_priority() clamps only the sum."""
        if self.spec.priority == OWNER:
            return
        self.total += difference
        effective = min(max(self.total, 1), OWNER - 1)
        if effective == self.effective:
            return
        self.effective = effective
        before = self.left
        self.left = self.down()
        if self.state == BACKUP:
            self.deadline += self.left - before
            self.clock.arm(self)
        self.clock.changed(self)


def can_goto_master(router: Router) -> bool:
    """vrrp_sync_can_goto_master(): all members want it, else the one that asks waits another time."""
    sync = router.sync
    if sync is None or sync.state == MASTER:
        return True
    if all(it is router or it.want == MASTER for it in sync.members):
        return True
    router.left = router.down()
    router.rest()
    return False


def sync_master(router: Router) -> None:
    """vrrp_sync_master()."""
    sync = router.sync
    if sync is None or sync.state == MASTER or not can_goto_master(router):
        return
    for it in sync.members:
        if it is not router and it.state != MASTER:
            it.want = MASTER
            it.goto_master()
    sync.state = MASTER


def sync_backup(router: Router) -> None:
    """vrrp_sync_backup()."""
    sync = router.sync
    if sync is None or sync.state == BACKUP:
        return
    for it in sync.members:
        if it is router or it.state == BACKUP:
            continue
        it.want = BACKUP
        if it.state in (FAULT, INIT):
            it.leave_fault()
        else:
            it.leave_master()
    sync.state = BACKUP


def sync_fault(router: Router) -> None:
    """vrrp_sync_fault()."""
    sync = router.sync
    if sync is None or sync.state == FAULT:
        return
    for it in sync.members:
        if it is not router and it.state != FAULT:
            it.want = FAULT
            if it.state == MASTER:
                it.leave_master()
            else:
                it.leave_fault()
    sync.state = FAULT
