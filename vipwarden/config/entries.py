"""Which checks does the section "checks" of the configuration define? Expands patterns and resolves names."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import yaml

from vipwarden.config.document import Mistakes, meant
from vipwarden.config.entry import Entry, asked, composed, judged
from vipwarden.config.order import in_order
from vipwarden.config.pattern import suffix, via_of_services
from vipwarden.config.preset import written_out
from vipwarden.config.trial import contradiction
from vipwarden.core.options import Option, UsageError, options
from vipwarden.core.registry import load, names
from vipwarden.state.paths import AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    from vipwarden.config.document import ConfigError, Document
    from vipwarden.config.pattern import LbKind, Place
    from vipwarden.core.values import Via

    RealServers: TypeAlias = Callable[[str, str, LbKind | Via | None], Iterable[Place]]

_LEAST_INTERVAL = 0.1
_MOST = 100_000  # checks


def no_real_servers(_path: str, _service: str, _via: LbKind | Via | None) -> Iterable[Place]:
    """Read no keepalived.conf: only the agent does."""
    return ()


def checks(document: Document, real_servers: RealServers = no_real_servers) -> list[Entry]:
    """Return the checks of a document; raises ConfigError.

    ``real_servers`` returns those of a virtual server in a keepalived.conf, and raises ValueError.
    """
    node = document.top("checks")
    return [] if node is None else _Builder(document, real_servers).build(node)


class _Builder:
    """Builds the entries of a document."""

    def __init__(self, document: Document, real_servers: RealServers) -> None:
        self.document = document
        self.real_servers = real_servers
        self.entries: dict[str, Entry] = {}
        self.groups: dict[str, list[str]] = {}  # the names of a pattern's checks
        self.nodes: dict[str, yaml.Node] = {}
        self.wrong: set[str] = set()  # the names with mistakes, to which others may refer

    def build(self, node: yaml.Node) -> list[Entry]:
        """Return all entries, each after those that it depends on; raises ConfigError."""
        mistakes = Mistakes()
        for name, (key, value) in self.document.pairs(node, "checks"):
            if len(self.entries) > _MOST:
                break
            self.wrong.add(name)
            self.groups[name] = []
            with mistakes.kept():
                self._add(name, key, value)
                self.wrong.remove(name)
        for entry in self.entries.values():
            with mistakes.kept():
                entry.members = self._follow(entry, entry.members, entry.check)
                entry.only_if = self._follow(entry, entry.only_if, "only_if")
        mistakes.end()
        return in_order(self.entries, lambda name, text: self._error(self.nodes[name], name, text))

    def _add(self, name: str, key: yaml.Node, node: yaml.Node) -> None:
        """Add the entries of a name."""
        if name == AGENT:
            raise self._error(key, name, "is the name of the agent's own verdict")
        for entry in self._entries(name, key, node):
            if entry.name in self.entries:
                raise self._error(key, entry.name, "is given twice")
            self.entries[entry.name] = entry
            self.nodes[entry.name] = key
            self.groups[name].append(entry.name)
            if len(self.entries) > _MOST:
                raise self._error(key, name, f"is beyond the limit of {_MOST} checks")

    def _error(self, node: yaml.Node, where: str, text: str) -> ConfigError:
        return self.document.error(node, f"checks.{where}", text)

    def _entries(self, name: str, key: yaml.Node, node: yaml.Node) -> Iterator[Entry]:
        pairs = dict(self.document.pairs(node, f"checks.{name}"))
        if "preset" in pairs and "check" not in pairs and isinstance(node, yaml.MappingNode):
            chosen = pairs["preset"][1]
            try:
                node = written_out(node, chosen)
            except ValueError as error:
                raise self._error(chosen, f"{name}.preset", str(error)) from None
            pairs = dict(self.document.pairs(node, f"checks.{name}"))
        if "check" in pairs and isinstance(pairs["check"][1], yaml.ScalarNode):
            yield from self._asked(name, key, node, pairs["check"][1])
            return
        if "check" in pairs or not pairs.keys() & options(composed).keys():
            raise self._error(key, name, "has no check: say which one it is, such as check: port")
        keys = self.document.values(key, node, f"checks.{name}", options(composed, judged))
        entry = Entry(name, keys)
        try:
            entry.compose(keys)
        except ValueError as error:
            raise self._error(key, name, str(error)) from None
        yield entry

    def _asked(self, name: str, key: yaml.Node, node: yaml.Node, chosen: yaml.ScalarNode) -> Iterator[Entry]:
        try:
            function = load(chosen.value)
        except UsageError as error:
            raise self._error(chosen, f"{name}.check", f"{error}{meant(chosen.value, names())}") from None
        own, ours = options(function), options(judged, asked)
        known = {**own, **ours}
        given = {text for text, _ in self.document.pairs(node, f"checks.{name}")}
        for single, several in (("host", ("hosts", "real_servers")), ("port", ("ports", "real_servers"))):
            for pattern in given.intersection(several):
                if single not in own:
                    text = f"means nothing to {chosen.value}, which has no {single}"
                    raise self._error(key, f"{name}.{pattern}", text)
                if single in given or ("real_servers" in given and pattern != "real_servers"):
                    raise self._error(key, f"{name}.{pattern}", "cannot be combined with what it replaces")
                known.pop(single, None)
        if "real_servers" in given and "via" in known:
            known["via"] = Option("via", "LbKind", via_of_services, False, False, None)
        if "virtual_server" in given and "real_servers" not in given:
            raise self._error(key, f"{name}.virtual_server", "means nothing without real_servers")
        keys: dict[str, Any] = self.document.values(key, node, f"checks.{name}", known)
        values = {text: value for text, value in keys.items() if text in own and text not in ours}
        for end, place, services in self._places(name, key, keys, own):
            entry = Entry(f"{name}{end}", keys)
            entry.ask(function, keys, {**values, **place})
            entry.services = services
            self._judge_times(key, name, entry)
            if why := contradiction(function, entry.values):
                raise self._error(key, entry.name, f"can never be healthy: {why}")
            yield entry

    def _places(
        self, name: str, key: yaml.Node, keys: dict[str, Any], own: dict[str, Option]
    ) -> Iterator[tuple[str, dict[str, object], tuple[str, ...]]]:
        """Yield the name's suffix, host and port, and virtual services, of each check of a pattern."""
        path = keys.get("real_servers")
        if path is not None:
            try:
                for at in self.real_servers(path, keys.get("virtual_server") or "", keys.get("via")):
                    values = {"host": own["host"].build(at.host), "port": own["port"].build(str(at.port))}
                    yield at.suffix, values | ({"via": at.via} if "via" in own else {}), at.services
            except ValueError as error:
                raise self._error(key, f"{name}.real_servers", str(error)) from None
            return
        hosts = [host for item in keys.get("hosts", ()) for host in item]
        ports = [port for item in keys.get("ports", ()) for port in item]
        for host, port in product(hosts or [""], ports or [""]):
            place: dict[str, object] = {"port": own["port"].build(str(port))} if port else {}
            if host:
                try:
                    place["host"] = own["host"].build(host)
                except ValueError as error:
                    raise self._error(key, f"{name}.hosts", f"names {host!r}: {error}") from None
            yield suffix(host, port), place, ()

    def _judge_times(self, key: yaml.Node, name: str, entry: Entry) -> None:
        for option in ("interval", "fast_interval"):
            if getattr(entry, option) < _LEAST_INTERVAL:
                raise self._error(key, f"{name}.{option}", f"is below {_LEAST_INTERVAL} s")
        if entry.timeout > entry.interval:
            above = f"is {entry.timeout:g} s, above the interval of {entry.interval:g} s"
            raise self._error(key, f"{name}.timeout", above)
        if entry.loss_after <= entry.interval:
            raise self._error(key, f"{name}.agent_loss_after", "is not above the interval")

    def _follow(self, entry: Entry, names: tuple[str, ...], key: str) -> tuple[str, ...]:
        """Return the names of entries, with those of patterns expanded; raises ConfigError."""
        members: dict[str, None] = {}
        for name in names:
            group = self.groups.get(name, [name] if name in self.entries else None)
            if group is None:
                text = f"names {name!r}, which does not exist{meant(name, self.groups)}"
                raise self._error(self.nodes[entry.name], f"{entry.name}.{key}", text)
            members |= dict.fromkeys(group)
        if entry.needed > len(members) and key == "at_least" and not self.wrong.intersection(names):
            text = f"is {entry.needed}, of only {len(members)}"
            raise self._error(self.nodes[entry.name], f"{entry.name}.at_least", text)
        return tuple(members)
