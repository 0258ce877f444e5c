"""Which of HAProxy's series does the operator want?"""

from __future__ import annotations

import re
from dataclasses import dataclass


class Pattern:
    """A regular expression that a whole name has to match, as in Prometheus."""

    __slots__ = ("_regex",)

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        try:
            self._regex = re.compile(text)
        except re.error as error:
            raise ValueError(f"a regular expression is wanted: {error}") from None

    def fits(self, name: str) -> bool:
        """Whether the name matches."""
        return self._regex.fullmatch(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self._regex == other._regex

    def __hash__(self) -> int:
        return hash(self._regex)


class CheckStatus(str):
    """``all``: a series for every result that a check can have; ``active``: only for the one that it has."""

    __slots__ = ()

    def __new__(cls, text: str) -> CheckStatus:
        """Build it from its text; raises ValueError with what is wanted."""
        if text not in ("all", "active"):
            raise ValueError("all or active is wanted")
        return str.__new__(cls, text)


ALL = CheckStatus("all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is exported: names that fit ``only`` (if it is given) and do not fit ``without``."""

    only_proxies: Pattern | None = None
    without_proxies: Pattern | None = None
    only_servers: Pattern | None = None
    without_servers: Pattern | None = None
    only_metrics: Pattern | None = None
    without_metrics: Pattern | None = None
    without_maint: bool = False
    check_status: CheckStatus = ALL
    down_by_design: Pattern | None = None

    def is_down_by_design(self, proxy: str) -> bool:
        """Whether some servers of a backend are DOWN while all is well, as the replicas of a leader's backend are."""
        return self.down_by_design is not None and self.down_by_design.fits(proxy)

    def row(self, proxy: str, server: str | None) -> bool:
        """Whether a proxy, or a server of it, is wanted."""
        return _wanted(proxy, self.only_proxies, self.without_proxies) and (
            server is None or _wanted(server, self.only_servers, self.without_servers)
        )

    def metric(self, name: str) -> bool:
        """Whether a metric is wanted."""
        return _wanted(name, self.only_metrics, self.without_metrics)


def _wanted(name: str, only: Pattern | None, without: Pattern | None) -> bool:
    return (only is None or only.fits(name)) and (without is None or not without.fits(name))
