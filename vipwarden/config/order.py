"""In which order do the checks of a configuration stand, each after those that it depends on?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.config.document import ConfigError
    from vipwarden.config.entry import Entry


def in_order(entries: Mapping[str, Entry], error: Callable[[str, str], ConfigError]) -> list[Entry]:
    """Return entries by name, each after those that it depends on, with the pace of its members.

    ``error`` makes what is raised of a name and a text.
    """
    done: dict[str, Entry] = {}
    for first in entries.values():
        path = [first]
        while path:
            entry = path[-1]
            open_ = [name for name in (*entry.members, *entry.only_if) if name not in done]
            if not open_:
                _settle(entry, [done[name] for name in entry.members])
                done[entry.name] = path.pop()
            elif any(entry.name == open_[0] for entry in path):
                raise error(entry.name, f"depends on itself, by {open_[0]!r}")
            else:
                path.append(entries[open_[0]])
    return list(done.values())


def _settle(entry: Entry, members: list[Entry]) -> None:
    """Give a composed entry the pace of its slowest member."""
    if members:
        entry.needed = entry.needed or len(members)
        entry.healthy = max(entry.healthy, *(member.healthy for member in members))
        entry.interval = entry.fast_interval = max(member.interval for member in members)
        entry.loss_after = entry.loss_after or max(member.loss_after for member in members)
