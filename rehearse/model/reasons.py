"""What does a reason for FAULT do to a router, and what a weight?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.cluster import OWNER
from rehearse.model.sync import BACKUP, FAULT, INIT, MASTER

if TYPE_CHECKING:
    from rehearse.model.router import Router


def fail(router: Router) -> None:
    """Count a reason for FAULT: down_instance()."""
    router.faults += 1
    if router.faults > 1 and router.state != INIT:
        return
    router.want = FAULT
    if router.state == MASTER:
        router.leave_master()
    else:
        router.leave_fault()
    if router.sync is not None:
        router.sync.faults += 1
        if router.sync.faults == 1:
            router.sync.fault(router)


def mend(router: Router, *, leaving_init: bool = False, is_counted: bool = True) -> None:
    """Take a reason for FAULT back, if it ``is_counted``: try_up_instance()."""
    sync = router.sync
    if leaving_init:
        if router.faults:
            return
    else:
        router.faults -= is_counted
        if router.faults or router.inits:
            if not router.faults:
                if sync is not None:
                    sync.faults -= 1
                    sync.state = INIT
                router.want = BACKUP
            return
    if not (router.want == MASTER and router.spec.priority == OWNER):
        router.want = BACKUP
    router.learned = router.spec.interval
    router.left = router.down()
    if sync is not None:
        if not leaving_init:
            sync.faults -= 1
        if sync.faults or (sync.inits and not leaving_init):
            return
    want = router.want
    if sync is not None and want == MASTER and not sync.can_goto_master(router):
        router.want = BACKUP
    router.leave_fault()
    router.want = want
    if sync is not None:
        (sync.master if router.state == MASTER else sync.backup)(router)


def add(router: Router, difference: int) -> None:
    """Change the sum of the weights: vrrp_set_effective_priority() clamps only the sum."""
    if router.spec.priority == OWNER:
        return
    router.total += difference
    effective = min(max(router.total, 1), OWNER - 1)
    if effective == router.effective:
        return
    router.effective = effective
    before = router.left
    router.left = router.down()
    if router.state == BACKUP:
        router.deadline += router.left - before
        router.clock.arm(router)
    router.clock.changed(router)
