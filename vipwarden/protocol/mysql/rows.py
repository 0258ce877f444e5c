"""Which rows does a statement yield? In the text protocol, bounded."""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.protocol.mysql.codec import PacketError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.protocol.mysql.session import Session

_QUERY = b"\x03"
_MOST_COLUMNS, _MOST_ROWS = 200, 200
_NAME = 4  # the place of its name in the definition of a column


async def rows(session: Session, statement: str) -> list[dict[str, str]]:
    """Return the rows of a statement as texts by column; NULL is left out. Raises NetError, and RefusalError."""
    reply = await session.ask(_QUERY + statement.encode())
    try:
        count = _columns(reply)
        names = [_texts(await session.packet(), _NAME + 1)[_NAME] or "" for _ in range(count)]
        if not _is_end(await session.packet()):
            raise PacketError("does not end the columns of its answer")
        found: list[dict[str, str]] = []
        while not _is_end(row := await session.packet()):
            if len(found) == _MOST_ROWS:
                raise PacketError(f"answered with more than {_MOST_ROWS} rows")
            values = zip(names, _texts(row, count), strict=True)
            found.append({name: value for name, value in values if value is not None})
    except PacketError as error:
        raise session.broken(error) from None
    return found


def _columns(reply: bytes) -> int:
    """Return how many columns there are; another reply, such as the wish for a file of this node, is none."""
    if len(reply) != 1 or not 0 < reply[0] <= _MOST_COLUMNS:
        raise PacketError(f"answered the query with {shown(reply)}")
    return reply[0]


def _is_end(packet: bytes) -> bool:
    return packet[:1] == b"\xfe" and len(packet) < 9


def _texts(packet: bytes, count: int) -> list[str | None]:
    """Return the first strings of a packet, each with its length before it; raises PacketError."""
    texts: list[str | None] = []
    at = 0
    for _ in range(count):
        size = packet[at] if at < len(packet) else 0xFF
        at += 1
        if size == 0xFB:
            texts.append(None)
            continue
        if size in (0xFC, 0xFD):
            width = size - 0xFA
            size, at = int.from_bytes(packet[at : at + width], "little"), at + width
        elif size >= 0xFE:
            raise PacketError("sent a row that is cut short")
        if at + size > len(packet):
            raise PacketError("sent a row that is cut short")
        texts.append(one_line(packet[at : at + size].decode("utf-8", "replace"), 200))
        at += size
    return texts
