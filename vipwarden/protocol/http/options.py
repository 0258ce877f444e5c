"""What does an operator want of a web page: which digest, which status, which text in it?"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from hashlib import _Hash


class Digest(str):
    """A digest in hexadecimal, in lower case: 32 digits of MD5 or 64 of SHA-256."""

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        """Build it from its text; raises ValueError with what is wanted."""
        if len(text) not in (32, 64) or text.strip("0123456789abcdefABCDEF"):
            raise ValueError("a digest is 32 hexadecimal digits of MD5 or 64 of SHA-256")
        return str.__new__(cls, text.lower())


class Algorithm(str):
    """The name of a digest: md5, or sha256, which keepalived does not know."""

    __slots__ = ()

    def __new__(cls, text: str) -> Algorithm:
        """Build it from its text; raises ValueError with what is wanted."""
        if text.lower() not in ("md5", "sha256"):
            raise ValueError("an algorithm is md5 or sha256")
        return str.__new__(cls, text.lower())

    def start(self) -> _Hash:
        """Return a new digest; the built-in modules load in a tenth of hashlib's time, but a FIPS build has none."""
        try:
            if self == "md5":
                from _md5 import md5 as new  # type: ignore[import-not-found]
            else:
                new = _sha256()
        except ImportError:
            from hashlib import new as by_name

            return by_name(self, usedforsecurity=False)
        digest: _Hash = new()
        return digest


MD5 = Algorithm("md5")


def _sha256() -> object:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]
    except ImportError:
        from _sha256 import sha256  # type: ignore[import-not-found]  # up to Python 3.11
    return sha256


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit() and "100" <= text <= "599"


class Statuses(str):
    """Status codes and ranges of them, such as 200-299,301."""

    __slots__ = ()

    def __new__(cls, text: str) -> Statuses:
        """Build it from its text; raises ValueError with what is wanted."""
        for part in text.split(","):
            low, dash, high = part.partition("-")
            if not _is_status(low) or not _is_status(high if dash else low) or (dash and low > high):
                raise ValueError("status codes are numbers from 100 to 599, such as 200-299,301")
        return str.__new__(cls, text)

    def hold(self, status: int) -> bool:
        """Return whether a status code is one of them."""
        ends = [part.partition("-") for part in self.split(",")]
        return any(int(low) <= status <= int(high or low) for low, _, high in ends)


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
        """Return it ready to search with."""
        import re
        import warnings

        try:
            with warnings.catch_warnings():  # of what a later Python may read in another way
                warnings.simplefilter("ignore")
                return re.compile(self.encode("utf-8", "surrogateescape"))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"no regular expression: {error}") from None
