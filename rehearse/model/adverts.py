"""What does a router do with an advert?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.cluster import OWNER
from rehearse.model.sync import BACKUP, MASTER

if TYPE_CHECKING:
    from rehearse.model.router import Router


def receive(router: Router, priority: int, sender: Router, *, accepted: bool) -> None:
    """Take an advert: vrrp_dispatcher_read()."""
    if router.clock.now < router.delayed and not router.clock.cluster.is_old:
        return
    if router.state == BACKUP:
        _backup(router, priority, sender, accepted=accepted)
    elif router.state == MASTER:
        was = router.state
        _master(router, priority, sender, accepted=accepted)
        if was != router.state and router.sync is not None:
            router.sync.backup(router)
        if router.state == MASTER and router.spec.lower_prio_no_advert:
            return  # its own timer goes on
    else:
        return
    router.rest()


def _backup(router: Router, priority: int, sender: Router, *, accepted: bool) -> None:
    """vrrp_state_backup(): an advert that is ignored leaves the time that was left."""
    now = router.clock.now
    is_restored = router.spec.priority == OWNER > router.effective and not router.clock.cluster.is_old
    if accepted and is_restored and priority != OWNER:
        router.total = router.effective = OWNER
    if not accepted:
        router.left = max(0, router.deadline - now)
    elif priority == 0:
        router.left = router.skew()
    elif (
        router.spec.nopreempt
        or priority >= router.effective
        or (router.spec.preempt_delay and (not router.preempt_at or now < router.preempt_at))
    ):
        if router.spec.version == 3:
            router.learned = sender.spec.interval
        router.left = router.down()
        if router.spec.preempt_delay:
            _delay(router, priority)
        router.want = BACKUP
        router.waits = False
    else:
        router.left = max(0, router.deadline - now)


def _delay(router: Router, priority: int) -> None:
    if priority >= router.effective:
        router.preempt_at = 0
    elif not router.preempt_at:
        router.preempt_at = router.clock.now + router.spec.preempt_delay
        router.clock.changed(router)


def _master(router: Router, priority: int, sender: Router, *, accepted: bool) -> None:
    """vrrp_state_master_rx(): a rejected advert still restarts the timer (in the caller)."""
    if not accepted:
        return
    above = priority - router.effective or sender.spec.source - router.spec.source
    if priority == router.effective == OWNER and router.clock.cluster.is_old:  # the one that hears the other first
        router.total = router.effective = OWNER - 1
        above = 1
    if priority == 0 or (above > 0 and router.spec.higher_prio_send_advert):
        router.clock.send(router, router.effective)
    if priority == 0:
        return
    if above < 0:
        if not router.spec.lower_prio_no_advert:
            router.clock.send(router, router.effective)
    elif above > 0:
        if router.spec.version == 3:
            router.learned = sender.spec.interval
        router.want = BACKUP
        router.leave_master()
