"""What does a sync group do to its members (vrrp_sync.c)?"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

INIT, BACKUP, MASTER, FAULT, OFF = range(5)


class Member(Protocol):
    """What a group needs of a router."""

    state: int
    want: int
    left: int

    def down(self) -> int:
        """Return Master_Down_Interval."""

    def rest(self) -> None:
        """Start the timer of its state anew."""

    def goto_master(self) -> None:
        """Become MASTER."""

    def leave_master(self) -> None:
        """Leave MASTER."""

    def leave_fault(self) -> None:
        """Go into or out of FAULT."""


_M = TypeVar("_M", bound=Member)


class Sync(Generic[_M]):
    """A sync group on one node (vrrp_sgroup_t)."""

    __slots__ = ("faults", "inits", "members", "state")

    def __init__(self) -> None:
        self.members: list[_M] = []
        self.state = BACKUP
        self.faults = self.inits = 0

    def can_goto_master(self, router: _M) -> bool:
        """vrrp_sync_can_goto_master(): all members want it, else the one that asks waits another time."""
        if self.state == MASTER or all(it is router or it.want == MASTER for it in self.members):
            return True
        router.left = router.down()
        router.rest()
        return False

    def master(self, router: _M) -> None:
        """vrrp_sync_master()."""
        if self.state == MASTER or not self.can_goto_master(router):
            return
        for it in self.members:
            if it is not router and it.state != MASTER:
                it.want = MASTER
                it.goto_master()
        self.state = MASTER

    def backup(self, router: _M) -> None:
        """vrrp_sync_backup()."""
        if self.state == BACKUP:
            return
        for it in self.members:
            if it is router or it.state == BACKUP:
                continue
            it.want = BACKUP
            if it.state in (FAULT, INIT):
                it.leave_fault()
            else:
                it.leave_master()
        self.state = BACKUP

    def fault(self, router: _M) -> None:
        """vrrp_sync_fault()."""
        if self.state == FAULT:
            return
        for it in self.members:
            if it is not router and it.state != FAULT:
                it.want = FAULT
                if it.state == MASTER:
                    it.leave_master()
                else:
                    it.leave_fault()
        self.state = FAULT
