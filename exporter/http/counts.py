"""What has the exporter itself answered, refused and reloaded?"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from exporter.render.exposition import measured, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric

_PREFIX = "vipwarden_exporter_"
READ_AT = f"{_PREFIX}config_last_reload_success_timestamp_seconds"
_COUNTERS = (
    ("http_responses_total", "code", "HTTP responses by status."),
    (
        "tls_handshake_failures_total",
        "reason",
        "Failed TLS connections: in the handshake (tls), or by a name not in client_allowed_sans (certificate).",
    ),
    ("config_reloads_total", "result", "Reloads (SIGHUP) by result."),
)


class Counts:
    """The counters of one exporter since its start."""

    def __init__(self) -> None:
        self.responses: Counter[int] = Counter({200: 0, 401: 0, 429: 0, 503: 0})
        self.handshakes: Counter[str] = Counter({"tls": 0, "certificate": 0})
        self.reloads: Counter[str] = Counter({"success": 0, "failure": 0})
        self.evicted = 0
        self._is_right = True
        self._read_at = time.time()

    def reload(self, *, worked: bool) -> None:
        """Count a reload of the configuration."""
        self.reloads["success" if worked else "failure"] += 1
        self._is_right = worked
        if worked:
            self._read_at = time.time()

    def families(self, *, web_is_current: bool, connections: int) -> Iterator[Metric]:
        """Yield the series; ``web_is_current`` if the file of the web configuration is in force."""
        counters: tuple[Counter[Any], ...] = (self.responses, self.handshakes, self.reloads)
        for counter, (name, label, text) in zip(counters, _COUNTERS, strict=True):
            rows = [((str(key),), number) for key, number in sorted(counter.items())]
            yield from measured((label,), rows, (_PREFIX + name, "counter", text, int))
        right = "Whether the last reload succeeded."
        yield sample(f"{_PREFIX}config_last_reload_successful", "gauge", right, self._is_right)
        read = "Time of the last successful reload or of the start, in seconds of the epoch."
        yield sample(READ_AT, "gauge", read, self._read_at)
        current = "Whether the file of the web configuration is in force; 0 while it is broken or protects less."
        yield sample(f"{_PREFIX}web_config_current", "gauge", current, web_is_current)
        yield sample(f"{_PREFIX}connections", "gauge", "Open connections.", connections)
        evicted = "Connections closed to make room for others."
        yield sample(f"{_PREFIX}connections_evicted_total", "counter", evicted, self.evicted)
