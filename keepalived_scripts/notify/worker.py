"""Who runs the hooks and sends the mails, once keepalived's script has ended? Two workers, one of each kind at a time.

All hooks run, in the order of their events. Only those of an event that had to wait for longer than one hook may take
are skipped where a newer event of the same instance or group waits: they would bring about a state that is long gone.
What is to be sent waits in an outbox, so that no mail server holds up a hook.
"""

from __future__ import annotations

import signal
import sys
from time import sleep
from typing import TYPE_CHECKING, Any

from checks.core.verdict import now
from keepalived_scripts.notify import journal
from keepalived_scripts.notify.event import Event, EventError
from keepalived_scripts.notify.spool import Spool, background

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_PAUSE = 300.0  # seconds between two attempts
_TURN = 0.25  # seconds between two looks at the outbox


def work(config: str | None) -> None:
    """Run the hooks of what is in the spool, and hand it on to be sent."""
    from keepalived_scripts.notify.settings import load_anyway

    # sent to the whole service when it is stopped: STOP has hooks too. Not SIG_IGN, which the hooks would inherit
    signal.signal(signal.SIGTERM, lambda *_: None)
    given = load_anyway(config)
    try:
        Spool("hooks").work_off(lambda spool, name: _hooks(spool, name, given))
        if Spool("outbox").names():
            background(lambda: deliver(given))
    except OSError as error:
        journal.log(journal.ERROR, f"events are left undone: {error}")


def _hooks(spool: Spool, name: str, given: Any) -> None:
    from keepalived_scripts.notify import hooks

    event = _event(spool, name)
    try:
        if event is None:
            return
        if now() - event.order[0] > given.hook_timeout and _is_superseded(spool, name, event):
            journal.log(journal.NOTICE, f"no hooks for {event}: it waited too long, and a newer event waits")
        else:
            for path in hooks.find(given.hooks, event.state):
                hooks.run(path, event, given.hook_timeout)
        _hand_on(event, given)
    finally:
        spool.done(name)


def _event(spool: Spool, name: str) -> Event | None:
    try:
        return Event.from_dict(spool.get(name))
    except EventError as error:
        journal.log(journal.ERROR, f"{spool.path / name} is dropped: {error}")
        return None


def _is_superseded(spool: Spool, name: str, event: Event) -> bool:
    for later in spool.names():
        data = spool.get(later) if later > name else {}
        if (data.get("kind"), data.get("name")) == (event.kind, event.name):
            return True
    return False


def _hand_on(event: Event, given: Any) -> None:
    """Put what is to be sent into the outbox, and start its worker if none is there."""
    ways = [
        way for way, wanted in (("mail", given.mail_to), ("webhook", given.webhook or given.webhook_file)) if wanted
    ]
    if not ways or event.state not in given.states:
        return
    outbox = Spool("outbox")
    for way in ways:
        data = event.as_dict() | {"way": way, "until": now() + given.retry_for}
        if outbox.add(data):
            journal.log(journal.ERROR, "the outbox is full: the oldest mail or webhook is dropped")
    background(lambda: deliver(given))


def deliver(given: Any) -> None:
    """Send what is in the outbox in its order, each way for itself, and try again what did not get through."""
    from keepalived_scripts.notify import deliver as ways

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # the outbox stays for the next event's worker
    senders: dict[str, Callable[[Event, Any], None]] = {"mail": ways.mail, "webhook": ways.webhook}
    pauses = dict.fromkeys(senders, 0.0)
    due = dict.fromkeys(senders, 0.0)

    def one(outbox: Spool, _first: str) -> None:
        """Try whatever is due once, and then let some time pass."""
        blocked = {way for way, time in due.items() if time > now()}
        for name in outbox.names():
            data = outbox.get(name)
            way = str(data.get("way"))
            if way in blocked:
                continue
            event = _event(outbox, name)
            try:
                if event is not None and way in senders:
                    senders[way](event, given)
                    journal.log(journal.INFO, f"{way} sent: {event}")
                pauses[way] = 0.0
            except ways.NeverError as error:
                journal.log(journal.ERROR, f"{way} for {event} is dropped: {error}")
            except ways.LaterError as error:
                blocked.add(way)
                if now() < float(data.get("until", 0)):
                    pauses[way] = min(_LONGEST_PAUSE, pauses[way] * 2 or given.retry_first)
                    due[way] = now() + pauses[way]
                    journal.log(journal.WARNING, f"{way} for {event} is tried again in {pauses[way]:g} s: {error}")
                    continue
                journal.log(journal.ERROR, f"{way} for {event} is dropped, it was tried long enough: {error}")
            except Exception as error:  # noqa: BLE001 - what cannot even be tried must not block the others
                journal.log(journal.ERROR, f"{way} for {event} is dropped: internal error: {type(error).__name__}")
            outbox.done(name)
        if outbox.names():
            sleep(_TURN)

    Spool("outbox").work_off(one)
