"""What has the exporter itself answered, refused and read again? Its own series, beside those of its sources."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from exporter.render.exposition import Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric

_PREFIX = "vipwarden_exporter_"
READ_AT = f"{_PREFIX}config_last_reload_success_timestamp_seconds"


class Counts:
    """The counters of one exporter, from its start on."""

    def __init__(self) -> None:
        self.responses: Counter[int] = Counter({200: 0, 401: 0, 429: 0, 503: 0})
        self.handshakes: Counter[str] = Counter({"tls": 0, "certificate": 0})
        self.evicted = 0
        self.reloads: Counter[str] = Counter({"success": 0, "failure": 0})
        self._is_right = True
        self._read_at = time.time()

    def reload(self, *, worked: bool) -> None:
        """Note that the configuration was to be read again."""
        self.reloads["success" if worked else "failure"] += 1
        self._is_right = worked
        if worked:
            self._read_at = time.time()

    def families(self, *, web_is_current: bool, connections: int) -> Iterator[Metric]:
        """Yield the series; ``web_is_current`` tells whether the web configuration's file is the one in force."""
        answers = Family(f"{_PREFIX}http_responses_total", "counter", "HTTP responses by status.", ("code",))
        for code in sorted(self.responses):
            answers.add(self.responses[code], str(code))
        failed = Family(
            f"{_PREFIX}tls_handshake_failures_total",
            "counter",
            "Failed TLS connections: in the handshake (tls), or by a name not in client_allowed_sans (certificate).",
            ("reason",),
        )
        for reason, number in self.handshakes.items():
            failed.add(number, reason)
        reloads = Family(f"{_PREFIX}config_reloads_total", "counter", "Reloads (SIGHUP) by result.", ("result",))
        for result, number in self.reloads.items():
            reloads.add(number, result)
        yield from (answers, failed, reloads)
        for name, text, value in (
            ("config_last_reload_successful", "Whether the last reload succeeded.", self._is_right),
            (
                READ_AT.removeprefix(_PREFIX),
                "Time of the last successful reload or of the start, in seconds of the epoch.",
                self._read_at,
            ),
            (
                "web_config_current",
                "Whether the file of the web configuration is in force; 0 while it is broken or protects less.",
                web_is_current,
            ),
            ("connections", "Open connections.", connections),
        ):
            family = Family(_PREFIX + name, "gauge", text)
            family.add(value)
            yield family
        evicted = Family(
            f"{_PREFIX}connections_evicted_total", "counter", "Connections closed to make room for others."
        )
        evicted.add(self.evicted)
        yield evicted
