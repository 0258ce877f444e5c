"""Which state is meant, and how many servers of each backend are in it?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from exporter.render.exposition import braces
from exporter.sources.haproxy.names import CHECKS, STATES
from vipwarden.node.haproxy.socket import SERVER

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = ("agg_server_status", "agg_server_check_status", "agg_check_status")


def state_word(status: bytes) -> bytes:
    """Return the first word of a status, which is its state; a server without checks is UP, as to HAProxy."""
    word = status.partition(b" ")[0]
    return b"UP" if word == b"no" else word


def frontend_word(status: bytes) -> bytes:
    """Return UP for all but STOP, as HAProxy's own endpoint does: one that is paused or full is not stopped."""
    return b"DOWN" if status == b"STOP" else b"UP"


def check_word(status: bytes) -> bytes:
    """Return the result of a check without the mark of one that is under way."""
    return status.removeprefix(b"* ")


def counted(
    names: Sequence[str],
    backends: Sequence[Sequence[str]],
    kinds: Sequence[bytes],
    proxies: Sequence[bytes],
    statuses: Sequence[bytes],
    checks: Sequence[bytes],
) -> list[bytes]:
    """Return the lines of the COUNTS, of the backends that have servers; their name is the last of their labels."""
    states: Counter[tuple[bytes, bytes]] = Counter()
    results: Counter[tuple[bytes, bytes]] = Counter()
    server = SERVER.encode()
    for kind, proxy, status, check in zip(kinds, proxies, statuses, checks, strict=True):
        if kind == server:
            states[proxy, state_word(status)] += 1
            results[proxy, check_word(check)] += 1
    filled = {proxy for proxy, _ in states}
    wanted = [labels for labels in backends if labels[-1].encode() in filled]
    return [
        _lines(f"haproxy_backend_{name}", names, wanted, columns, found)
        for name, columns, found in zip(
            COUNTS, (STATES["S"], STATES["S"], CHECKS), (states, states, results), strict=True
        )
    ]


def _lines(
    name: str,
    names: Sequence[str],
    backends: Sequence[Sequence[str]],
    states: Sequence[str],
    found: Counter[tuple[bytes, bytes]],
) -> bytes:
    lines = [
        f"{name}{braces((*names, 'state'), (*labels, state))} {found[labels[-1].encode(), state.encode()]}\n"
        for labels in backends
        for state in states
    ]
    return "".join(lines).encode("utf-8", "replace")
