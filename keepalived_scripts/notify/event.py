"""What is an event of keepalived? Parsed from the arguments of a script or a line of its FIFO.

A script of ``notify`` gets its own arguments and then TYPE NAME STATE PRIORITY; one of ``notify_master`` and the like
only its own. The FIFO has lines such as ``INSTANCE "V1" MASTER 100``, and for virtual services ``VS [ip]:tcp:80 UP``
and ``RS [ip]:tcp:80 [vip]:tcp:80 DOWN`` (keepalived's lib/notify.c and check/ipwrapper.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vipwarden.core.result import one_line
from vipwarden.node.keepalived.vrrp_state import STATES, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PRIORITY = ("MASTER_PRIORITY", "BACKUP_PRIORITY")  # the priority has changed, the state has not
_SIGNS = ("MASTER_RX_LOWER_PRI",)  # worth a hook, but no state
_MOST_NAME = 255


class EventError(ValueError):
    """This is no event of keepalived."""


class Event:
    """``kind`` INSTANCE, GROUP, VS or RS; ``name``; ``state`` or sign; ``words`` are extra arguments for hooks.

    ``order`` is the time in seconds since boot, and a number for equal times. ``since`` is in seconds of the epoch.
    ``source`` is ``notify``, ``fifo`` or ``kernel``.
    """

    __slots__ = ("kind", "name", "order", "previous", "priority", "since", "source", "state", "words")

    def __init__(self, kind: str, name: str, state: str, priority: int = 0, words: Sequence[str] = ()) -> None:
        """Build it; raises EventError."""
        if kind in TYPES:
            if state not in (*STATES, *_PRIORITY, *_SIGNS):
                raise EventError(f"{one_line(state, 40)!r} is no state of keepalived")
        elif kind not in ("VS", "RS") or state not in ("UP", "DOWN"):
            raise EventError(f"{one_line(f'{kind} {name} {state}', 80)!r} is no event of keepalived")
        if not name or len(name) > _MOST_NAME or not name.isprintable():
            raise EventError(f"{one_line(name, 40)!r} is no name")
        if not 0 <= priority <= 255:
            raise EventError(f"{priority} is no priority")
        self.kind = kind
        self.name = name
        self.state = state
        self.priority = priority
        self.words = tuple(words)
        self.source = "notify"
        self.order = (0.0, 0)
        self.previous = ""
        self.since = 0.0

    @property
    def is_state(self) -> bool:
        """Whether an instance or group has entered a state."""
        return self.kind in TYPES and self.state in STATES

    @property
    def is_priority(self) -> bool:
        """Whether only its priority has changed."""
        return self.state in _PRIORITY

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.state}"

    def fields(self) -> dict[str, object]:
        """Return its fields for the journal and for hooks."""
        names = ("kind", "name", "state", "previous", "priority", "source")
        return {"type" if name == "kind" else name: getattr(self, name) for name in names}

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """Undo as_dict(); raises EventError."""
        try:
            event = cls(*(data[name] for name in ("kind", "name", "state", "priority", "words")))
            event.source, event.previous = str(data["source"]), str(data["previous"])
            event.since = float(data["since"])
            event.order = float(data["order"][0]), int(data["order"][1])
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise EventError(f"no event: {error}") from None
        return event


def from_words(words: Sequence[str]) -> Event:
    """Return the event of a script's arguments, of which keepalived's are the last four; raises EventError."""
    if len(words) < 4 or words[-4] not in TYPES:
        given = one_line(" ".join(words), 80)
        raise EventError(
            f"{given!r} does not end in GROUP|INSTANCE NAME STATE PRIORITY, as keepalived's notify does;"
            " notify_master and the like need --state and --instance"
        )
    kind, name, state, priority = words[-4:]
    return Event(kind, name, state, _priority(priority), words[:-4])


def from_line(line: str) -> Event:
    """Return the event of a line of the FIFO; raises EventError."""
    kind, _, rest = line.strip().partition(" ")
    if kind in TYPES:
        name, _, tail = rest.removeprefix('"').rpartition('"')
        words = tail.split()
        if not rest.startswith('"') or not 1 <= len(words) <= 2:
            raise EventError(f"{one_line(line, 80)!r} is no line of keepalived")
        return Event(kind, name, words[0], _priority(words[1]) if len(words) > 1 else 0)
    name, _, state = rest.rpartition(" ")
    return Event(kind, name, state)


def _priority(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        raise EventError(f"{one_line(text, 40)!r} is no priority")
    return int(text)
