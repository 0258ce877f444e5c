"""What is the content of a body, without chunks and compression?"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import zlib

_MOST_LINE = 4096  # a chunk size with its extensions
_MOST_TRAILER = 65536
_HEX = b"0123456789abcdefABCDEF"


class DecodedBody:
    """The content: without framing (RFC 9112, sections 6 and 7) and decompressed, at most ``most`` bytes of it."""

    __slots__ = ("_flaw", "_frame", "_inflate", "fragile")

    def __init__(self, transfer: str, coding: str, length: int | None, most: int) -> None:
        """Take Transfer-Encoding, Content-Encoding and Content-Length of the header."""
        self.fragile: list[str] = []  # keepalived does not decode
        transfer, coding = transfer.lower(), coding.lower()
        self._flaw = ""
        if transfer not in ("", "identity", "chunked"):
            self._flaw = f"the transfer coding {transfer} is not known"
        elif coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            self._flaw = f"the content coding {coding} is not known"
        self._frame = Chunks() if transfer == "chunked" else Counted(length)
        self._inflate = Inflate(coding == "deflate", most) if coding not in ("", "identity") else None

    @property
    def complete(self) -> bool:
        """Whether the framing says that no more pieces follow."""
        return self._frame.complete

    def feed(self, data: bytes) -> bytes:
        """Return the content of the next piece of the body."""
        data = self._frame.feed(data)
        return self._inflate.feed(data) if self._inflate is not None else data

    def flaw(self, ended: bool) -> str:
        """Return the fault of the body, or ""; ``ended`` if it has no more pieces."""
        return self._flaw or self._frame.flaw(ended) or (self._inflate.flaw(ended) if self._inflate else "")


class Counted:
    """A body of a known length, or a body that ends with the connection."""

    __slots__ = ("_length", "_seen")

    def __init__(self, length: int | None) -> None:
        self._length = length
        self._seen = 0

    @property
    def complete(self) -> bool:
        """Whether all of it has come; never known where the connection ends it."""
        return self._length is not None and self._seen >= self._length

    def feed(self, data: bytes) -> bytes:
        """Return the part of the next piece that is body."""
        before = self._seen
        self._seen += len(data)
        return data if self._length is None else data[: max(0, self._length - before)]

    def flaw(self, ended: bool) -> str:
        """Return the fault, or ""."""
        if ended and self._length is not None and self._seen < self._length:
            return f"short body: {self._seen} of {self._length} bytes"
        return ""


class Chunks:
    """A body in chunks; data after the last chunk is not part of it."""

    __slots__ = ("_flaw", "_left", "_line", "_state", "_trailer")

    def __init__(self) -> None:
        self._flaw = ""
        self._state = "size"  # then data, gap (the line end after the data), in the end trailer, and done
        self._line = b""
        self._left = 0
        self._trailer = 0

    @property
    def complete(self) -> bool:
        """Whether the last chunk and the trailer have come."""
        return self._state == "done"

    def feed(self, data: bytes) -> bytes:
        """Return the content of the next piece."""
        parts = []
        at = 0
        while at < len(data) and self._state != "done" and not self._flaw:
            if self._state == "data":
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                if not self._left:
                    self._state = "gap"
                continue
            end = data.find(b"\n", at)
            self._line += data[at : end if end >= 0 else len(data)]
            at = end + 1 if end >= 0 else len(data)
            if len(self._line) > _MOST_LINE:
                self._flaw = "a chunk that has no size"
            elif end >= 0:
                self._ended(self._line.removesuffix(b"\r"))
                self._line = b""
        return b"".join(parts)

    def _ended(self, line: bytes) -> None:
        if self._state == "size":
            size = line.partition(b";")[0].rstrip(b" \t")
            if not size or size.strip(_HEX) or len(size) > 15:
                self._flaw = "a chunk that has no size"
                return
            self._left = int(size, 16)
            self._state = "data" if self._left else "trailer"
        elif self._state == "gap":
            if line:
                self._flaw = "a chunk that is longer than its size"
            self._state = "size"
        else:
            self._trailer += len(line) + 1
            if self._trailer > _MOST_TRAILER:
                self._flaw = "a trailer without an end"
            elif not line:
                self._state = "done"

    def flaw(self, ended: bool) -> str:
        """Return the fault, or ""."""
        return self._flaw or ("short body: its last chunk is missing" if ended and self._state != "done" else "")


class Inflate:
    """A compressed body: gzip, or the deflate that is zlib by RFC 9110 and raw from some servers."""

    __slots__ = ("_begun", "_deflate", "_flaw", "_left", "_stream")

    def __init__(self, deflate: bool, most: int) -> None:
        self._deflate = deflate
        self._begun = b""
        self._flaw = ""
        self._left = most
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the content of the next piece."""
        import zlib

        if self._flaw or not data:
            return b""
        if self._stream is None:
            self._begun += data
            if len(self._begun) < 2:
                return b""
            data = self._begun
            self._stream = zlib.decompressobj(_window(data) if self._deflate else 31)
        if self._stream.eof:
            self._flaw = "more bytes behind the compressed ones"
            return b""
        try:
            content = self._stream.decompress(data, self._left + 1)
        except zlib.error:
            self._flaw = "broken compression"
            return b""
        if len(content) > self._left:
            self._flaw = "more content than is allowed comes out of its compression"
        elif self._stream.unused_data:
            self._flaw = "more bytes behind the compressed ones"
        self._left -= len(content)
        return content

    def flaw(self, ended: bool) -> str:
        """Return the fault, or ""."""
        whole = self._stream.eof if self._stream is not None else not self._begun
        return self._flaw or ("short body: its compression has no end" if ended and not whole else "")


def _window(begin: bytes) -> int:
    """Return zlib's window bits for zlib data or raw deflate, by the first bytes (RFC 1950, section 2.2)."""
    return 15 if begin[0] & 15 == 8 and (begin[0] << 8 | begin[1]) % 31 == 0 else -15
