"""Which checks does the section "checks" of the configuration stand for? Patterns are written out, names followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from vipwarden.config.entry import Entry, asked, composed, judged
from vipwarden.core.options import UsageError, options
from vipwarden.core.registry import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from vipwarden.config.document import Document
    from vipwarden.core.options import Option

    RealServers: TypeAlias = Callable[[str], Iterable[tuple[str, int]]]

RESERVED = "vipwarden agent"
_LEAST_INTERVAL = 0.1
_MOST = 100_000  # checks


def no_real_servers(_path: str) -> Iterable[tuple[str, int]]:
    """Read no keepalived.conf: that is for who runs the checks."""
    return ()


def checks(document: Document, real_servers: RealServers = no_real_servers) -> list[Entry]:
    """Return the checks that a document configures; raises ConfigError.

    ``real_servers`` reads those of a keepalived.conf, and raises ValueError.
    """
    node = document.top("checks")
    return [] if node is None else _Builder(document, real_servers).build(node)


class _Builder:
    """Builds the entries of one document."""

    def __init__(self, document: Document, real_servers: RealServers) -> None:
        self.document = document
        self.real_servers = real_servers
        self.entries: dict[str, Entry] = {}
        self.groups: dict[str, list[str]] = {}  # the names of a pattern's checks
        self.nodes: dict[str, yaml.Node] = {}

    def build(self, node: yaml.Node) -> list[Entry]:
        """Return all entries, those that are composed behind those that they are composed of; raises ConfigError."""
        for name, (key, value) in self.document.pairs(node, "checks"):
            if name == RESERVED:
                raise self.document.error(key, f"checks.{name}", "is the name of the agent's own verdict")
            self.groups[name] = []
            for entry in self._entries(name, key, value):
                if entry.name in self.entries:
                    raise self.document.error(key, f"checks.{entry.name}", "is given twice")
                if len(self.entries) >= _MOST:
                    raise self.document.error(key, f"checks.{name}", f"is beyond the limit of {_MOST} checks")
                self.entries[entry.name] = entry
                self.nodes[entry.name] = key
                self.groups[name].append(entry.name)
        for entry in self.entries.values():
            entry.members = self._follow(entry, entry.members, entry.check)
            entry.only_if = self._follow(entry, entry.only_if, "only_if")
        return self._sorted()

    def _entries(self, name: str, key: yaml.Node, node: yaml.Node) -> Iterator[Entry]:
        where = f"checks.{name}"
        pairs = dict(self.document.pairs(node, where))
        if "check" in pairs:
            yield from self._asked(name, key, node, pairs["check"][1])
            return
        if not pairs.keys() & options(composed).keys():
            raise self.document.error(key, where, "has no check: say which one it is, such as check: port")
        keys = self.document.values(key, node, where, {**options(composed), **options(judged)})
        entry = Entry(name, keys)
        try:
            entry.compose(keys)
        except ValueError as error:
            raise self.document.error(key, where, str(error)) from None
        yield entry

    def _asked(self, name: str, key: yaml.Node, node: yaml.Node, chosen: yaml.Node) -> Iterator[Entry]:
        where = f"checks.{name}"
        if not isinstance(chosen, yaml.ScalarNode):
            raise self.document.error(key, where, "has no check: say which one it is, such as check: port")
        try:
            function = load(chosen.value)
        except UsageError as error:
            raise self.document.error(chosen, f"{where}.check", str(error)) from None
        own, ours = options(function), {**options(judged), **options(asked)}
        known = {**own, **ours}
        for one, several in (("host", ("hosts", "real_servers")), ("port", ("ports", "real_servers"))):
            given = {text for text, _ in self.document.pairs(node, where)}
            for many in given.intersection(several):
                if one not in own:
                    raise self.document.error(
                        key, f"{where}.{many}", f"means nothing to {chosen.value}, which has no {one}"
                    )
                if one in given or ("real_servers" in given and many != "real_servers"):
                    raise self.document.error(key, f"{where}.{many}", "cannot stand beside what it takes the place of")
                known.pop(one, None)
        keys = self.document.values(key, node, where, known)
        values = {text: value for text, value in keys.items() if text in own and text not in ours}
        for suffix, place in self._places(where, key, keys, own):
            entry = Entry(f"{name}{suffix}", keys)
            entry.ask(function, keys, {**values, **place})
            self._judge_times(key, where, entry)
            yield entry

    def _places(
        self, where: str, key: yaml.Node, keys: dict[str, object], own: dict[str, Option]
    ) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield the end of the name and the place of each check that a pattern stands for."""
        path = keys.get("real_servers")
        if isinstance(path, str):
            try:
                for address, number in self.real_servers(path):
                    named = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
                    yield f"@{named}", {"host": own["host"].build(address), "port": own["port"].build(str(number))}
            except ValueError as error:
                raise self.document.error(key, f"{where}.real_servers", str(error)) from None
            return
        hosts = [str(host) for item in _items(keys.get("hosts")) for host in _items(item)]
        ports = [str(port) for item in _items(keys.get("ports")) for port in _items(item)]
        for host in hosts or [""]:
            one: dict[str, object] = {}
            if host:
                try:
                    one["host"] = own["host"].build(host)
                except ValueError as error:
                    raise self.document.error(key, f"{where}.hosts", f"names {host!r}: {error}") from None
            for port in ports or [""]:
                place = dict(one)
                named = f"[{host}]" if ":" in host and port else host
                if port:
                    place["port"] = own["port"].build(port)
                    named += f":{port}"
                yield f"@{named}" if named else "", place

    def _judge_times(self, key: yaml.Node, where: str, entry: Entry) -> None:
        for name in ("interval", "fast_interval"):
            if getattr(entry, name) < _LEAST_INTERVAL:
                raise self.document.error(key, f"{where}.{name}", f"is below {_LEAST_INTERVAL} s")
        if entry.timeout > entry.interval:
            above = f"is {entry.timeout:g} s, above the interval of {entry.interval:g} s"
            raise self.document.error(key, f"{where}.timeout", above)
        if entry.loss_after <= entry.interval:
            raise self.document.error(key, f"{where}.agent_loss_after", "is not above the interval")

    def _follow(self, entry: Entry, names: tuple[str, ...], key: str) -> tuple[str, ...]:
        """Return the names of entries, those of patterns written out; raises ConfigError."""
        found: dict[str, None] = {}
        for name in names:
            members = self.groups.get(name) or ([name] if name in self.entries else None)
            if members is None:
                raise self.document.error(
                    self.nodes[entry.name], f"checks.{entry.name}.{key}", f"names {name!r}, which there is not"
                )
            found |= dict.fromkeys(members)
        if entry.needed > len(found) and key == "at_least":
            raise self.document.error(
                self.nodes[entry.name], f"checks.{entry.name}.at_least", f"is {entry.needed}, of only {len(found)}"
            )
        return tuple(found)

    def _sorted(self) -> list[Entry]:
        """Return the entries in an order in which each comes behind those that it depends on."""
        done: dict[str, Entry] = {}
        for first in self.entries.values():
            path = [first]
            while path:
                entry = path[-1]
                open_ = [name for name in (*entry.members, *entry.only_if) if name not in done]
                if not open_:
                    self._settle(entry)
                    done[entry.name] = path.pop()
                elif any(entry.name == open_[0] for entry in path):
                    where = f"checks.{entry.name}"
                    raise self.document.error(self.nodes[entry.name], where, f"depends on itself, by {open_[0]!r}")
                else:
                    path.append(self.entries[open_[0]])
        return list(done.values())

    def _settle(self, entry: Entry) -> None:
        """Give what is composed the pace of its slowest member."""
        if entry.members:
            members = [self.entries[name] for name in entry.members]
            entry.needed = entry.needed or len(members)
            entry.healthy = max(entry.healthy, *(member.healthy for member in members))
            entry.interval = entry.fast_interval = max(member.interval for member in members)
            entry.loss_after = entry.loss_after or max(member.loss_after for member in members)


def _items(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()
