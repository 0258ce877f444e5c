"""What does keepalived send to a web server, and which bytes of the response are the page?

The rules are those of keepalived's checker: ``check_http.c`` (http_request, http_process_response) and ``html.c``
(extract_html, extract_status_code, extract_content_length) of 2.2.7, which have stayed the same up to 2.4.3. Its
genhash is the same code since 2.2.3; the earlier genhash took a Content-Length only at the start of a line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.protocol.http.body import Chunks, DecodedBody

MOST_HEADER = 65536  # bytes
_KEEPALIVED_HEADER = 4095  # MAX_BUFFER_LENGTH - 1: a longer header is no answer to keepalived
_BODILESS = (204, 304)  # status codes of answers that never have a body
_ULONG_MAX = 2**64 - 1
_FIELD = b"Content-Length:"
_SPACE = b" \t\n\v\f\r"  # of isspace() in the C locale
_DIGITS = b"0123456789"


def request(path: str, host: str, version: str) -> bytes:
    """Return the request as keepalived sends it; ``host`` is a virtualhost, or address and port."""
    close = "" if version == "1.0" else "Connection: close\r\n"
    text = f"GET {path} HTTP/{version[:3]}\r\nUser-Agent: KeepAliveClient\r\n{close}Host: {host}\r\n\r\n"
    return text.encode()


class Header:
    """The header of a response.

    ``length`` is that of the body (RFC 9112, section 6.3), None if the body ends with the connection; ``cut`` is the
    length that keepalived uses, None if it sees no Content-Length; ``transfer`` the lower-case Transfer-Encoding.
    """

    __slots__ = ("_lowered", "cut", "length", "raw", "status", "transfer")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._lowered = raw.lower()
        self.status = _status(raw)
        self.cut = _content_length(raw)
        self.transfer = self.field(b"transfer-encoding").lower()
        self.length = self._length()

    @property
    def status_line(self) -> str:
        """The first line."""
        return self.raw.partition(b"\r")[0].decode("latin-1")

    def field(self, name: bytes) -> str:
        """Return the values of every field of that lower-case name, joined by ", "."""
        field = b"\n" + name + b":"
        at = self._lowered.find(field)
        if at < 0:
            return ""
        values = []
        while at >= 0:
            at += len(field)
            end = self.raw.find(b"\n", at)
            values.append(self.raw[at:end].strip().decode("latin-1"))
            at = self._lowered.find(field, end)
        return ", ".join(values)

    def has(self, name: bytes) -> bool:
        """Return whether there is a field of that lower-case name, though it may be empty."""
        return b"\n" + name + b":" in self._lowered

    @property
    def chunked(self) -> bool:
        """Whether the body is in chunks."""
        return self.transfer.endswith("chunked")

    def content(self, most: int) -> DecodedBody:
        """Return the reader of the body's content, at most ``most`` bytes of it."""
        from vipwarden.protocol.http.body import DecodedBody

        return DecodedBody(self.transfer, self.field(b"content-encoding"), self.length, most)

    def _length(self) -> int | None:
        if self.status in _BODILESS:
            return 0
        digits = self.field(b"content-length").partition(",")[0]
        if digits.isascii() and digits.isdigit() and len(digits) < 19 and self.transfer in ("", "identity"):
            return int(digits)
        return None

    def fragile(self) -> list[str]:
        """Return why keepalived's digest may change or fail although the page stays the same."""
        reasons = []
        if not 200 <= self.status <= 299:
            reasons.append(f"genhash digests an answer of status {self.status}, HTTP_GET wants it in status_code")
        if self.chunked:
            reasons.append("the body is chunked: how the server cuts the chunks is part of the digest")
        if self.field(b"content-encoding").lower() not in ("", "identity"):
            reasons.append("the body is compressed: the digest changes with the server's compression")
        if self.cut is not None and self.cut != self.length and self.status not in _BODILESS:
            reasons.append(f"keepalived cuts the body at {self.cut} bytes: its first 'Content-Length:' says so")
        if self.cut is None and self.length is not None and self.status not in _BODILESS:
            reasons.append("keepalived overlooks this Content-Length: it wants just these letters and a bare number")
        if len(self.raw) > _KEEPALIVED_HEADER:
            reasons.append(
                f"keepalived reads headers of up to {_KEEPALIVED_HEADER} bytes, this one has {len(self.raw)}"
            )
        return reasons


