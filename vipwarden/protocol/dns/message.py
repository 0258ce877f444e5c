"""What do a query and its reply hold? (RFC 1035, section 4; RFC 6891 for EDNS) Without I/O."""

from __future__ import annotations

from posix import urandom

from vipwarden.core.values import Choice
from vipwarden.protocol.dns.names import read, skip, to_wire
from vipwarden.protocol.dns.records import TYPES, rdata
from vipwarden.protocol.wire import WireError

_MOST_RECORDS = 1024  # of one message
_OPT, _CNAME = 41, 5
_UDP_PAYLOAD = 1232  # bytes that pass every path without fragments, as on DNS flag day 2020
_RCODES = (
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
)  # fmt: skip
_BADVERS = 16


class QueryName(str):
    r"""A domain name in any form of zone files, such as www.example.org or the root as a dot."""

    __slots__ = ()

    def __new__(cls, text: str) -> QueryName:
        """Build it from its text; raises ValueError with what is wanted."""
        to_wire(text)
        return str.__new__(cls, text)


class RecordType(str):
    """The type of a record: one of TYPES, or TYPE and its number (RFC 3597)."""

    __slots__ = ()

    def __new__(cls, text: str) -> RecordType:
        """Build it from its text; raises ValueError with what is wanted."""
        name = text.upper()
        number = name.removeprefix("TYPE")
        if name not in TYPES and not (name != number and number.isdecimal() and 0 < int(number) < 65536):
            raise ValueError(f"{', '.join(TYPES)} or TYPE and a number from 1 to 65535 is wanted")
        return str.__new__(cls, name)

    @property
    def number(self) -> int:
        """Its number in a message."""
        return TYPES[self] if self in TYPES else int(self[4:])


class Rcode(Choice):
    """The code by which a server tells how it fared."""

    __slots__ = ()
    choices = (*_RCODES, "BADVERS")


ADDRESS, NOERROR = RecordType("A"), Rcode("NOERROR")


class Reply:
    """What a server answered: ``answers`` as texts of zone files, the lowest TTL of its records in seconds."""

    __slots__ = ("answers", "authoritative", "rcode", "size", "ttl")

    def __init__(self, rcode: str, authoritative: bool, answers: list[str], ttl: int | None, size: int) -> None:
        self.rcode = rcode
        self.authoritative = authoritative
        self.answers = answers
        self.ttl = ttl
        self.size = size


def query(name: str, kind: int, *, recursive: bool = True, edns: bool = True) -> bytes:
    """Return a query of a random id, for a name that QueryName accepts."""
    flags = b"\1\0" if recursive else b"\0\0"
    head = urandom(2) + flags + b"\0\1\0\0\0\0" + (b"\0\1" if edns else b"\0\0")
    question = to_wire(name) + kind.to_bytes(2, "big") + b"\0\1"
    option = b"\0" + _OPT.to_bytes(2, "big") + _UDP_PAYLOAD.to_bytes(2, "big") + bytes(6) if edns else b""
    return head + question + option


def answers_to(asked: bytes, data: bytes) -> bool:
    """Return whether data is a reply to a query: another may be forged, or late."""
    if len(data) < 12 or data[:2] != asked[:2] or not data[2] & 0x80 or data[2] & 0x78:
        return False
    end = skip(asked, 12) + 4
    same = data[4:6] == b"\0\1" and data[12:end].lower() == asked[12:end].lower()
    return same or (data[4:6] == b"\0\0" and data[3] & 0x0F != 0)  # some errors come without the question


def truncated(data: bytes) -> bool:
    """Return whether a reply did not fit into its datagram."""
    return bool(data[2] & 0x02)


def reply(asked: bytes, data: bytes) -> Reply:
    """Read a reply for which answers_to() is true; raises WireError.

    Its answers are the records of the type that was asked for, of the name or of what it is an alias of.
    """
    name_end = skip(asked, 12)
    wanted = int.from_bytes(asked[name_end : name_end + 2], "big")
    owner = read(asked, 12).lower()
    counts = [int.from_bytes(data[at : at + 2], "big") for at in (4, 6, 8, 10)]
    if sum(counts) > _MOST_RECORDS:
        raise WireError(f"sent a message of {sum(counts)} records")
    at = 12 if not counts[0] else name_end + 4
    answers: list[str] = []
    ttls: list[int] = []
    for _ in range(counts[1]):
        whose = read(data, at).lower()
        kind, ttl, at, size = _record(data, at)
        if whose == owner and kind in (wanted, _CNAME):
            ttls.append(ttl)
            if kind == wanted:
                answers.append(rdata(data, at, size, kind))
            else:
                owner = read(data, at).lower()
        at += size
    code = data[3] & 0x0F
    for _ in range(counts[2] + counts[3]):
        kind, ttl, at, size = _record(data, at)
        if kind == _OPT:  # its TTL has the upper bits of the code
            code |= ttl >> 24 << 4
        at += size
    return Reply(_name(code), bool(data[2] & 0x04), answers, min(ttls, default=None), len(data))


def _record(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Return type, TTL, and where the data of a record begins and how long it is; raises WireError."""
    at = skip(data, at)
    size = int.from_bytes(data[at + 8 : at + 10], "big")
    if at + 10 + size > len(data):
        raise WireError("sent a record that is cut short")
    ttl = int.from_bytes(data[at + 4 : at + 8], "big")
    return int.from_bytes(data[at : at + 2], "big"), ttl, at + 10, size


def _name(code: int) -> str:
    return _RCODES[code] if code < len(_RCODES) else "BADVERS" if code == _BADVERS else f"RCODE{code}"
