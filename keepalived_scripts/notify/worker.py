"""Who runs the hooks, once keepalived's script has ended? A worker, one at a time.

All hooks run, in the order of their events. Only those of an event that had to wait for longer than one hook may take
are skipped where a newer event of the same instance or group waits: they would bring about a state that is long gone.
What is to be sent is handed on to an outbox, so that no mail server holds up a hook.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.spool import Spool, background, read_event
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepalived_scripts.notify.event import Event


def work(config: str | None, at_once: Sequence[Event] = ()) -> None:
    """Run the hooks of what is in the spool, or is in none as there is no room, and hand it on to be sent."""
    from keepalived_scripts.notify.settings import load_anyway

    # sent to the whole service when it is stopped: STOP has hooks too. Not SIG_IGN, which the hooks would inherit
    signal.signal(signal.SIGTERM, lambda *_: None)
    given = load_anyway(config)
    with contextlib.ExitStack() as alone:
        if at_once:
            with contextlib.suppress(OSError):  # where even that lock cannot be made
                alone.enter_context(Spool("hooks").alone(wait=True))
        for event in at_once:
            _run(event, given)
            _hand_on(event, given, config)
    try:
        Spool("hooks").work_off(lambda spool, name: _hooks(spool, name, given, config))
        if Spool("outbox").names():
            _send(config)
    except OSError as error:
        journal.log(journal.ERROR, f"events are left undone: {error}")


def _hooks(spool: Spool, name: str, given: Any, config: str | None) -> None:
    event = read_event(spool, name)
    try:
        if event is None:
            return
        if boot() - event.order[0] > given.hook_timeout and _is_superseded(spool, name, event):
            journal.log(journal.NOTICE, f"no hooks for {event}: it waited too long, and a newer event waits")
        else:
            _run(event, given)
        _hand_on(event, given, config)
    finally:
        spool.done(name)


def _run(event: Event, given: Any) -> None:
    from keepalived_scripts.notify import hooks

    for path in hooks.find(given.hooks, event.state):
        hooks.run(path, event, given.hook_timeout)


def _is_superseded(spool: Spool, name: str, event: Event) -> bool:
    for later in spool.names():
        data = spool.get(later) if later > name else {}
        if (data.get("kind"), data.get("name")) == (event.kind, event.name):
            return True
    return False


def _hand_on(event: Event, given: Any, config: str | None) -> None:
    """Put what is to be sent into the outbox, and start its worker if none is there."""
    from keepalived_scripts.notify.settings import ways

    wanted = ways(given) if event.state in given.states else ()
    for way in wanted:
        data = event.as_dict() | {"way": way, "until": boot() + given.retry_for}
        try:
            if Spool("outbox").add(data):
                journal.log(journal.ERROR, "the outbox is full: the oldest mail or webhook is dropped")
        except OSError as error:
            journal.log(journal.ERROR, f"{way} for {event} cannot be put aside and is tried but once: {error}")
            _send(config, [(way, event)])
    if wanted:
        _send(config)


def _send(config: str | None, once: Sequence[tuple[str, Event]] = ()) -> None:
    from keepalived_scripts.notify.outbox import send, send_once

    background(lambda: send_once(config, once) if once else send(config))