class Answer:
    """A response in pieces; ``begun`` is its incomplete header, ``header`` is None until it is complete."""

    __slots__ = ("begun", "header")

    def __init__(self) -> None:
        self.begun = bytearray()
        self.header: Header | None = None

    def feed(self, data: bytes) -> bytes:
        """Take the next piece and return its part of the body.

        A header must end within 64 KiB, by CR LF CR LF; bare line feeds do not end it.
        """
        if self.header is not None:
            return data
        start = max(0, len(self.begun) - 3)
        self.begun += data
        end = self.begun.find(b"\r\n\r\n", start, MOST_HEADER)
        if end < 0:
            return b""
        whole, self.begun = bytes(self.begun), bytearray()
        self.header = Header(whole[: end + 4])
        return whole[end + 4 :]

    @property
    def endless(self) -> bool:
        """Whether the header exceeds the limit."""
        return len(self.begun) >= MOST_HEADER


class RawBody:
    """The bytes that keepalived digests: all after the header up to its Content-Length, with the chunk framing.

    The framing is also parsed, because only it shows that a chunked body was truncated.
    """

    __slots__ = ("_chunks", "_cut", "_length", "_seen", "fragile")

    def __init__(self, header: Header) -> None:
        self._chunks: Chunks | None = None
        if header.chunked and header.status not in _BODILESS:
            from vipwarden.protocol.http.body import Chunks

            self._chunks = Chunks()
        self._cut = header.cut
        self._length = header.length
        self._seen = 0
        self.fragile = header.fragile()

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of the body and return the bytes to digest."""
        before = self._seen
        if not before and self._cut is None and _FIELD in data:  # keepalived's search does not stop at the header
            self.fragile.append("keepalived takes 'Content-Length:' in the page for the header, if it comes early")
        self._seen += len(data)
        if self._chunks is not None:
            self._chunks.feed(data)
        return data if self._cut is None or self._seen <= self._cut else data[: max(0, self._cut - before)]

    def flaw(self, ended: bool) -> str:
        """Return the fault of the body, or ""; ``ended`` if it has no more pieces."""
        if ended and self._length is not None and self._seen < self._length:
            return f"short body: {self._seen} of {self._length} bytes"
        return self._chunks.flaw(ended) if self._chunks is not None else ""


def _status(header: bytes) -> int:
    """Return the status code, 0 if keepalived finds none: it wants three digits between two blanks."""
    line = header.partition(b"\r")[0]
    _, _, rest = line.partition(b" ")
    return int(rest[:3]) if rest[3:4] == b" " and not rest[:3].strip(_DIGITS) else 0


def _content_length(header: bytes) -> int | None:
    """Return the number by strstr("Content-Length:") and strtoul(), which accept any field whose name ends so."""
    _, name, value = header.partition(b"\0")[0].partition(_FIELD)
    if not name:
        return None
    text = value.lstrip(_SPACE)
    sign = text[:1] if text[:1] in (b"+", b"-") else b""
    after = text[len(sign) :].lstrip(_DIGITS)
    digits = text[len(sign) : len(text) - len(after)]
    if not digits:
        after = value  # without digits strtoul() returns 0 and its start
    if after[:1] not in (b"", b"\r", b"\n"):
        return None
    digits = digits.lstrip(b"0")
    number = _ULONG_MAX if len(digits) > 20 else int(digits or b"0")
    if number < _ULONG_MAX and sign == b"-":
        number = -number % (_ULONG_MAX + 1)
    return number if number < _ULONG_MAX else None
