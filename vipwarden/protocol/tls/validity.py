"""For how long is a certificate valid, and whose is it?"""

from __future__ import annotations

from time import gmtime, strftime

from vipwarden.core.result import one_line
from vipwarden.core.values import Choice
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

DAY = 86400
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_EPOCH = 2440588  # the Julian day number of 1970-01-01


class MinVersion(Choice):
    """A version of TLS."""

    __slots__ = ()
    choices = ("1.2", "1.3")

    def allows(self, version: str) -> bool:
        """Return whether a negotiated version, such as TLSv1.3, is this one or a later one."""
        return version >= f"TLSv{self}"


TLS_1_2 = MinVersion("1.2")


class Certificate:
    """What a certificate says of itself, for people; ``until`` is the end of its validity in seconds of the epoch."""

    __slots__ = ("issuer", "name", "names", "until")

    def __init__(self, said: Mapping[str, Any]) -> None:
        """Take the words of ssl.SSLObject.getpeercert(); raises ValueError where it has no end."""
        self.names = [str(value) for kind, value, *_ in said.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
        self.name = _common(said.get("subject", ())) or ", ".join(map(one_line, self.names[:1])) or "no name"
        self.issuer = _common(said.get("issuer", ())) or "no name"
        self.until = seconds(str(said.get("notAfter", "")))

    @property
    def end(self) -> str:
        """The end of its validity."""
        return strftime("%Y-%m-%d %H:%M UTC", gmtime(self.until))


def certificates(said: Sequence[Mapping[str, Any]], peer: str) -> list[Certificate]:
    """Return the certificates, the server's own first; raises NetError (tls) where there is none, or none to read."""
    try:
        found = [Certificate(one) for one in said]
    except ValueError:
        raise NetError("tls", f"a certificate of {peer} has no readable end of its validity") from None
    if not found:
        raise NetError("tls", f"{peer} sent no certificate")
    return found


def seconds(text: str) -> int:
    """Return seconds of the epoch for a time as OpenSSL prints it, "Jan  5 09:34:43 2018 GMT"; raises ValueError.

    ssl.cert_time_to_seconds() does the same by means of strptime(), which takes as long as a third of a run to load.
    """
    name, day, clock, year, _ = text.split()
    month, rest = divmod(_MONTHS.index(name), 3)
    hours, minutes, rest_seconds = map(int, clock.split(":"))
    if rest or len(name) != 3:
        raise ValueError(f"{name} is no month")
    before = (14 - (month + 1)) // 12  # years begin in March
    years, months = int(year) + 4800 - before, month + 12 * before - 2
    julian = int(day) + (153 * months + 2) // 5 + 365 * years + years // 4 - years // 100 + years // 400 - 32045
    return (julian - _EPOCH) * DAY + hours * 3600 + minutes * 60 + rest_seconds


def _common(names: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Return the common name, else the last part, of a distinguished name."""
    parts = [part for level in names for part in level]
    named = [value for kind, value in parts if kind == "commonName"] or [value for _, value in parts]
    return one_line(named[-1], 60) if named else ""
