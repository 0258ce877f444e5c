"""In which state is an instance or sync group by keepalived's last event, and since when?

The program ``notify`` keeps one small file for each in the folder ``vrrp`` of the runtime folder (/run/vipwarden for
root), named TYPE.NAME as paths.file_name() writes it, readable by everybody, written aside and renamed:

    vipwarden-vrrp-1 TYPE STATE SINCE PRIORITY CHANGES SOURCE STAMP ORDER [RANKED]
    NAME

TYPE is INSTANCE or GROUP. STATE is a word of keepalived: MASTER, BACKUP, FAULT, STOP or DELETED. SINCE is when that
state began, in seconds of the epoch. PRIORITY is 0 to 255 (0 where keepalived does not tell it, as for a group).
CHANGES counts the changes of state since the file was first written. SOURCE is ``notify`` (a script), ``fifo``,
or ``kernel`` where an event was lost and the addresses of the kernel showed it. STAMP and ORDER tell events
apart: the time of the last change of state in seconds since boot, and a number that grows where those are equal.
RANKED, where it is there, is the time of a later change of the priority alone.
"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.state import files
from vipwarden.state.paths import file_name, vrrp

_MAGIC = "vipwarden-vrrp-1"
_MOST = 4096
TYPES = ("INSTANCE", "GROUP")
STATES = ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED")
SOURCES = ("notify", "fifo", "kernel")


class VrrpState:
    """What is known of one instance or group; the fields are those of the file."""

    __slots__ = ("changes", "kind", "name", "order", "priority", "ranked", "since", "source", "state")

    def __init__(
        self,
        kind: str,
        name: str,
        state: str,
        since: float,
        *,
        priority: int = 0,
        changes: int = 0,
        source: str = "notify",
        order: tuple[float, int] = (0, 0),
        ranked: float = 0,
    ) -> None:
        self.kind = kind
        self.name = name
        self.state = state
        self.since = since
        self.priority = priority
        self.changes = changes
        self.source = source
        self.order = order  # STAMP and ORDER
        self.ranked = ranked


def path_of(kind: str, name: str) -> str:
    """Return the path of the file of one instance or group."""
    return f"{vrrp()}/{kind}.{file_name(name)}"


def publish(state: VrrpState) -> None:
    """Write the file of one instance or group; raises OSError, and then the old file stays."""
    files.ready(vrrp())
    head = (
        f"{_MAGIC} {state.kind} {state.state} {state.since:.3f} {state.priority} {state.changes}"
        f" {state.source} {state.order[0]!r} {state.order[1]}{f' {state.ranked!r}' if state.ranked else ''}"
    )
    data = f"{head}\n{one_line(state.name)}\n".encode("utf-8", "replace")
    files.write(path_of(state.kind, state.name), data)


def read(path: str, by: tuple[int, ...] | None = None) -> VrrpState | None:
    """Return the state in a file of one of the users ``by``, by default root and this user; None for broken content."""
    try:
        return _state(files.read(path, _MOST, by).decode("utf-8", "replace"))
    except (OSError, ValueError):
        return None


def read_all(path: str) -> list[VrrpState]:
    """Return every whole state in a folder, by type and name; see files.whole()."""
    return files.whole(path, read)


def _state(text: str) -> VrrpState:
    if not text.endswith("\n"):
        raise ValueError("torn")
    head, name = text[:-1].split("\n")
    magic, kind, state, since, priority, changes, source, stamp, order, *ranked = head.split(" ")
    if magic != _MAGIC or kind not in TYPES or state not in STATES or source not in SOURCES:
        raise ValueError("not a state")
    numbers = _number(priority, 255), _number(changes, 1 << 62), _number(order, 1 << 62)
    times = float(since), float(stamp), float(ranked[0] if ranked else 0)
    if len(ranked) > 1:
        raise ValueError("not a state")
    if not all(0 <= time < 1e12 for time in times):
        raise ValueError("not a time")
    return VrrpState(
        kind,
        one_line(name),
        state,
        times[0],
        priority=numbers[0],
        changes=numbers[1],
        source=source,
        order=(times[1], numbers[2]),
        ranked=times[2],
    )


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > most:
        raise ValueError("not a number")
    return int(text)
