"""Where are the fields of a netlink message? The kernel lays out every entry of a dump alike.

The first message shows the place of each field, by which the others are unpacked at once. The headers of the
attributes are compared with those of the first, so that another layout is never misread.
"""

from __future__ import annotations

from operator import itemgetter
from struct import Struct, unpack_from

from vipwarden.node.netlink.socket import KIND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any

NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # by their size in bytes; other values stay bytes


class Layout:
    """The places of the fields in all messages whose attributes have the same types and sizes."""

    __slots__ = ("_heads", "_pick", "_struct", "_wanted")

    def __init__(
        self,
        body: bytes,
        start: int,
        nested: Container[tuple[int, ...]],
        wanted: Callable[[Container[tuple[int, ...]]], Sequence[tuple[int, ...]]],
        may_lack: tuple[int, ...] = (),
    ) -> None:
        """Learn it from a message whose attributes begin at ``start``; without all its fields it fits no message.

        A path has the types of the attributes from the outermost on; ``nested`` are paths of attributes with others
        inside. ``wanted`` returns the paths of the fields, of those that exist; the field ``may_lack`` may be None.
        """
        self._struct = Struct("")
        self._pick: Callable[[Any], tuple[Any, ...]] | None = None
        walk = _Walk(nested)
        walk.through(body, start, len(body), ())
        walk.places.setdefault(may_lack, -1)
        paths = wanted(walk.places)
        if all(path in walk.places for path in paths):
            self._struct = Struct("".join((f"={start}x", *walk.format)))
            self._pick = itemgetter(*(walk.places[path] for path in paths))
            self._heads = itemgetter(*walk.heads)
            self._wanted = self._heads(self._struct.unpack_from(body))

    def row(self, body: bytes) -> tuple[Any, ...] | None:
        """Return the fields of a message, None where its layout differs."""
        if self._pick is None or self._struct.size != len(body):
            return None
        fields = (*self._struct.unpack(body), None)
        return self._pick(fields) if self._heads(fields) == self._wanted else None


class _Walk:
    """A walk through the attributes of a message: its format, and the fields of headers and values."""

    def __init__(self, nested: Container[tuple[int, ...]]) -> None:
        self.nested = nested
        self.format: list[str] = []
        self.places: dict[tuple[int, ...], int] = {}
        self.heads: list[int] = []
        self.fields = 0

    def through(self, body: bytes, at: int, end: int, path: tuple[int, ...]) -> None:
        """Go from an offset to another, and into nested attributes."""
        while at + 4 <= end:
            size, kind = unpack_from("=HH", body, at)
            if not 4 <= size <= end - at:
                break
            own = (*path, kind & KIND)
            self.heads.append(self.fields)
            self._field("I")
            if own in self.nested:
                self.through(body, at + 4, at + size, own)
            else:
                self.places[own] = self.fields
                self._field(NUMBERS.get(size - 4, f"{size - 4}s"))
            padding = min(-size % 4, end - at - size)
            self.format.append(f"{padding}x")
            at += size + padding
        self.format.append(f"{end - at}x")

    def _field(self, format_: str) -> None:
        self.format.append(format_)
        self.fields += 1
