"""How many long answers may be in memory, while those who asked for them do not read?

Who is sent the same body shares it. Of different ones, from one collection after the other, a few are kept; beyond
that those who have been reading the oldest give way.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.http.connection import Connection

MOST_BODIES = 8


class Bodies:
    """The long bodies that are being sent, the oldest first, and to whom."""

    def __init__(self) -> None:
        self._sent: dict[int, set[Connection]] = {}

    @contextmanager
    def sending(self, body: bytes, connection: Connection) -> Iterator[None]:
        """Count a body while it is sent, at the cost of the oldest where there are too many."""
        number = id(body)  # it stays while the body does, which is longer than this
        self._sent.setdefault(number, set()).add(connection)
        if len(self._sent) > MOST_BODIES:
            for slow in self._sent.pop(next(iter(self._sent))):
                slow.give_way()
        try:
            yield
        finally:
            readers = self._sent.get(number)
            if readers is not None:
                readers.discard(connection)
                if not readers:
                    del self._sent[number]
