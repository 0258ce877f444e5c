"""By which address is a HAProxy asked: a stats socket, TCP, or a stats page?"""

from __future__ import annotations

from vipwarden.core.options import UsageError

_WANTED = "unix:/PATH, tcp://HOST:PORT or http://HOST:PORT/PATH;csv is wanted, perhaps with NAME= before it"
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"


class Source:
    """``[NAME=]unix:/PATH``, ``[NAME=]tcp://HOST:PORT`` or ``[NAME=]http[s]://HOST[:PORT]/PATH;csv``.

    ``name`` is by default the whole text; ``scheme`` is unix, tcp, http or https; ``path`` that of the socket, or of
    the page without its ``;csv``. A path alone is a socket's.
    """

    __slots__ = ("host", "name", "path", "port", "scheme", "text")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with the expected form."""
        name, equals, rest = text.partition("=")
        if not equals or not name or name.strip(_NAME):
            name, rest = "", text
        self.text = _shown(rest)
        self.name = name or self.text
        self.host, self.port, self.path = "", 0, ""
        if not rest.isprintable() or " " in rest:
            raise ValueError(f"{_WANTED}, without blanks")
        if rest.startswith(("unix:", "unix@", "/")):
            self.scheme = "unix"
            self.path = rest if rest.startswith("/") else rest[5:]
            self.path = "/" + self.path.lstrip("/") if self.path.startswith("/") else ""
            if not 1 < len(self.path.encode()) < 108:
                raise ValueError("unix: is followed by an absolute path of at most 107 bytes")
            return
        self.scheme, colon, rest = rest.partition("://")
        if not colon or self.scheme not in ("tcp", "http", "https"):
            raise ValueError(_WANTED)
        where, slash, path = rest.partition("/")
        if "@" in where:  # a text of its own: the password is not repeated
            raise UsageError("a stats page's user and password belong into haproxy_auth_file, not into its address")
        if self.scheme == "tcp" and slash:
            raise ValueError("tcp:// has a host and a port, and no path")
        self.host, self.port = _host_and_port(where, {"tcp": 0, "http": 80, "https": 443}[self.scheme])
        self.path = "/" + path.partition(";")[0] if self.scheme != "tcp" else ""

    @property
    def is_page(self) -> bool:
        """Whether it is a stats page, which has less data than a socket."""
        return self.scheme in ("http", "https")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Source({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and (self.name, self.text, self.path) == (other.name, other.text, other.path)

    def __hash__(self) -> int:
        return hash((self.name, self.text, self.path))


class AuthFile:
    """``[NAME=]/PATH``: a file with the line USER:PASSWORD for the stats page of that name, or for all of them."""

    __slots__ = ("name", "path")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with the expected form."""
        self.name, _, self.path = text.rpartition("=")
        if not self.path.startswith("/"):
            raise ValueError("the absolute path of a file with the line USER:PASSWORD is wanted, perhaps NAME=/PATH")


class Access:
    """What a stats page needs: ``user`` as USER:PASSWORD, and the CAs that verify it (None: the system's)."""

    __slots__ = ("ca_file", "user")

    def __init__(self, user: str = "", ca_file: str | None = None) -> None:
        self.user = user
        self.ca_file = ca_file


class Instance:
    """One HAProxy: the sources to try, in order, and what its stats page needs if known."""

    __slots__ = ("access", "name", "sources")

    def __init__(self, name: str, sources: tuple[Source, ...], access: Access | None = None) -> None:
        self.name = name
        self.sources = sources
        self.access = access


def _shown(text: str) -> str:
    """Return the text without the query of a stats page, which may hold a token."""
    before, mark, query = text.partition("?")
    words, semicolon, csv = query.partition(";")
    secret = mark and words != "stats" and text.startswith("http")  # HAProxy's usual /haproxy?stats is none
    return f"{before}?...{semicolon}{csv}" if secret else text


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    host, colon, digits = text.rpartition(":")
    if not colon or "]" in digits:
        host, digits = text, str(default)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address stands in brackets, such as [::1]:8404")
    if not host or not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[:6]) <= 65535:
        raise ValueError(_WANTED if default else "tcp:// is followed by a host and a port from 1 to 65535")
    return host, int(digits)
