"""What does the reader want to see? Words of the page's address: find, state and sort."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 100  # characters of each


class Choices(NamedTuple):
    """Text to find, a state, and the column to sort by: ``errors`` has the largest first, ``-errors`` the smallest."""

    find: str = ""
    state: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Choices:
        """Return those in the query of an address."""
        return cls(*(one_line(query.get(name, "").strip(), _MOST) for name in cls._fields))

    @property
    def is_narrow(self) -> bool:
        """Whether some rows are not wanted."""
        return bool(self.find or self.state)

    def link(self, **changes: str) -> str:
        """Return the address of the page with other choices."""
        known = {name: text for name, text in self._replace(**changes)._asdict().items() if text}
        return f"?{urlencode(known, errors='replace')}" if known else "./"
