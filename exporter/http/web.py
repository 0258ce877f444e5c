"""What does the web configuration ask for right now? It is read again when it, a certificate or a key has changed.

What takes away protection is not taken over by that: a file that was emptied, or is half written, looks like one whose
operator wants neither TLS nor passwords. It takes a word of his own, which is SIGHUP or a restart.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from exporter.http.auth import Passwords
from exporter.http.web_config import Web, WebConfig, stamp
from vipwarden.config.document import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.web_config import Stamp

_MOST_TOLD, _TOLD = 10, 60.0  # kinds of trouble that a file which changes on and on has in the log, in so many seconds


class Security:
    """How connections are secured: ``web`` as it was read, and the ``passwords`` of its users.

    What was read stays in force until something better is read: a broken file neither locks anyone out nor lets
    anyone in. ``is_current`` tells whether the file as it is now is the one in force.
    """

    def __init__(self, path: str | None, say: Callable[[str], None], before: Security | None = None) -> None:
        """Read it at the start or by order, in the place of what was read before; raises ConfigError."""
        self.path = path
        self.is_current = True
        self._say = say
        self._files: dict[str, Stamp] = {}
        self._told: dict[str, float] = {}
        self.passwords: Passwords = Passwords({}) if before is None else before.passwords
        self._take(Web() if path is None else WebConfig(path, self._files).web())

    def refresh(self) -> None:
        """Read it again where a file has changed; what is wrong with it is logged, once."""
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
            self._told.clear()
            self._take(web)
            self._say(f"{self.path}: read again")

    def _stay(self, why: str) -> None:
        now, self.is_current = monotonic(), False
        self._told = {text: when for text, when in self._told.items() if now - when < _TOLD}
        if why not in self._told and len(self._told) < _MOST_TOLD:
            self._told[why] = now
            self._say(why)

    def _take(self, web: Web) -> None:
        self.web = web
        self.passwords = self.passwords.of(web.users)
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
