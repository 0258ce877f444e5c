"""Which segments are in a folder, and which lines has a file?

A segment is a plain file NUMBER.jsonl. What else has such a name (a folder, a FIFO, a link) is none.
"""

from __future__ import annotations

import posix

from vipwarden.events.event import MOST_LINE
from vipwarden.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DIGITS, _END = 10, ".jsonl"
_TYPE, _PLAIN = 0o170000, 0o100000  # S_IFMT, S_IFREG
_BLOCK = 1 << 18


def taken(folder: str) -> list[int]:
    """Return the numbers that files in a folder have, whatever they are, the lowest first; raises OSError."""
    names = (name.removesuffix(_END) for name in files.names(folder) if name.endswith(_END))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) == _DIGITS)


def sizes(folder: str) -> dict[int, int]:
    """Return the bytes of the segments in a folder by their numbers, the oldest first; raises OSError."""
    found = {}
    for number in taken(folder):
        try:
            status = posix.lstat(path_of(folder, number))
        except FileNotFoundError:  # it has just made room
            continue
        if status.st_mode & _TYPE == _PLAIN:
            found[number] = status.st_size
    return found


def numbers(folder: str) -> list[int]:
    """Return the numbers of the segments in a folder, the oldest first; raises OSError."""
    return list(sizes(folder))


def paths(folder: str) -> list[str]:
    """Return the paths of the segments in a folder, the oldest first; raises OSError."""
    return [path_of(folder, number) for number in numbers(folder)]


def path_of(folder: str, number: int) -> str:
    """Return the path of a segment."""
    return f"{folder}/{number:0{_DIGITS}d}{_END}"


def blocks(path: str, at: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield what a file or a pipe has from an offset to another, or to its end, in pieces; raises OSError."""
    with open(path, "rb") as source:  # noqa: PTH123
        if at:  # else it may be a pipe
            source.seek(at)
        left = end - at if end is not None else None
        while block := source.read(_BLOCK if left is None else min(_BLOCK, left)):
            yield block
            left = left - len(block) if left is not None else None


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of data that comes in pieces; what is longer than a line may be is left out."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from (line for line in whole if line)
        if len(rest) > MOST_LINE:
            rest = b"!"  # which makes no event of what follows
    if rest:
        yield rest
