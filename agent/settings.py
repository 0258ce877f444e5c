"""What does the configuration say for the agent: the section "agent", the checks, and real servers of a pattern?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import yaml

from agent.door import Door  # noqa: TC001 - options() looks it up
from vipwarden.config.document import SECTIONS, Document, Mistakes, meant
from vipwarden.config.entries import checks
from vipwarden.config.panic import groups
from vipwarden.config.pattern import LbKind, Place, suffix
from vipwarden.core.listen import Network  # noqa: TC001 - options() looks it up
from vipwarden.core.values import Seconds, Via
from vipwarden.node.ipvs.paths import MARKS, Marks
from vipwarden.node.keepalived import real_servers as conf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.config.entry import Entry
    from vipwarden.config.panic import Group


class Settings(NamedTuple):
    """What settings() returns."""

    restart_grace: float
    via_marks: Marks
    listen: tuple[Door, ...]
    allow: tuple[Network, ...]


def settings(
    *,
    restart_grace: Seconds = Seconds(5),
    via_marks: Marks = MARKS,
    listen: tuple[Door, ...] = (),
    allow: tuple[Network, ...] = (),
) -> Settings:
    """How does the agent end, which firewall marks may it use, and who may ask it for its verdicts?

    restart_grace: seconds after a clean end for which verdicts and track files stay valid, for the next agent to come
    via_marks: firewall marks for paths of checks with via, as nothing else on this node uses
    listen: agent-check ADDRESS:PORT [NAME] for HAProxy, or http ADDRESS:PORT; without a NAME the client names the check
    allow: addresses or networks of the clients; default loopback
    """
    return Settings(restart_grace, via_marks, listen, allow)


class Plan(NamedTuple):
    """A whole configuration of an agent."""

    entries: list[Entry]
    settings: Settings
    panics: list[Group]
    document: Document


def plan(path: str, text: str | None = None) -> Plan:
    """Read a configuration file, or a text in its place; raises ConfigError."""
    return plan_of(Document(path, text, sections=SECTIONS))


def plan_of(document: Document) -> Plan:
    """Return what a document says for the agent; raises ConfigError."""
    mistakes, entries, values, panics = Mistakes(), [], {}, []
    with mistakes.kept():
        values = document.section("agent", settings)
    with mistakes.kept():
        entries = checks(document, real_servers)
        panics = groups(document, entries)
    made = settings(**values)  # type: ignore[arg-type]
    with mistakes.kept():
        _judge_doors(document, made, entries)
    mistakes.end()
    return Plan(entries, made, panics, document)


def _judge_doors(document: Document, given: Settings, entries: Sequence[Entry]) -> None:
    """Give each door its line of the configuration; raises ConfigError where one cannot be."""
    node = document.top("agent")
    if node is None or not given.listen:
        return
    value = dict(document.pairs(node, "agent"))["listen"][1]
    items: list[yaml.Node] = value.value if isinstance(value, yaml.SequenceNode) else [value]
    names = {entry.name for entry in entries}
    seen = set()
    mistakes = Mistakes()
    for door, item in zip(given.listen, items, strict=True):
        door.place = f"{document.path}:{item.start_mark.line + 1}: agent.listen"
        with mistakes.kept():
            if door.address in seen:
                raise document.error(item, "agent.listen", f"has {door.address} twice")
            if door.check and door.check not in names and names:
                text = f"names {door.check!r}, which does not exist{meant(door.check, names)}"
                raise document.error(item, "agent.listen", text)
            if not door.is_local and not given.allow:
                text = f"is {door.address}, beyond this node: say who may ask, by agent.allow"
                raise document.error(item, "agent.listen", text)
        seen.add(door.address)
    mistakes.end()


def real_servers(path: str, service: str, via: LbKind | Via | None) -> Iterator[Place]:
    """Yield each real server of a keepalived.conf once, with its path where ``via`` says so; raises ValueError.

    ``service`` are the words of the only virtual server that is meant, or nothing. ``via`` lb_kind leads to each VIP by
    the way in which the director forwards; real servers of NAT are asked at their own address.
    """
    servers = conf.real_servers(path)
    if service:
        words = " ".join(service.split())
        servers = [server for server in servers if server.service == words]
    if not servers:
        raise ValueError(f"{path} has no real servers{service and ' of virtual_server '}{service}")
    places: dict[str, Place] = {}
    for server in servers:
        place = _place(server, via)
        services = dict.fromkeys((*places.get(place.suffix, place).services, server.service))
        places[place.suffix] = place._replace(services=tuple(services))
    yield from places.values()


def _place(server: conf.RealServer, via: LbKind | Via | None) -> Place:
    """Return where a real server is asked; raises ValueError."""
    if not isinstance(via, LbKind) or server.kind == "NAT":
        if not server.port:  # a service by fwmark may have none
            raise ValueError(f"{server.line}: the real server {server.address} has no port to check")
        return Place(
            suffix(server.address, server.port), server.address, server.port, via if isinstance(via, Via) else None
        )
    vip, port = server.vip or via.vip, server.vport or server.port
    if not vip:
        text = f"{server.line}: virtual_server {server.service} has no VIP: write via: lb_kind:VIP"
        raise ValueError(text)
    if (":" in vip) is not (":" in server.address):
        raise ValueError(f"{server.line}: {vip} and {server.address} are not both IPv4 or IPv6: no path can be built")
    if server.tunnel != "ipip":
        raise ValueError(f"{server.line}: a path in a tunnel of type {server.tunnel} cannot be built, only ipip")
    if not port:
        raise ValueError(f"{server.line}: neither {server.service} nor the real server has a port to check")
    way = Via(f"{server.kind}:{vip}")
    return Place(f"@{server.address}{suffix(vip, port)}", server.address, port, way)
