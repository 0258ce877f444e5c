"""Which series of HAProxy are exported?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vipwarden.core.values import Choice as OneOf


class Pattern(str):
    """A regular expression that matches whole names, as in Prometheus."""

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


class CheckStatus(OneOf):
    """``all``: a series for every possible result of a check; ``active``: only for the current one."""

    __slots__ = ()
    choices = ("all", "active")


ALL = CheckStatus("all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names that match ``only`` (if given) and not ``without`` are exported."""

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
        """Whether servers of a backend are DOWN by design, such as the replicas in a leader's backend."""
        return self.down_by_design is not None and self.down_by_design.fits(proxy)

    def row(self, proxy: str, server: str | None) -> bool:
        """Whether a proxy, or one of its servers, is exported."""
        return _is_chosen(proxy, self.only_proxies, self.without_proxies) and (
            server is None or _is_chosen(server, self.only_servers, self.without_servers)
        )

    def metric(self, name: str) -> bool:
        """Whether a metric is exported."""
        return _is_chosen(name, self.only_metrics, self.without_metrics)


def _is_chosen(name: str, only: Pattern | None, without: Pattern | None) -> bool:
    return (only is None or only.fits(name)) and (without is None or not without.fits(name))
