"""Which values may an option have? Each type is a class that is built from a text."""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_pton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_HEX = "0123456789abcdef"


class Seconds(float):
    """A duration in seconds, fractions allowed, above 0 and at most a day."""

    __slots__ = ()

    def __new__(cls, text: str | float) -> Seconds:
        """Build it from its text; raises ValueError with what is wanted."""
        try:
            value = float.__new__(cls, text)
        except ValueError:
            value = float.__new__(cls, 0)
        if not 0 < value <= 86400:
            raise ValueError("a duration is a number of seconds above 0 and at most 86400, such as 0.5")
        return value


class Count(int):
    """A whole number from LEAST to MOST; a subclass sets them, and how to say what is wanted."""

    __slots__ = ()
    LEAST, MOST, WANTED = 0, 10**18 - 1, "a whole number from 0 up is wanted"

    def __new__(cls, text: str | int) -> Self:
        """Build it from its text; raises ValueError with what is wanted."""
        written = str(text)
        digits = written.removeprefix("-") if cls.LEAST < 0 else written
        if digits.isascii() and digits.isdigit() and len(digits) < 19 and cls.LEAST <= int(written) <= cls.MOST:
            return int.__new__(cls, written)
        raise ValueError(cls.WANTED)


class Times(Count):
    """A whole number from 1 up."""

    __slots__ = ()
    LEAST, WANTED = 1, "a whole number from 1 up is wanted"


class Port(Count):
    """A TCP port, 1 to 65535."""

    __slots__ = ()
    LEAST, MOST, WANTED = 1, 65535, "a port is a number from 1 to 65535"


class Choice(str):
    """One word of ``choices``, in any case; a subclass sets them."""

    __slots__ = ()
    choices: tuple[str, ...] = ()

    def __new__(cls, text: str) -> Self:
        """Build it from its text; raises ValueError with what is wanted."""
        for choice in cls.choices:
            if choice.lower() == text.lower():
                return str.__new__(cls, choice)
        raise ValueError(f"{', '.join(cls.choices[:-1])} or {cls.choices[-1]} is wanted")


class Host(str):
    """A host: a name, an IPv4 or IPv6 address, or the absolute path of a unix socket.

    inet_aton(), and so getaddrinfo(), read 127.0.0.010 as 127.0.0.8, 10.1 as 10.0.0.1 and 0x7f000001 as 127.0.0.1:
    the wrong server would answer. So an IPv4 address has four numbers from 0 to 255 without
    leading zeros, and nothing else may end in a number, as in RFC 3986 (3.2.2) and the URL standard.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Host:
        """Build it from its text; raises ValueError with what is wanted."""
        if "\0" in text:
            raise ValueError("no path or host has a zero byte in it")
        if "[" in text and ":" not in text:
            raise ValueError("this is no host; a range such as 192.0.2.[11-30] belongs to the key hosts")
        if not text.startswith("/") and not is_address(text):
            _judge_name(text)
        return str.__new__(cls, text)


class Source(str):
    """An IPv4 or IPv6 address of this node."""

    __slots__ = ()

    def __new__(cls, text: str) -> Source:
        """Build it from its text; raises ValueError with what is wanted."""
        if not is_address(text):
            raise ValueError("an address of this node is wanted, such as 192.0.2.1 or 2001:db8::1")
        return str.__new__(cls, text)


class Via(str):
    """The director's own path to a real server: dr:VIP (direct routing) or tun:VIP (IPIP tunnel)."""

    __slots__ = ()

    def __new__(cls, text: str) -> Via:
        """Build it from its text; raises ValueError with what is wanted."""
        kind, _, vip = text.partition(":")
        kind = kind.strip().lower()
        if kind not in ("dr", "tun") or "%" in vip or not is_address(vip.strip()):
            raise ValueError("dr:VIP or tun:VIP is wanted, such as dr:192.0.2.10 or tun:2001:db8::10")
        return str.__new__(cls, f"{kind}:{vip.strip()}")

    @property
    def kind(self) -> str:
        """How IPVS forwards: dr or tun."""
        return self.partition(":")[0]

    @property
    def vip(self) -> str:
        """The address that clients use."""
        return self.partition(":")[2]


def is_address(text: str) -> bool:
    """Return whether a text is an address; raises ValueError for a malformed address."""
    name = text if text.isascii() else _ascii(text)
    if ":" in name:
        try:
            inet_pton(AF_INET6, name.partition("%")[0])
        except (OSError, ValueError):
            raise ValueError("this is no IPv6 address; a port does not belong to it, nor do brackets") from None
        return True
    last = name.rstrip(".").rpartition(".")[2].lower()
    if not last.isdigit() and (last[:2] != "0x" or last[2:].strip(_HEX)):
        return False
    try:
        inet_pton(AF_INET, name)
    except OSError:
        raise ValueError("an IPv4 address has four numbers from 0 to 255 without leading zeros") from None
    return True


def endpoint(host: str, port: int | str) -> str:
    """Return HOST:PORT, with brackets where the host has colons itself."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def family(ipv4: bool, ipv6: bool) -> int:
    """Return the address family of the options --ipv4 and --ipv6, 0 for any."""
    return 0 if ipv4 is ipv6 else AF_INET if ipv4 else AF_INET6


def _judge_name(text: str) -> None:
    name = text if text.isascii() else _ascii(text)
    labels = name.removesuffix(".").split(".")
    if len(name) > 254 or not all(0 < len(label) < 64 and _LABEL.issuperset(label) for label in labels):
        raise ValueError("a host is a name, an IPv4 or IPv6 address, or the absolute path of a unix socket")


def _ascii(text: str) -> str:
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("this is no host name") from None


class Escaped(bytes):
    r"""Bytes written as text with C escapes: \r \n \t \0 \\ and \xHH; other text is UTF-8."""

    __slots__ = ()

    def __new__(cls, text: str = "") -> Escaped:
        """Build it from its text; raises ValueError with what is wanted."""
        return bytes.__new__(cls, _unescape(text.encode("utf-8", "surrogateescape")))


_ESCAPES = {0x72: b"\r", 0x6E: b"\n", 0x74: b"\t", 0x30: b"\0", 0x5C: b"\\"}


def _unescape(raw: bytes) -> bytes:
    whole = iter(raw.split(b"\\"))
    parts = [next(whole)]
    for piece in whole:
        if not piece:  # two backslashes are one, and what follows is plain
            plain = next(whole, None)
            if plain is None:
                raise ValueError("the backslash at the end escapes nothing")
            parts += [b"\\", plain]
        elif piece[0] in _ESCAPES:
            parts += [_ESCAPES[piece[0]], piece[1:]]
        elif piece[:1] == b"x":
            digits = piece[1:3]
            if len(digits) < 2 or digits.strip(b"0123456789abcdefABCDEF"):
                raise ValueError(r"after \x two hexadecimal digits are wanted")
            parts += [bytes.fromhex(digits.decode()), piece[3:]]
        else:
            raise ValueError(r"known escapes are \r \n \t \0 \\ and \xHH")
    return b"".join(parts)
