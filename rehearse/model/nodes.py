"""What does a node do: start keepalived, stop or freeze it, lose its power?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rehearse.model.adverts import receive
from rehearse.model.cluster import FILE, INTERFACE, OWNER, SCRIPT
from rehearse.model.sync import BACKUP, FAULT, INIT, MASTER, OFF
from rehearse.model.trackers import awake, result, share, share_of_state, well

if TYPE_CHECKING:
    from rehearse.model.cluster import Link
    from rehearse.model.router import Router
    from rehearse.model.run import Key, Run

_FIRST = 60  # ms until the first result of a script


def start(run: Run, nodes: set[int]) -> None:
    """Start keepalived on some nodes: vrrp_complete_init(), then vrrp_init_state()."""
    mine = [it for it in run.routers if it.node in nodes]
    for it in mine:
        it.holds = it.frozen = it.cut = False
        it.state, it.want = INIT, MASTER if it.spec.is_master else BACKUP
        it.learned = it.spec.interval
        it.total = it.effective = it.spec.priority
        it.faults = it.preempt_at = 0
        it.inits = int(it in run.waiting)
    groups = {id(it.sync): it.sync for it in mine if it.sync is not None}.values()
    for sync in groups:
        sync.faults = sync.inits = 0
        owners = all(it.want == MASTER and it.spec.priority == OWNER for it in sync.members)
        sync.state = MASTER if owners else BACKUP
        if not owners:  # vrrp_complete_init(): all start as masters, or none
            for it in sync.members:
                it.want = BACKUP
    scripts = [key for key in run.tracked if key[0] in nodes and key[1] == SCRIPT]
    for key, entries in run.tracked.items():
        if key[0] in nodes:
            for it, link in entries:
                _begin(run, it, link, key)
    for sync in groups:
        sync.inits = sum(it.inits > 0 for it in sync.members)
        sync.faults = sum(it.faults > 0 for it in sync.members)
        if sync.faults:
            sync.state = FAULT
        elif sync.inits:
            sync.state = INIT
    for it in mine:
        _init(run, it)
    for it in mine:
        run.changed(it)
    run.known.difference_update(scripts)
    for key in scripts:
        run.at(run.now + _FIRST, partial(_first, run, key))
    run.deliver()


def _first(run: Run, key: Key) -> None:
    run.learned[key] = run.values.get(key, 1)
    result(run, key, ok=run.learned[key] != 0)


def _begin(run: Run, router: Router, link: Link, key: Key) -> None:
    run.learned[key] = value = run.values.get(key, well(key))
    if link.kind == SCRIPT:
        router.inits += link.weight == 0
    elif link.kind == FILE:
        added = share(link, value)
        router.faults += added is None
        router.total += added or 0
    elif not link.weight:
        is_bad = (value != 0) is link.reverse
        shared = link.kind == INTERFACE and not run.cluster.is_old
        router.faults += is_bad and not (shared and router.cut)
        router.cut = router.cut or (shared and is_bad)
    else:
        router.total += share_of_state(link, value != 0)
    if router.spec.priority == OWNER:
        router.total = OWNER
    router.effective = OWNER if router.spec.priority == OWNER else min(max(router.total, 1), OWNER - 1)


def _init(run: Run, router: Router) -> None:
    """vrrp_init_state() and vrrp_init_instance_sands() for one instance."""
    spec, sync = router.spec, router.sync
    if router.faults:
        router.want = FAULT
    new = sync.state if sync is not None else router.want
    waits = bool(router.inits or (sync is not None and sync.inits))
    if new == FAULT or router.faults or waits:
        router.left = router.down()
        router.state = FAULT
        return
    router.state = BACKUP
    if new == MASTER and router.want == MASTER and spec.priority == OWNER:
        router.left = 1
    else:
        router.left = router.down()
    delay = run.cluster.nodes[router.node].startup_delay
    router.delayed = run.now + delay
    router.waits = delay > 0
    router.rest()


def stop(run: Run, node: int, *, says: bool, keeps: bool) -> None:
    """End keepalived: ``says`` priority 0 and removes the VIPs, or ``keeps`` the VIPs as kill -9 does."""
    for it in run.routers:
        if it.node == node:
            if says and it.state == MASTER and not it.frozen:
                run.send(it, 0)
            it.state = OFF
            it.frozen = False
            it.holds = it.holds and keeps
    run.missed = {key for key in run.missed if key[0] != node}
    for it in run.routers:
        if it.node == node:
            run.changed(it)
    run.deliver()


def freeze(run: Run, node: int) -> None:
    """Stop keepalived as SIGSTOP does."""
    for it in run.routers:
        if it.node == node:
            it.frozen = True


def thaw(run: Run, node: int) -> None:
    """Let keepalived go on: timers that are due, then the last adverts that wait in its sockets."""
    mine = [it for it in run.routers if it.node == node and it.frozen]
    for it in mine:
        it.frozen = False
        run.changed(it)
    for it in mine:
        late = run.late.pop(it, {})
        if it.state == MASTER and it.deadline <= run.now:
            run.send(it, it.effective)
        for sender, priority in late.items():
            receive(it, priority, sender, accepted=dict(run.peers[sender])[it])
        if it.state in (BACKUP, MASTER):
            it.deadline = max(it.deadline, run.now)
            run.rearm(it)
    awake(run, node)
    run.deliver()


def die(run: Run, node: int) -> None:
    """Cut the power of a node."""
    run.dead.add(node)
    stop(run, node, says=False, keeps=False)


def live(run: Run, node: int) -> None:
    """Give the power back."""
    run.dead.discard(node)
    start(run, {node})
