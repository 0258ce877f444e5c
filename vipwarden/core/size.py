"""Which sizes are accepted? A range of bytes."""

from __future__ import annotations

from vipwarden.core.result import Range


class Size(Range):
    """A range of bytes; the suffixes K, M and G are 1024 bytes, 1024 K and 1024 M."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        at = text[: text.startswith("@")]
        super().__init__(at + ":".join(map(_bytes, text.removeprefix("@").split(":"))))


def _bytes(end: str) -> str:
    power = " KMG".find(end[-1:])
    return str(float(end[:-1]) * 1024**power) if power > 0 else end
