"""What does a change of a script, file, process or interface do to those that track it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.cluster import FILE, INTERFACE, SCRIPT
from rehearse.model.reasons import add, fail, mend
from rehearse.model.sync import OFF

if TYPE_CHECKING:
    from rehearse.model.cluster import Link
    from rehearse.model.router import Router
    from rehearse.model.run import Key, Run

_FAULT = -254  # and below: a track file puts into FAULT (vrrp_track.c)
_MOST = 253


def change(run: Run, key: Key, value: int, *, delay: int = 0) -> None:
    """Change what a tracker watches now; keepalived learns it after a delay (ms)."""
    before = run.values.get(key, well(key))
    if before == value:
        return
    run.values[key] = value
    is_bad, was_bad = (bool(it) is not bool(well(key)) for it in (value, before))
    for it in run.service.get(key, ()):
        it.sick += is_bad - was_bad
    for it in run.routers:
        if it.node == key[0]:
            run.note(it)
    if delay:
        run.at(run.now + delay, lambda: _learn(run, key))
    else:
        run.since = run.now
        _learn(run, key)
        run.deliver()


def hang(run: Run, key: Key, *, broken: bool) -> None:
    """Let a process hang, or go on: its service goes with it, and keepalived learns nothing."""
    run.since = run.now
    for it in run.unseen.get(key, ()):
        it.sick += 1 if broken else -1
        run.note(it)


def well(key: Key) -> int:
    """Return the value of a tracker where nothing is broken."""
    return int(key[1] != FILE)


def awake(run: Run, node: int) -> None:
    """Let a keepalived that goes on learn what has changed meanwhile."""
    for key in [it for it in run.missed if it[0] == node]:
        run.missed.discard(key)
        _learn(run, key)


def _learn(run: Run, key: Key) -> None:
    """Take the value as it is now; a node that has started since has it already."""
    entries = [(it, link) for it, link in run.tracked.get(key, ()) if it.state != OFF]
    before, value = run.learned.get(key, well(key)), run.values.get(key, well(key))
    if not entries or before == value:
        return
    if any(it.frozen for it, _ in entries):
        run.missed.add(key)
        return
    run.learned[key] = value
    if key[1] == SCRIPT:
        result(run, key, ok=value != 0)
        return
    for it, link in entries:
        if key[1] == FILE:
            _file(it, share(link, before), share(link, value))
        elif link.weight:
            sign = 1 if value else -1
            add(it, sign * abs(link.weight) * (-1 if link.reverse else 1))
        elif key[1] == INTERFACE and not run.cluster.is_old:
            _interface(it, is_down=(value != 0) is link.reverse)
        elif (value != 0) is link.reverse:
            fail(it)
        else:
            mend(it)


def _interface(router: Router, *, is_down: bool) -> None:
    """From 2.3.3 on all interfaces share a flag (VRRP_FAULT_FL_INTERFACE_DOWN): the first that comes up clears it."""
    if is_down and not router.cut:
        fail(router)
    elif not is_down:
        mend(router, is_counted=router.cut)
    router.cut = is_down


def _file(router: Router, before: int | None, after: int | None) -> None:
    if before == after:
        return
    add(router, (after or 0) - (before or 0))
    if after is None:
        fail(router)
    elif before is None:
        mend(router)


def result(run: Run, key: Key, *, ok: bool) -> None:
    """Take a change of a script's result: process_script_update_priority(). The first result decides."""
    entries = [(it, link) for it, link in run.tracked.get(key, ()) if it.state != OFF]
    first = key not in run.known
    run.known.add(key)
    for it, link in entries:
        sign = -1 if link.reverse else 1
        if link.weight:
            if not first:
                add(it, (abs(link.weight) if ok else -abs(link.weight)) * sign)
            elif ok is (link.weight > 0):
                add(it, link.weight * sign)
            continue
        leaves = False
        if first:
            it.inits -= 1
            leaves = it.inits == 0
            if leaves and it.sync is not None:
                it.sync.inits -= 1
        if ok is link.reverse:
            fail(it)
        elif not it.inits and (it.sync is None or not it.sync.inits) and (leaves or not first):
            mend(it, leaving_init=leaves)


def share(link: Link, value: int) -> int | None:
    """Return what a track file adds to the priority, None for FAULT."""
    if not link.weight:
        return None if (value != 0) is not link.reverse else 0
    share = value * link.weight * (-1 if link.reverse else 1)
    return None if share <= _FAULT else min(share, _MOST)


def share_of_state(link: Link, good: bool) -> int:
    """Return what a process or an interface adds to the priority."""
    sign = -1 if link.reverse else 1
    return link.weight * sign if good is (link.weight > 0) else 0
