"""How do hooks run after keepalived's script has ended? In a single worker.

All hooks run, in the order of their events. Only if an event waited longer than one hook may take, and a newer event
of the same instance or group is waiting, its hooks are skipped: they would act on an outdated state. Messages go to an
outbox, so that a mail server never blocks a hook.
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


class Worker:
    """Runs hooks and fills the outbox, by the configuration at its start."""

    def __init__(self, config: str | None) -> None:
        from keepalived_scripts.notify.settings import load_anyway

        self.config = config
        self.given: Any = load_anyway(config)

    def work(self, at_once: Sequence[Event]) -> None:
        """Work off ``at_once``, which are in no spool, and then the spool."""
        with contextlib.ExitStack() as lock:
            if at_once:
                with contextlib.suppress(OSError):  # not even the lock can be made
                    lock.enter_context(Spool("hooks").alone(wait=True))
            for event in at_once:
                self._run(event)
        try:
            Spool("hooks").work_off(self._work_off)
            if Spool("outbox").names():
                self._send()
        except OSError as error:
            journal.log(journal.ERROR, f"events are left over: {error}")

    def _work_off(self, spool: Spool, name: str) -> None:
        event = read_event(spool, name)
        try:
            if event is not None:
                late = boot() - event.order[0] > self.given.hook_timeout
                self._run(event, hooks=not (late and _is_superseded(spool, name, event)))
        finally:
            spool.done(name)

    def _run(self, event: Event, *, hooks: bool = True) -> None:
        """Run the hooks of an event and put its messages into the outbox."""
        if hooks:
            from keepalived_scripts.notify.hooks import find, run

            for path in find(self.given.hooks, event.state):
                run(path, event, self.given.hook_timeout)
        else:
            journal.log(journal.NOTICE, f"no hooks for {event}: it waited too long, and a newer event waits")
        from keepalived_scripts.notify.settings import ways

        wanted = ways(self.given) if event.state in self.given.states else ()
        for way in wanted:
            message = event.as_dict() | {"way": way, "until": boot() + self.given.retry_for}
            try:
                if Spool("outbox").add(message):
                    journal.log(journal.ERROR, "the outbox is full: the oldest mail or webhook is dropped")
            except OSError as error:
                journal.log(journal.ERROR, f"{way} for {event} cannot be spooled and is tried only once: {error}")
                self._send([(way, event)])
        if wanted:
            self._send()

    def _send(self, once: Sequence[tuple[str, Event]] = ()) -> None:
        """Start the outbox's worker, which loads the modules for mail and HTTP."""

        def run() -> None:
            from keepalived_scripts.notify.outbox import send, send_once

            if once:
                send_once(self.config, once)
            else:
                send(self.config)

        background(run)


def work(config: str | None, at_once: Sequence[Event] = ()) -> None:
    """Run the hooks of all events in the spool, and of ``at_once``, and pass their messages to the outbox."""
    # systemd sends SIGTERM to the whole service, but STOP has hooks too. SIG_IGN would be inherited by the hooks
    signal.signal(signal.SIGTERM, lambda *_: None)
    Worker(config).work(at_once)


def _is_superseded(spool: Spool, name: str, event: Event) -> bool:
    for later in spool.names():
        data = spool.get(later) if later > name else {}
        if (data.get("kind"), data.get("name")) == (event.kind, event.name):
            return True
    return False
