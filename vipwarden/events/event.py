"""What is an event? One line of JSON, with the clocks that keep its order when one of them steps.

    {"wall":1700000000.123456,"boot":5020.5,"mono":5020.5,"bid":"0b1c...","node":"lb1","by":"agent","pid":812,"n":7,
     "kind":"check","name":"web","of":"port","state":"CRITICAL","before":"OK","text":"192.0.2.1:80 is closed"}

``boot`` orders the events of a node between two boots, ``bid`` names the boot. A line stands for one event alone, as
``boot``, ``pid`` and the number ``n`` of its writer are in it: equal lines are copies.
"""

from __future__ import annotations

import posix

from vipwarden.state.clock import boot, monotonic, wall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KINDS = (
    "address",  # an address that is no VIP came to the kernel, or left it
    "agent",
    "check",
    "clock",
    "dampening",  # a check that flaps is held down, or believed again
    "events",  # of the record itself: lost or dropped events
    "handover",
    "haproxy",  # a backend or server of HAProxy
    "ipvs",  # a virtual service or real server of the kernel
    "maintenance",
    "panic",  # of a group of checks: failures that are held back
    "process",
    "recorder",
    "restart",
    "server",  # a virtual service or real server of keepalived, by its own word
    "source",  # what the recorder reads can be read, or cannot
    "vip",
    "vrrp",
)
HELD, GONE = "held", "gone"  # states of addresses
MOST_LINE = 4096  # bytes, with the newline
_MOST_NAME, _MOST_TEXT = 200, 600  # characters
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NUMBERS = ("wall", "boot", "mono")
_COUNTS = ("pid", "n")
_WORDS = ("bid", "node", "by", "kind", "name", "of", "state", "before", "text")
_MOST_SECONDS = 1e11


class Event:
    """An event; ``name`` is what has changed, ``of`` what that belongs to, ``before`` the state that it left.

    ``time`` is the time of the epoch by a clock that never stepped, once order.corrected() has seen it.
    """

    __slots__ = (*_NUMBERS, *_COUNTS, *_WORDS, "time")

    wall: float
    boot: float
    mono: float
    bid: str
    node: str
    by: str
    pid: int
    n: int
    kind: str
    name: str
    of: str
    state: str
    before: str
    text: str

    def __init__(self, fields: dict[str, Any]) -> None:
        """Build it; raises ValueError where a field is missing or of another type, or a number out of its range."""
        for names, kind, most in ((_NUMBERS, float, _MOST_SECONDS), (_COUNTS, int, 1 << 62)):
            for name in names:
                value: Any = fields.get(name)
                if type(value) not in (int, kind) or not 0 <= value <= most:
                    raise ValueError(f"{name} is no number of an event")
                setattr(self, name, value)
        for name in _WORDS:
            value = fields.get(name)
            if type(value) is not str:
                raise ValueError(f"{name} is no text")
            setattr(self, name, value)
        if not self.kind or not self.bid:
            raise ValueError("an event has a kind and a boot")
        self.time: float = self.wall

    def __repr__(self) -> str:
        return f"Event({self.kind} {self.name} {self.state} at {self.boot})"

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as they stand in a line."""
        return {name: getattr(self, name) for name in (*_NUMBERS, "bid", "node", "by", *_COUNTS, *_WORDS[3:])}

    def as_line(self) -> bytes:
        """Return its line, as it is written."""
        from json import dumps

        return dumps(self.as_dict()).encode() + b"\n"


def line(
    by: str,
    number: int,
    kind: str,
    name: str,
    *,
    of: str = "",
    state: str = "",
    before: str = "",
    text: str = "",
    ago: float = 0.0,
) -> bytes:
    """Return the line of an event that happened ``ago`` seconds ago, cut so that it fits into MOST_LINE."""
    words = {"kind": kind, "name": name[:_MOST_NAME], "of": of[:_MOST_NAME], "state": state[:40], "before": before[:40]}
    head = (
        f'{{"wall":{max(0.0, wall() - ago):.6f},"boot":{max(0.0, boot() - ago):.6f},'
        f'"mono":{max(0.0, monotonic() - ago):.6f},"bid":{_quoted(boot_id())},"node":{_quoted(posix.uname().nodename)},'
        f'"by":{_quoted(by)},"pid":{posix.getpid()},"n":{number},'
        + "".join(f'"{key}":{_quoted(word)},' for key, word in words.items())
    )
    room = MOST_LINE - len(head) - len('"text":}\n')
    quoted = _quoted(text[:_MOST_TEXT])
    if len(quoted) > room:  # escapes: each takes up to 12 bytes
        quoted = _quoted(text[: max(0, room - 2) // 12])
    return f'{head}"text":{quoted}}}\n'.encode("ascii")


def decode(data: bytes) -> Event | None:
    """Return the event of a line, None where it is none."""
    from json import loads

    if len(data) > MOST_LINE or not data.startswith(b"{"):
        return None
    try:
        fields = loads(data)
        return Event(fields)
    except (ValueError, RecursionError):  # JSONDecodeError and UnicodeDecodeError among it
        return None


_known: list[str] = []


def boot_id() -> str:
    """Return the kernel's word for this boot; "unknown" where it has none."""
    if not _known:
        try:
            source = posix.open(_BOOT_ID, posix.O_RDONLY | posix.O_CLOEXEC)
            try:
                _known.append(posix.read(source, 64).decode("ascii", "replace").strip())
            finally:
                posix.close(source)
        except OSError:
            _known.append("unknown")
    return _known[0]


def _quoted(text: str) -> str:
    try:
        import _json  # a fiftieth of what the package json takes to load
    except ImportError:
        from json import dumps

        return dumps(text)
    return _json.encode_basestring_ascii(text)
