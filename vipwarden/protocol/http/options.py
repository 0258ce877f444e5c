"""What is asked of a web server, and what must the page be? The types of the options."""

from __future__ import annotations

from vipwarden.core.values import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re


def _visible(text: str, most: int) -> str:
    if not text or " " in text or not text.isprintable():
        raise ValueError("only visible characters are allowed; write a blank as %20")
    if len(text.encode()) > most:
        raise ValueError(f"at most {most} bytes are sent")
    return text


class HttpVersion(Choice):
    """A protocol in keepalived's terms: 1.0, 1.0C (1.0 with ``Connection: close``) or 1.1 (always with it)."""

    __slots__ = ()
    choices = ("1.0", "1.0C", "1.1")


HTTP_1_0 = HttpVersion("1.0")


class Path(str):
    """The target of the request: a path with a leading slash, or a URL for a proxy; at most 1700 bytes.

    keepalived truncates requests at 2047 bytes.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Path:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text.startswith("/") and "://" not in text:
            raise ValueError("a path begins with a slash")
        return str.__new__(cls, _visible(text, 1700))


ROOT = Path("/")


class VirtualHost(str):
    """The Host header, at most 255 bytes."""

    __slots__ = ()

    def __new__(cls, text: str) -> VirtualHost:
        """Build it from its text; raises ValueError with what is wanted."""
        return str.__new__(cls, _visible(text, 255))

    @property
    def name(self) -> str:
        """The name without port, and without the brackets of an IPv6 address."""
        if self.startswith("["):
            return self[1:].partition("]")[0]
        return self.partition(":")[0]


class Digest(str):
    """A hexadecimal digest in lower case: 32 digits of MD5 or 64 of SHA-256."""

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        """Build it from its text; raises ValueError with what is wanted."""
        if len(text) not in (32, 64) or text.strip("0123456789abcdefABCDEF"):
            raise ValueError("a digest is 32 hexadecimal digits of MD5 or 64 of SHA-256")
        return str.__new__(cls, text.lower())


class Algorithm(Choice):
    """A digest algorithm; keepalived has only md5."""

    __slots__ = ()
    choices = ("md5", "sha256")


MD5 = Algorithm("md5")


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit() and "100" <= text <= "599"


class Statuses(str):
    """Status codes and ranges of them, such as 200-299,301."""

    __slots__ = ("_codes",)
    _codes: frozenset[int]

    def __new__(cls, text: str) -> Statuses:
        """Build it from its text; raises ValueError with what is wanted."""
        codes: set[int] = set()
        for part in text.split(","):
            low, dash, high = part.partition("-")
            if not _is_status(low) or not _is_status(high if dash else low) or (dash and low > high):
                raise ValueError("status codes are numbers from 100 to 599, such as 200-299,301")
            codes.update(range(int(low), int(high or low) + 1))
        statuses = str.__new__(cls, text)
        statuses._codes = frozenset(codes)
        return statuses

    def hold(self, status: int) -> bool:
        """Return whether a status code is among them."""
        return status in self._codes


SUCCESS = Statuses("200-299")  # keepalived's default


class Regex(str):
    """A regular expression of Python's re module, for bytes; text in it is UTF-8."""

    __slots__ = ()

    def __new__(cls, text: str) -> Regex:
        """Build it from its text; raises ValueError with what is wrong in it."""
        regex = str.__new__(cls, text)
        regex.compile()
        return regex

    def compile(self) -> re.Pattern[bytes]:
        """Return the compiled expression."""
        import re
        import warnings

        try:
            with warnings.catch_warnings():  # about changes in later Pythons
                warnings.simplefilter("ignore")
                return re.compile(self.encode("utf-8", "surrogateescape"))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"no regular expression: {error}") from None
