"""Is a picture with a palette the same picture, but for rare colours?"""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.palette import _BEGIN, _lines, _part, _parts, smaller


def picture(rows: list[bytes], filters: bytes) -> bytes:
    """Return a PNG of 24 bits a pixel."""
    width = len(rows[0]) // 3
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    data = b"".join(bytes([kind]) + row for kind, row in zip(filters, rows, strict=True))
    body = (b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b"")
    return _BEGIN + b"".join(_part(*part) for part in body)


def shown(png: bytes) -> list[bytes]:
    """Return the colours of a picture with a palette."""
    parts = dict(_parts(png))
    width = struct.unpack(">I", parts[b"IHDR"][:4])[0]
    data, colours = zlib.decompress(parts[b"IDAT"]), parts[b"PLTE"]
    lines = [data[at + 1 : at + 1 + width] for at in range(0, len(data), width + 1)]
    return [b"".join(colours[3 * place : 3 * place + 3] for place in line) for line in lines]


@pytest.mark.parametrize("kind", range(5))
def test_few_colours_stay_as_they_are(kind: int) -> None:
    """Whatever the filter of the lines is."""
    rows = [bytes([0, 1, 2, 250, 3, 9]), bytes([1, 1, 1, 255, 0, 4])]
    source = picture(rows, bytes([0, kind]))
    data = zlib.decompress(dict(_parts(source))[b"IDAT"])
    assert shown(smaller(source)) == list(_lines(data, 6))


def test_a_rare_colour_becomes_the_nearest() -> None:
    """Of 300 colours 256 have a place."""
    often = b"".join(bytes([number, 0, 0]) for number in range(256)) * 2
    seldom = b"".join(bytes([number, 0, 3]) for number in range(44))
    (line,) = shown(smaller(picture([often + seldom], b"\0")))
    assert line == often + often[: len(seldom)]
