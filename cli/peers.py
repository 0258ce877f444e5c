"""How does the agent ask the exporters of its peers for their checks? As the page asks them for their VIPs."""

from __future__ import annotations

import re
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from agent.asked import Seen

if TYPE_CHECKING:
    from agent.asked import Ask
    from agent.settings import Plan
    from exporter.peer import Access, Peer

_CHECKS = "/metrics?collect%5B%5D=checks"
_MOST_BYTES = 32 << 20  # ten thousand checks
_LINE = re.compile(
    rb"^vipwarden_check_(success|fresh|maintenance|dampened|changing|age_seconds|duration_seconds|since_timestamp_seconds)"
    rb'\{name="((?:[^"\\]|\\.)*)",check="(?:[^"\\]|\\.)*"\} ([-+.0-9e]+)$',
    re.MULTILINE,
)


def asks(plan: Plan) -> list[Ask]:
    """Return what asks each peer of the section exporter; empty where no group of checks wants it.

    Raises ConfigError.
    """
    if not any(group.peers for group in plan.panics):
        return []
    from exporter.settings import settings

    values: dict[str, Any] = plan.document.section("exporter", settings)
    known = settings(**values)
    return [partial(ask, peer, known.peer_access) for peer in known.peers]


def ask(peer: Peer, access: Access) -> dict[str, Seen]:
    """Return the checks of a peer, within its deadline; raises NetError, PeerError and AuthFileError."""
    from exporter.peer import answer

    return parse(answer(peer, access, _CHECKS, _MOST_BYTES))


def parse(text: bytes) -> dict[str, Seen]:
    """Return the checks in an exporter's metrics.

    A check could take over where its verdict is healthy and valid, and neither in maintenance nor held down. One whose
    verdict is not valid is left out: nothing is known of it. A verdict that is about to change says nothing of now.
    """
    found: dict[bytes, dict[bytes, float]] = {}
    for line in _LINE.finditer(text):  # one by one: the checks of this node go on meanwhile
        kind, name, number = line.groups()
        try:
            found.setdefault(name, {})[kind] = float(number)
        except ValueError:
            continue
    return {
        _name(name): Seen(
            bool(it[b"success"]) and not it.get(b"maintenance") and not it.get(b"dampened"),
            inf if it.get(b"changing") else it[b"age_seconds"] + it[b"duration_seconds"],
            it[b"since_timestamp_seconds"],
        )
        for name, it in found.items()
        if it.get(b"fresh")
        and {b"success", b"age_seconds", b"duration_seconds", b"since_timestamp_seconds"} <= it.keys()
    }


def _name(text: bytes) -> str:
    """Return a label without the escapes of the text format."""
    plain = re.sub(rb"\\(.)", lambda it: b"\n" if it[1] == b"n" else it[1], text)
    return plain.decode("utf-8", "replace")
