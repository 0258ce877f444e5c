"""Which checks are in a panic together, and what are its limits? The section "panic" of the configuration."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from vipwarden.config.document import Mistakes, meant
from vipwarden.core.options import options
from vipwarden.core.values import Count, Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import yaml

    from vipwarden.config.document import Document
    from vipwarden.config.entry import Entry

TITLE = "vipwarden panic "  # begins the name of the verdict on a group
_ANSWER = 2.5  # seconds that a peer may take to answer
_PATTERN = frozenset("*?[")


class Percent(Count):
    """A share in percent, from 1 to 99; the sign may stand behind it."""

    __slots__ = ()
    LEAST, MOST, WANTED = 1, 99, "a share is a whole number of percent, from 1 to 99"

    def __new__(cls, text: str | int) -> Percent:
        """Build it from its text; raises ValueError with what is wanted."""
        return super().__new__(cls, str(text).removesuffix("%"))


class Rule(NamedTuple):
    """More than ``above`` percent within ``window`` seconds are a panic, which lasts for ``longest`` seconds in all."""

    above: int
    window: float
    longest: float


class Group(NamedTuple):
    """A group of checks, and the rule of its panic; with ``peers`` these say which failures are shared."""

    name: str
    rule: Rule
    members: tuple[str, ...]
    peers: bool = False


def group(
    *,
    of: tuple[str, ...] = (),
    above: Percent = Percent(50),
    window: Seconds | None = None,
    longest: Seconds = Seconds(300),
    peers: bool = False,
) -> None:
    """Add the keys of a group of the section panic.

    of: entries, or patterns of names such as "web@*"; by default each virtual service of real_servers is a group
    above: percent of the group that has to fail together
    window: seconds within which failures are together; default the longest time that a member takes to fail or recover
    longest: seconds for which the last state is held at most
    peers: hold where all peers of the section exporter have lost the same check, in place of above
    """


def groups(document: Document, entries: Sequence[Entry]) -> list[Group]:
    """Return the groups of a document; raises ConfigError."""
    node = document.top("panic")
    mistakes, found = Mistakes(), list[Group]()
    for name, (key, value) in document.pairs(node, "panic") if node is not None else ():
        with mistakes.kept():
            found += _groups(document, name, key, value, entries)
    mistakes.end()
    return found


def _groups(
    document: Document, name: str, key: yaml.Node, node: yaml.Node, entries: Sequence[Entry]
) -> Iterator[Group]:
    keys = document.values(key, node, f"panic.{name}", options(group))
    given: dict[str, Any] = {option: keys.get(option, known.default) for option, known in options(group).items()}
    if given["peers"] and "above" in keys:
        raise document.error(key, f"panic.{name}.above", "cannot be combined with peers, which takes its place")
    if given["peers"] and not _has_peers(document):
        raise document.error(key, f"panic.{name}.peers", "wants the key peers of the section exporter")
    chosen = {name: _chosen(document, key, name, given["of"], entries)} if given["of"] else _services(name, entries)
    if not chosen:
        raise document.error(key, f"panic.{name}", "has no checks: name them by of, or have an entry with real_servers")
    for title, members in chosen.items():
        window = given["window"] or max(map(_slowest, members)) + (_ANSWER if given["peers"] else 0)
        if window > given["longest"]:
            what = f"is {given['longest']:g} s, below the window of {window:g} s"
            raise document.error(key, f"panic.{title}.longest", what)
        if any(entry.name == TITLE + title for entry in entries):
            raise document.error(key, f"panic.{title}", "has a verdict of the name of a check")
        rule = Rule(given["above"], window, given["longest"])
        yield Group(title, rule, tuple(entry.name for entry in members), given["peers"])


def _has_peers(document: Document) -> bool:
    node = document.top("exporter")
    return node is not None and "peers" in dict(document.pairs(node, "exporter"))


def _chosen(
    document: Document, key: yaml.Node, name: str, wanted: Sequence[str], entries: Sequence[Entry]
) -> list[Entry]:
    """Return the entries of names, of patterns of the section checks, and of patterns of names."""
    found: dict[str, Entry] = {}
    for word in wanted:
        if _PATTERN.isdisjoint(word):
            members = [entry for entry in entries if entry.name == word or entry.name.startswith(f"{word}@")]
        else:
            members = [entry for entry in entries if fnmatchcase(entry.name, word)]
        if not members:
            known = {known for entry in entries for known in (entry.name, entry.name.partition("@")[0])}
            text = f"names {word!r}, which does not exist{meant(word, known)}"
            raise document.error(key, f"panic.{name}.of", text)
        found |= {entry.name: entry for entry in members}
    return list(found.values())


def _services(name: str, entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the checks of each virtual service."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        for service in entry.services:
            found.setdefault(f"{name} {service}", []).append(entry)
    return found


def _slowest(entry: Entry) -> float:
    """Return the seconds from a fault, or its end, to the verdict at the latest."""
    pace = max(entry.fast_interval, entry.timeout)
    return entry.interval + entry.timeout * (1 + entry.retry) + (max(entry.rise, entry.fall) - 1) * pace
