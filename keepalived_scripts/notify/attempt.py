"""How long may one attempt to send take? As long as configured, whatever hangs or drips: it is a process of its own.

A time-out of a socket begins anew with each byte that comes, and a name server that hangs knows none at all.
"""

from __future__ import annotations

import os
import select
import signal
from time import monotonic
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify.errors import LaterError, NeverError

if TYPE_CHECKING:
    from collections.abc import Callable

    from keepalived_scripts.notify.event import Event

_MOST = 4096


def attempt(way: str, event: Event, given: Any) -> None:
    """Send an event by mail or webhook within ``attempt_timeout`` seconds; raises LaterError or NeverError."""
    from keepalived_scripts.notify import deliver  # here, as each process would pay for it again

    source, sink = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(source)
        os.close(sink)
        raise LaterError(f"no process for it: {error.strerror}") from None
    if child == 0:
        _send({"mail": deliver.mail, "webhook": deliver.webhook}[way], event, given, sink)
    os.close(sink)
    try:
        answer = _answer(source, monotonic() + given.attempt_timeout)
    finally:
        os.close(source)
        _end(child)
    if answer is None:
        raise LaterError(f"it took longer than {given.attempt_timeout:g} s")
    kind, _, text = answer.decode("utf-8", "replace").partition(" ")
    if kind != "sent":
        raise (LaterError if kind == "later" else NeverError)(text or "the attempt was killed")


def _end(child: int) -> None:
    """End the process and what it started, such as sendmail."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _send(way: Callable[[Event, Any], None], event: Event, given: Any, sink: int) -> None:
    """Be the process that sends, and leave."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        way(event, given)
        answer = "sent"
    except LaterError as error:
        answer = f"later {error}"
    except NeverError as error:
        answer = f"never {error}"
    except Exception as error:  # noqa: BLE001 - what cannot even be tried must not block the others
        answer = f"never internal error: {type(error).__name__}"
    os.write(sink, answer.encode("utf-8", "replace")[:_MOST])
    os._exit(0)


def _answer(source: int, end: float) -> bytes | None:
    """Return what the process says, nothing where it died, None where it says nothing in time."""
    while (left := end - monotonic()) > 0:
        if select.select([source], [], [], left)[0]:
            return os.read(source, _MOST) or b"later the attempt died"
    return None
