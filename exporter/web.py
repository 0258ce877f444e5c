"""What does the web configuration ask for right now? It is read again when it, a certificate or a key has changed."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from checks.core.config import ConfigError
from exporter.auth import Passwords
from exporter.web_config import Web, WebConfig, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.web_config import Stamp


class Security:
    """How connections are secured: ``web`` as it was read, and the ``passwords`` of its users.

    What was read stays in force until something better is read: a broken file neither locks anyone out nor lets
    anyone in.
    """

    def __init__(self, path: str | None, say: Callable[[str], None]) -> None:
        """Read it for the first time; raises ConfigError."""
        self.path = path
        self._say = say
        self._files: dict[str, Stamp] = {}
        self._take(Web() if path is None else WebConfig(path, self._files).web())

    def refresh(self) -> None:
        """Read it again where a file has changed; what is wrong with it is logged, once."""
        if self.path is None or all(stamp(file) == before for file, before in self._files.items()):
            return
        self._files = {}
        try:
            self._take(WebConfig(self.path, self._files).web())
            self._say(f"{self.path}: read again")
        except ConfigError as error:
            self._say(f"{error}; what was read before stays in force")

    def _take(self, web: Web) -> None:
        self.web = web
        self.passwords = Passwords(web.users)
        self._tokens = float(web.burst)
        self._counted = monotonic()
        for warning in web.warnings:
            self._say(warning)

    def within_rate(self) -> bool:
        """Return whether one more request is within rate_limit, which counts it."""
        if not self.web.interval:
            return True
        now = monotonic()
        self._tokens = min(self.web.burst, self._tokens + (now - self._counted) / self.web.interval)
        self._counted = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
