"""What does an rsync daemon send, and what does it want? (rsync's clientserver.c, authenticate.c, flist.c) Without I/O.

All is in protocol 30 of 2008, which every daemon since then speaks with a client that asks for it.
"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.protocol.hashes import digest
from vipwarden.protocol.wire import WireError

VERSION = 30
_GREETING = b"@RSYNCD: "
_DIGESTS = ("sha512", "sha256", "sha1", "md5")  # the strongest first
_MULTIPLEX = 7  # MPLEX_BASE
_DATA, _ERROR_XFER, _ERROR = 0, 1, 3  # MSG_*
_MOST_BYTES = 65536
_EXTENDED, _SAME_NAME, _LONG_NAME, _SAME_TIME = 0x04, 0x20, 0x40, 0x80  # XMIT_*
_OF_SIZE, _OF_TIME = 3, 4  # least bytes of these numbers
_MOST_NUMBER, _MOST_MORE = 8, 6  # bytes of a number, and of what may follow the least


class Greeting:
    """The first line of a daemon: its protocol, and the digest for a login."""

    __slots__ = ("digest", "protocol")

    def __init__(self, line: bytes) -> None:
        """Read it; raises WireError."""
        words = line.removeprefix(_GREETING).split()
        number = words[0].partition(b".")[0] if words and line.startswith(_GREETING) else b""
        if not number.isdigit() or len(number) > 3:
            raise WireError(f"greeted with {text(line, 40)!r}, which is no rsync daemon")
        self.protocol = int(number)
        if self.protocol < VERSION:
            raise WireError(f"speaks protocol {self.protocol}, not {VERSION} of rsync 3.0")
        offered = [text(word, 20) for word in words[1:]]
        self.digest = next((name for name in _DIGESTS if name in offered), "md5")

    @property
    def reply(self) -> bytes:
        """The greeting of a client that wants protocol 30 and this digest."""
        return b"%s%d.0 %s\n" % (_GREETING, VERSION, self.digest.encode())


def response(name: str, user: bytes, password: bytes, challenge: bytes) -> bytes:
    """Return the line that proves a password; ``name`` is that of the digest."""
    from binascii import b2a_base64

    proof = b2a_base64(digest(name, password + challenge), newline=False).rstrip(b"=")
    return b"%s %s\n" % (user, proof)


def request(path: bytes) -> bytes:
    """Return all that a client sends that wants to see one path and nothing else, and then leaves.

    These are the arguments of the server's side, no filters, and the end of each of its phases (main.c, sender.c).
    """
    words = b"--server", b"--sender", b"-e.", b".", path, b""
    rest = bytes(4) + bytes(4)
    return b"".join(word + b"\0" for word in words) + (_MULTIPLEX << 24 | len(rest)).to_bytes(4, "little") + rest


class Listing:
    """The server's side of a transfer, as it comes: ``complaints`` are its messages of errors."""

    __slots__ = ("_data", "_raw", "_size", "complaints")
    _HEAD = 5  # flags and seed in front of the messages

    def __init__(self) -> None:
        self._raw = b""
        self._data = b""
        self._size = 0
        self.complaints: list[str] = []

    def feed(self, data: bytes) -> None:
        """Take data; raises WireError."""
        if self._size < self._HEAD:
            skipped = min(len(data), self._HEAD - self._size)
            self._size += skipped
            data = data[skipped:]
        self._raw += data
        self._size += len(data)
        if self._size > _MOST_BYTES:
            raise WireError("does not end its list of files")
        at = 0
        while len(self._raw) >= at + 4:
            head = int.from_bytes(self._raw[at : at + 4], "little")
            kind, end = (head >> 24) - _MULTIPLEX, at + 4 + (head & 0xFFFFFF)
            if kind < 0 or end - at > _MOST_BYTES:
                raise WireError(f"sent {text(self._raw[at : at + 16], 40)!r} in place of a list of files")
            if len(self._raw) < end:
                break
            if kind == _DATA:
                self._data += self._raw[at + 4 : end]
            elif kind in (_ERROR_XFER, _ERROR):
                self.complaints.append(text(self._raw[at + 4 : end], 200))
            at = end
        self._raw = self._raw[at:]

    @property
    def is_empty(self) -> bool:
        """Whether it ended without a file."""
        return self._data[:1] == b"\0"

    def entry(self) -> tuple[int, int] | None:
        """Return size and time of the last change of the first file, None while there is none; raises WireError."""
        fields = _Fields(self._data)
        try:
            flags = fields.byte()
            if not flags:
                return None
            if flags & _EXTENDED:
                fields.byte()
            if flags & _SAME_NAME:
                fields.byte()
            fields.take(fields.number(1) if flags & _LONG_NAME else fields.byte())
            size = fields.number(_OF_SIZE)
            return size, 0 if flags & _SAME_TIME else fields.number(_OF_TIME)
        except EOFError:
            return None


class _Fields:
    """The fields of a list of files (io.c: read_varint, read_varlong); raises EOFError at the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if not 0 <= size <= _MOST_BYTES:
            raise WireError(f"sent a name of {size} bytes")
        self.at += size
        if self.at > len(self.data):
            raise EOFError
        return self.data[self.at - size : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, least: int) -> int:
        """Return a number of at least so many bytes; the high bits of the first say how many more there are."""
        first = self.byte()
        more, bit = 0, 0x80
        while first & bit and more < _MOST_MORE:
            first, more, bit = first & ~bit, more + 1, bit >> 1
        if least + more > _MOST_NUMBER + 1:
            raise WireError("sent a number that is too long")
        raw = (self.take(least - 1 + more) + bytes([first]))[:_MOST_NUMBER]
        return int.from_bytes(raw, "little", signed=len(raw) == _MOST_NUMBER)


def text(raw: bytes, limit: int) -> str:
    """Return what a daemon says as one line."""
    return one_line(raw[: 4 * limit].decode("utf-8", "replace"), limit)
