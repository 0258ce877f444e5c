"""How many servers of each backend are in which state?"""

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
    """Return the state in a status; a server without checks is UP, as in HAProxy."""
    word = status.partition(b" ")[0]
    return b"UP" if word == b"no" else word


def frontend_word(status: bytes) -> bytes:
    """Return UP for all but STOP, as HAProxy's own endpoint does."""
    return b"DOWN" if status == b"STOP" else b"UP"


def check_word(status: bytes) -> bytes:
    """Return the result of a check without the mark of a running check."""
    return status.removeprefix(b"* ")


def counted(
    names: Sequence[str],
    backends: Sequence[Sequence[str]],
    kinds: Sequence[bytes],
    proxies: Sequence[bytes],
    statuses: Sequence[bytes],
    checks: Sequence[bytes],
) -> list[bytes]:
    """Return the lines of the COUNTS for backends with servers; their name is the last label."""
    states: Counter[tuple[bytes, bytes]] = Counter()
    results: Counter[tuple[bytes, bytes]] = Counter()
    server = SERVER.encode()
    for kind, proxy, status, check in zip(kinds, proxies, statuses, checks, strict=True):
        if kind == server:
            states[proxy, state_word(status)] += 1
            results[proxy, check_word(check)] += 1
    filled = {proxy for proxy, _ in states}
    wanted = [(labels, labels[-1].encode()) for labels in backends if labels[-1].encode() in filled]
    tables = (STATES["S"], states), (STATES["S"], states), (CHECKS, results)
    return [
        "".join(
            f"haproxy_backend_{name}{braces((*names, 'state'), (*labels, word))} {numbers[proxy, word.encode()]}\n"
            for labels, proxy in wanted
            for word in words
        ).encode("utf-8", "replace")
        for name, (words, numbers) in zip(COUNTS, tables, strict=True)
    ]
