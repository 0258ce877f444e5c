"""What does the configuration say for the agent: the section "agent", the checks, and real servers of a pattern?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vipwarden.config.document import SECTIONS, Document, Mistakes
from vipwarden.config.entries import checks
from vipwarden.core.values import Seconds
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.config.entry import Entry


class Settings(NamedTuple):
    """What settings() returns."""

    restart_grace: float


def settings(*, restart_grace: Seconds = Seconds(5)) -> Settings:
    """How does the agent end?

    restart_grace: seconds after a clean end for which verdicts and track files stay valid, for the next agent to come
    """
    return Settings(restart_grace)


class Plan(NamedTuple):
    """A whole configuration of an agent."""

    entries: list[Entry]
    settings: Settings


def plan(path: str, text: str | None = None) -> Plan:
    """Read a configuration file, or a text in its place; raises ConfigError."""
    return plan_of(Document(path, text, sections=SECTIONS))


def plan_of(document: Document) -> Plan:
    """Return what a document says for the agent; raises ConfigError."""
    mistakes, entries, values = Mistakes(), [], {}
    with mistakes.kept():
        values = document.section("agent", settings)
    with mistakes.kept():
        entries = checks(document, real_servers)
    mistakes.end()
    return Plan(entries, settings(**values))  # type: ignore[arg-type]


def real_servers(path: str) -> Iterator[tuple[str, int]]:
    """Yield address and port of each real server of a keepalived.conf, once each; raises ValueError."""
    try:
        top = parse(path)
    except ConfError as error:
        raise ValueError(str(error)) from None
    servers: dict[tuple[str, int], None] = {}
    for service in top.named("virtual_server"):
        for server in service.named("real_server"):
            if len(server.words) < 3 or not server.words[2].isdigit():  # a service by fwmark may have none
                raise ValueError(f"{server.path}:{server.number}: the real server {server.name} has no port to check")
            servers[server.words[1], int(server.words[2])] = None
    if not servers:
        raise ValueError(f"{path} has no real servers")
    yield from servers
