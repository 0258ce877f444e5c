"""What does a record say, as text of a zone file?"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from vipwarden.protocol.dns.names import read, skip, to_text
from vipwarden.protocol.wire import WireError

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "DS": 43,
    "DNSKEY": 48, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "CAA": 257,
}  # fmt: skip
# the numbers of 16 bits before the name, by type
_NUMBERS = {2: 0, 5: 0, 12: 0, 15: 1, 33: 3}


def rdata(data: bytes, at: int, size: int, kind: int) -> str:
    r"""Return the data of a record of a type; an unknown one is ``\# SIZE HEX`` (RFC 3597). Raises WireError."""
    end = at + size
    raw = data[at:end]
    if kind in (1, 28):
        if size != (4 if kind == 1 else 16):
            raise WireError("sent an address of a wrong length")
        return inet_ntop(AF_INET if kind == 1 else AF_INET6, raw)
    if kind in _NUMBERS:
        head = 2 * _NUMBERS[kind]
        numbers = [str(_number(raw, 2 * index, 2)) for index in range(_NUMBERS[kind])]
        return " ".join([*numbers, _name(data, at + head, end)[0]])
    if kind == 6:
        primary, next_at = _name(data, at, None)
        mailbox, next_at = _name(data, next_at, None)
        if next_at + 20 != end:
            raise WireError("sent a SOA record of a wrong length")
        return " ".join([primary, mailbox, *(str(_number(data, next_at + 4 * index, 4)) for index in range(5))])
    if kind == 16:
        return " ".join(_strings(raw))
    if kind == 257 and size >= 2 and 0 < raw[1] <= size - 2:
        tag = raw[2 : 2 + raw[1]]
        if tag.isalnum():
            return f"{raw[0]} {tag.decode('ascii')} {_quoted(raw[2 + raw[1] :])}"
    return f"\\# {size} {raw.hex()}".rstrip()


def serial(text: str) -> int:
    """Return the serial of a SOA record that rdata() has read."""
    return int(text.split()[2])


def comparable(text: str, kind: str) -> str:
    """Return the data of a record so that equal data are equal, however they are written."""
    text = " ".join(text.split())
    if kind == "TXT":
        return text.removeprefix('"').removesuffix('"')
    if kind == "AAAA":
        try:
            return inet_ntop(AF_INET6, inet_pton(AF_INET6, text))
        except OSError:
            return text
    return text.lower().removesuffix(".")


def _name(data: bytes, at: int, end: int | None) -> tuple[str, int]:
    """Return a name in a record and where it ends; ``end`` is where it has to."""
    after = skip(data, at)
    if end is not None and after != end:
        raise WireError("sent a record of a wrong length")
    return to_text(read(data, at)), after


def _strings(raw: bytes) -> list[str]:
    texts, at = [], 0
    while at < len(raw):
        size = raw[at]
        if at + 1 + size > len(raw):
            raise WireError("sent a text that is cut short")
        texts.append(_quoted(raw[at + 1 : at + 1 + size]))
        at += 1 + size
    if not texts:
        raise WireError("sent a TXT record without text")
    return texts


def _quoted(raw: bytes) -> str:
    escaped = (
        "\\" + chr(byte) if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03}" for byte in raw
    )
    return f'"{"".join(escaped)}"'


def _number(raw: bytes, at: int, size: int) -> int:
    if at + size > len(raw):
        raise WireError("sent a record that is cut short")
    return int.from_bytes(raw[at : at + size], "big")
