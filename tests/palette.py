"""How does a picture become small? A PNG of 24 bits a pixel is written anew with a palette of its 256 main colours."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN = b"\x89PNG\r\n\x1a\n"
_MOST = 256
_BYTES = 3  # of a pixel
_RGB, _PALETTE = 2, 3  # kinds of colours


def smaller(png: bytes) -> bytes:
    """Return the picture with a palette: every colour that has no place in it becomes the nearest."""
    parts = list(_parts(png))
    width, height, depth, kind = struct.unpack(">IIBB", parts[0][1][:10])
    if (depth, kind) != (8, _RGB):
        raise ValueError(f"a picture of {depth} bits and kind {kind}")
    data = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    rows = [[line[at : at + _BYTES] for at in range(0, len(line), _BYTES)] for line in _lines(data, width * _BYTES)]
    known = Counter(pixel for row in rows for pixel in row)
    palette = [pixel for pixel, _ in known.most_common(_MOST)]
    places = {pixel: place for place, pixel in enumerate(palette)}
    for pixel in known:
        places.setdefault(pixel, _nearest(pixel, palette))
    pixels = b"".join(b"\0" + bytes([places[pixel] for pixel in row]) for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    body = (b"IHDR", head), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")
    return _BEGIN + b"".join(_part(*part) for part in body)


def _parts(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_BEGIN)
    while at < len(png):
        size, name = struct.unpack(">I4s", png[at : at + 8])
        yield name, png[at + 8 : at + 8 + size]
        at += size + 12


def _part(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _lines(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the lines without their filters: https://www.w3.org/TR/png/#9Filters."""
    above = bytes(size)
    for at in range(0, len(data), size + 1):
        kind, line = data[at], bytearray(data[at + 1 : at + 1 + size])
        for place in range(size) if kind else ():
            left = line[place - _BYTES] if place >= _BYTES else 0
            corner = above[place - _BYTES] if place >= _BYTES else 0
            guess = (0, left, above[place], (left + above[place]) // 2, _paeth(left, above[place], corner))[kind]
            line[place] = (line[place] + guess) & 255
        above = bytes(line)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda it: abs(guess - it))


def _nearest(pixel: bytes, palette: list[bytes]) -> int:
    """Return the place of the colour that differs least."""
    return min(
        range(len(palette)), key=lambda place: sum((a - b) ** 2 for a, b in zip(pixel, palette[place], strict=True))
    )
