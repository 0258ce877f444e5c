"""Which checks does an operator mean, who is that, and which maintenance covers them now?"""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from errno import ETIMEDOUT
from typing import TYPE_CHECKING

from agent.settings import plan
from vipwarden.config.document import ConfigError, meant
from vipwarden.core.options import UsageError
from vipwarden.net.oneshot import within
from vipwarden.net.stream import NetError
from vipwarden.state import paths
from vipwarden.state.clock import wall
from vipwarden.state.maintained import read_all, read_copies, remove, restore
from vipwarden.state.maintenance import ALL, CHECK, HOST, Maintenance, decode, encode
from vipwarden.state.verdict import read_all as read_verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vipwarden.config.entry import Entry

_READING, _WRITING = 5.0, 30.0  # seconds for the disk, which may be busy


def target(name: str | None, host: str | None, everything: bool) -> tuple[str, str]:
    """Return kind and name of what is meant; raises UsageError."""
    if bool(name) + bool(host) + everything != 1:
        raise UsageError("one of NAME, --host and --all is wanted")
    return (ALL, "") if everything else (CHECK, str(name)) if name else (HOST, str(host))


def user() -> str:
    """Return who types this."""
    known = os.environ.get("SUDO_USER")
    if known:
        return known
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def covered(record: Maintenance, config: str) -> tuple[list[Entry], list[str]]:
    """Return the entries of the configuration that a record covers, and the names of all checks; raises UsageError."""
    entries: list[Entry] = []
    trouble = ""
    try:
        entries = plan(config).entries
    except ConfigError as error:
        trouble = f" ({str(error).splitlines()[0]})"
    hosts = {verdict.name: "" for verdict in read_verdicts(paths.verdicts()) if verdict.name != paths.AGENT}
    hosts |= {entry.name: str(entry.values.get("host", "")) for entry in entries}
    names = [name for name, host in hosts.items() if record.covers(name, host)]
    if not names:
        known: Iterable[str] = hosts if record.kind == CHECK else hosts.values()
        about = "" if record.kind == CHECK else " of the host"
        raise UsageError(f"there is no check{about} {record.name!r}{meant(record.name, filter(None, known))}{trouble}")
    return [entry for entry in entries if entry.name in names], names


def valid(read: Callable[[], list[Maintenance]] = read_all) -> list[Maintenance]:
    """Return the records that are valid now, in order; raises NetError where the disk does not answer."""
    whole = within(_READING, _disk(), lambda: [encode(record) for record in read()])
    return _in_order(map(decode, whole))


def listed() -> tuple[list[Maintenance], str]:
    """Return the same and "", or the copies of the records and why the disk could not be asked."""
    try:
        return valid(), ""
    except NetError as error:
        return _in_order(read_copies()), str(error)


def _in_order(records: Iterable[Maintenance]) -> list[Maintenance]:
    return sorted((r for r in records if r.left > 0), key=lambda r: (r.kind, r.name, r.by))


def still_covers(record: Maintenance, kind: str, name: str) -> bool:
    """Return whether a record covers a check, a host or all, by its own name or a wider one."""
    return record.kind == ALL or (record.kind, record.name) == (kind, name) or (kind == CHECK and record.covers(name))


def _disk() -> str:
    return paths.maintenance(root=True)


def on_disk(work: Callable[[], None]) -> None:
    """Write or remove a record; raises OSError, TimeoutError where the disk does not answer."""
    try:
        within(_WRITING, _disk(), work)
    except NetError:
        text = f"no answer within {_WRITING:g} s: is a mount dead? It may still be done when that answers"
        raise TimeoutError(ETIMEDOUT, text, paths.maintenance()) from None


def sweep() -> None:
    """Remove the records that are over, let the copies be what the others are; raises NetError."""
    within(_READING, _disk(), _sweep)


def _sweep() -> None:
    records = read_all()
    restore(records)
    for record in records:
        if record.is_over:
            with suppress(OSError):
                remove(record)


def as_json(record: Maintenance) -> dict[str, object]:
    """Return a record as plain data, with its end by this node's clock."""
    return {
        "kind": record.kind,
        "name": record.name,
        "by": record.by,
        "reason": record.reason,
        "since": round(record.since, 3),
        "until": round(wall() + record.left, 3),
        "left_seconds": round(record.left, 1),
    }
