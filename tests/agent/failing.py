"""A configuration of one check for an agent that is going to be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.agent.running import Running

INTERVAL = 0.2


def web(port: int, more: str = "", agent_keys: str = "{}") -> str:
    """Return a configuration with one check."""
    check = f"{{check: port, host: 127.0.0.1, port: {port}, interval: {INTERVAL}, {more}}}"
    return f"agent: {agent_keys}\nchecks:\n  web: {check}\n"


def healthy(running: Running) -> bool:
    """Return whether keepalived would take the check for healthy."""
    return running.value("web") == "1"
