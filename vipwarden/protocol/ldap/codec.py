"""What do messages of LDAP hold? (RFC 4511, section 4) Without I/O."""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.protocol.ldap.ber import (
    BOOLEAN,
    ENUMERATED,
    INTEGER,
    OCTETS,
    SEQUENCE,
    SET,
    element,
    number,
    parse,
    parts,
    value,
)
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_BIND, _UNBIND, _SEARCH = 0x60, 0x42, 0x63  # tags of requests
BOUND, ENTRY, DONE, REFERENCE, NOTICE = 0x61, 0x64, 0x65, 0x73, 0x78  # and of answers; a notice has the number 0
_SIMPLE, _PRESENT = 0x80, 0x87
_VERSION = 3
_NO_ATTRIBUTES = ("1.1",)
SUCCESS, NO_SUCH_OBJECT = 0, 32
_CODES = {
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded",
    8: "strongerAuthRequired",
    10: "referral",
    11: "adminLimitExceeded",
    13: "confidentialityRequired",
    NO_SUCH_OBJECT: "noSuchObject",
    34: "invalidDNSyntax",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
}


class Outcome:
    """The result of an operation: ``code`` and the server's own text."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text

    def __str__(self) -> str:
        name = _CODES.get(self.code, "error")
        return f"{name} ({self.code}){f': {self.text}' if self.text else ''}"


class Entry:
    """An entry of the directory; the names of its attributes are in lower case."""

    __slots__ = ("attributes", "name")

    def __init__(self, name: str, attributes: dict[str, list[bytes]]) -> None:
        self.name = name
        self.attributes = attributes


def bind(message: int, name: str, password: bytes) -> bytes:
    """Return a request for a simple bind; without name and password it is anonymous."""
    return _request(message, _BIND, number(_VERSION), element(OCTETS, _raw(name)), element(_SIMPLE, password))


def search(message: int, base: str, attributes: Sequence[str], seconds: int) -> bytes:
    """Return a request for one entry with these attributes, or with none, for which the server may take some time."""
    return _request(
        message,
        _SEARCH,
        element(OCTETS, _raw(base)),
        number(0, ENUMERATED),  # baseObject
        number(0, ENUMERATED),  # neverDerefAliases
        number(1),  # entries
        number(seconds),
        element(BOOLEAN, b"\0"),
        element(_PRESENT, b"objectClass"),
        element(SEQUENCE, *(element(OCTETS, _raw(name)) for name in attributes or _NO_ATTRIBUTES)),
    )


def unbind(message: int) -> bytes:
    """Return the farewell, to which there is no answer."""
    return _request(message, _UNBIND)


def answer(data: bytes) -> tuple[int, int, bytes, int] | None:
    """Return number, tag and content of the first answer and where it ends, None where it is not whole.

    Raises WireError.
    """
    if data and data[0] != SEQUENCE:
        raise WireError(f"sent {one_line(repr(data[:16])[1:], 40)}, which is no LDAP")
    whole = parse(data)
    if whole is None:
        return None
    found = parts(whole[1])
    if len(found) < 2 or found[0][0] != INTEGER:
        raise WireError("sent a message without a number")
    return value(found[0][1]), *found[1], whole[2]


def outcome(content: bytes) -> Outcome:
    """Return the result that an answer holds; raises WireError."""
    found = parts(content)
    if [tag for tag, _ in found[:3]] != [ENUMERATED, OCTETS, OCTETS]:
        raise WireError("sent an answer without a result")
    return Outcome(value(found[0][1]), _text(found[2][1]))


def entry(content: bytes) -> Entry:
    """Return the entry that an answer holds; raises WireError."""
    found = parts(content)
    if [tag for tag, _ in found] != [OCTETS, SEQUENCE]:
        raise WireError("sent an entry without a name or attributes")
    attributes = {}
    for tag, inner in parts(found[1][1]):
        pair = parts(inner) if tag == SEQUENCE else []
        if [tag for tag, _ in pair] != [OCTETS, SET]:
            raise WireError("sent an attribute without a name or values")
        attributes[_text(pair[0][1]).lower()] = [one for _, one in parts(pair[1][1])]
    return Entry(_text(found[0][1]), attributes)


def _request(message: int, tag: int, *content: bytes) -> bytes:
    return element(SEQUENCE, number(message), element(tag, *content))


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return one_line(raw[:800].decode("utf-8", "replace"), 200)
