"""Which web configuration is in force? It is read again when it, a certificate or a key has changed.

A change that removes protection needs SIGHUP or a restart: an emptied or half written file looks like one.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from exporter.http.auth import Passwords
from exporter.http.log import SparingLog
from exporter.http.stamp import stamp
from exporter.http.web_config import Web, WebConfig
from vipwarden.config.document import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.stamp import Stamp


class Security:
    """The web configuration in force, and the passwords of its users.

    A broken file changes nothing. ``is_current`` if the file as it is now is in force.
    """

    def __init__(self, path: str | None, say: Callable[[str], None], before: Security | None = None) -> None:
        """Read it, at the start or in place of ``before``; raises ConfigError."""
        self.path = path
        self.is_current = True
        self._say = say
        self._files: dict[str, Stamp] = {}
        self._log = SparingLog(say)
        self.passwords: Passwords = Passwords({}) if before is None else before.passwords
        self._take(Web() if path is None else WebConfig(path, self._files).web())

    def refresh(self) -> None:
        """Read it again if a file has changed; an error is logged once."""
        if self.path is None or all(stamp(file) == before for file, before in self._files.items()):
            return
        self._files = {}
        try:
            web = WebConfig(self.path, self._files).web()
        except ConfigError as error:
            self._stay(f"{error}; what was read before stays in force")
            return
        if lost := sorted(self.web.guards - web.guards):
            advice = "what was read before stays in force until a reload (SIGHUP) or a restart"
            self._stay(f"{self.path}: is without what it had ({', '.join(lost)}); {advice}")
            return
        self.is_current = True
        if web != self.web:
            self._log.forget()
            self._take(web)
            self._say(f"{self.path}: read again")

    def _stay(self, why: str) -> None:
        self.is_current = False
        self._log.say(why)

    def _take(self, web: Web) -> None:
        self.web = web
        self.passwords = self.passwords.of(web.users)
        self._tokens = float(web.burst)
        self._counted = monotonic()
        for warning in web.warnings:
            self._say(warning)

    def within_rate(self) -> bool:
        """Count a request; return whether it is within rate_limit."""
        if not self.web.interval:
            return True
        now = monotonic()
        self._tokens = min(self.web.burst, self._tokens + (now - self._counted) / self.web.interval)
        self._counted = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
