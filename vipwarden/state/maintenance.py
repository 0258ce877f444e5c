"""Which checks are in maintenance, by whom, why, and for how long still?

A record is a small file of five lines: ``vipwarden-maintenance-1 SINCE UNTIL ENDS BOOT``, the KIND of what it covers,
its NAME, WHO began it, and the REASON. SINCE and UNTIL are seconds of the epoch, ENDS seconds since the boot with the
id BOOT. Within this boot only ENDS counts, as that clock never steps; after a reboot it is UNTIL. A record that is
dated in the future, as after the wall clock was set back, has no effect. So every maintenance ends by itself.
"""

from __future__ import annotations

from time import localtime, strftime

from vipwarden.core.result import one_line
from vipwarden.state.clock import boot, boot_id, wall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

CHECK, HOST, ALL = KINDS = "check", "host", "all"
LONGEST = 30 * 86400.0  # seconds
_MAGIC = "vipwarden-maintenance-1"
_ROUNDED = 0.1  # seconds by which the stamps of a file may be rounded


class Maintenance:
    """A record: its ``kind``, the ``name`` of a check or host, who began it (``by``), and the ``reason``.

    ``since`` and ``until`` are seconds of the epoch, ``ends`` seconds since the boot with the id ``of_boot``.
    """

    __slots__ = ("by", "ends", "kind", "name", "of_boot", "reason", "since", "until")

    def __init__(self, kind: str, name: str, by: str, reason: str, since: float, until: float) -> None:
        self.kind = kind
        self.name = name
        self.by = by
        self.reason = reason
        self.since = since
        self.until = until
        self.ends = boot() + until - since
        self.of_boot = boot_id()

    @property
    def what(self) -> str:
        """What it covers, in words."""
        return self.name if self.kind == CHECK else f"host {self.name}" if self.kind == HOST else "all checks"

    @property
    def left(self) -> float:
        """For how many seconds it is still valid; 0 where it is over, negative where it is dated in the future."""
        lasts = self.until - self.since
        left = self.ends - boot() if self.of_boot == boot_id() else self.until - wall()
        return lasts - left if left > lasts + _ROUNDED else max(0.0, left)

    @property
    def is_over(self) -> bool:
        """Whether its file may be removed."""
        return self.left == 0

    @property
    def text(self) -> str:
        """Until when, by whom and why, in local time."""
        end = strftime("%Y-%m-%d %H:%M", localtime(wall() + self.left))
        return f"in maintenance until {end} by {self.by}: {self.reason}"

    def covers(self, name: str, host: str = "") -> bool:
        """Return whether it covers a check, or as the name of a pattern all checks of the pattern."""
        if self.kind == CHECK:
            return name == self.name or name.startswith(f"{self.name}@")
        asked = host or _host(name)
        return self.kind == ALL or (bool(asked) and asked.lower() == self.name.lower())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Maintenance) and encode(self) == encode(other)

    __hash__ = None  # type: ignore[assignment]


def _host(name: str) -> str:
    """Return the host in the name of a run of a command, which has by default what it was asked."""
    return next((word[5:] for word in name.split(" ")[1:] if word.startswith("host=")), "")


def encode(record: Maintenance) -> bytes:
    """Return the content of its file."""
    head = f"{_MAGIC} {record.since:.3f} {record.until:.3f} {record.ends:.2f} {record.of_boot}"
    lines = head, record.kind, *(one_line(text, 400) for text in (record.name, record.by, record.reason))
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def decode(data: bytes) -> Maintenance:
    """Return the record in the content of a file; raises ValueError where it is broken, or has no credible end."""
    text = data.decode("utf-8", "replace")
    if not text.endswith("\n"):
        raise ValueError("it is torn")
    head, kind, *words = text[:-1].split("\n")
    magic, since, until, ends, of_boot = head.split(" ")
    if magic != _MAGIC or kind not in KINDS:
        raise ValueError("it holds no maintenance")
    name, by, reason = map(one_line, words)
    record = Maintenance(kind, name, by, reason, float(since), float(until))
    record.ends, record.of_boot = float(ends), of_boot
    if not 0 < record.until - record.since <= LONGEST or not 0 <= record.since < 1e11 or not 0 <= record.ends < 1e11:
        raise ValueError("it has no end that can be believed")
    return record


def chosen(records: Iterable[Maintenance], name: str, host: str = "") -> Maintenance | None:
    """Return the record that covers a check for the longest time from now, or None."""
    valid = [record for record in records if record.covers(name, host) and record.left > 0]
    return max(valid, key=lambda record: record.left, default=None)
