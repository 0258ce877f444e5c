"""What does the page say to the operator who opens it, and what first?"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from time import time as now
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exporter.render.rates import Lasting, Rates
from exporter.render.view import MOST_ROWS, Problem, Room, severity
from exporter.render.words import SIGNS, Mark, count, moment, span, things
from exporter.sources.checks import view as view_checks
from exporter.sources.checks.source import Checks
from exporter.sources.haproxy.source import Haproxies
from exporter.sources.haproxy.view_instances import Instance, instances
from exporter.sources.ipvs import view as view_ipvs
from exporter.sources.ipvs.source import Ipvs
from exporter.sources.vip.source import Vips
from exporter.sources.vrrp.series import Vrrp
from exporter.sources.vrrp.view import Found, Keepalived

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.frame import Outcome
    from exporter.render.view import Cell, Group, Row
    from exporter.settings import Settings
    from vipwarden.node.ipvs.read import Table

_HERE = Path(__file__).parents[1]
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# changes with the files: a browser never has the script of one version beside the style of another
_STATIC = {
    path.name: f"static/{path.name}?{blake2b(path.read_bytes(), digest_size=6).hexdigest()}"
    for path in (_HERE / "static").glob("*.*")
}
_TITLES = {"vip": "VIPs", "vrrp": "VRRP", "checks": "checks", "haproxy": "HAProxy", "ipvs": "IPVS"}
_GRACE = 3.0  # seconds that the addresses may be ahead of what keepalived was last asked for
MOST_PROBLEMS = 60
_MOST_FIND = 100


class Memory:
    """What is kept from one view to the next, to tell rates, and for how long something is so."""

    def __init__(self) -> None:
        self.ipvs = Rates()
        self.haproxy = Rates()
        self.contradictions = Lasting()


class Node:
    """Everything that the page shows; of what there is much, as much as there is room for."""

    def __init__(self, outcomes: Sequence[Outcome], grace: float, memory: Memory, room: Room) -> None:
        self.outcomes = outcomes
        self.room = room
        self.why = dict.fromkeys(_TITLES, "") | {one.collector.name: one.failure or one.absence for one in outcomes}
        self.failed = {one.collector.name for one in outcomes if one.failure}
        self._facts = {type(one.facts): one for one in outcomes if one.facts is not None}
        self._found: list[Problem] = []
        found = self._keepalived(grace, memory)
        self.vips, self.vrrp, self.scripts = (room.listing(rows) for rows in found[:3])
        self.vrrp_source = self._vrrp_source()
        checks = self._checks()
        self.checks = room.listing(checks)
        self.instances = self._haproxy(memory)
        self.services: list[Group] = []
        self.totals: list[tuple[str, Cell]] = []
        self.ipvs_source = ""
        self._ipvs(memory)
        self._found += self._unread()
        self.problems = sorted(self._found, key=severity)
        self.tiles = [tile for tile in self._tiles(found, checks) if tile[2]]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing that could be wrong, which is no good news either."""
        return not (self.tiles or self.problems)

    def _of(self, kind: type) -> tuple[object, float]:
        one = self._facts.get(kind)
        return (None, 0.0) if one is None else (one.facts, one.when)

    def _keepalived(self, grace: float, memory: Memory) -> Found:
        vips, when = self._of(Vips)
        vrrp, _ = self._of(Vrrp)
        known = Keepalived(vips if isinstance(vips, Vips) else None, vrrp if isinstance(vrrp, Vrrp) else None)
        found = known.found(when, memory.contradictions, grace)
        self._found += found.problems
        return found

    def _vrrp_source(self) -> str:
        vrrp, _ = self._of(Vrrp)
        if not isinstance(vrrp, Vrrp) or not vrrp.source:
            return ""
        told = "what notify recorded" if vrrp.source == "notify" else f"keepalived's own dump ({vrrp.source})"
        return f"Told by {told}{f', for {vrrp.why}' if vrrp.why else ''}."

    def _checks(self) -> list[Row]:
        facts, _ = self._of(Checks)
        rows = [view_checks.check_row(one) for one in facts.verdicts] if isinstance(facts, Checks) else []
        self._found += view_checks.problems(rows)
        return sorted(rows, key=severity)

    def _haproxy(self, memory: Memory) -> list[Instance]:
        facts, when = self._of(Haproxies)
        if not isinstance(facts, Haproxies):
            return []
        found, problems = instances(facts, when, memory.haproxy, self.room)
        self._found += problems
        return found

    def _ipvs(self, memory: Memory) -> None:
        facts, when = self._of(Ipvs)
        if not isinstance(facts, Ipvs):
            return
        growth = memory.ipvs.take(when, view_ipvs.counters(facts))
        self.totals = view_ipvs.totals(facts, growth)
        self.services = view_ipvs.groups(facts.services, growth, self.room)
        self.ipvs_source = _ipvs_source(facts, growth.seconds)
        self._found += view_ipvs.problems(facts.services)

    def _unread(self) -> Iterator[Problem]:
        for one in self.outcomes:
            if one.failure and not isinstance(one.facts, Haproxies):  # which has told it instance by instance
                down = isinstance(one.facts, Vrrp) and not one.facts.up
                mark = Mark("bad", "down") if down else Mark("unknown", "not read")
                yield Problem(
                    mark,
                    "keepalived" if down else _TITLES.get(one.collector.name, one.collector.name),
                    one.failure,
                    one.collector.name,
                )

    def _tiles(self, found: Found, checks: list[Row]) -> Iterator[tuple[str, int, int]]:
        facts, _ = self._of(Ipvs)
        services = facts.services if isinstance(facts, Ipvs) else []
        yield "VIPs held", found.held, len(found.vips)
        yield "MASTER of", sum(row.mark.word == "MASTER" for row in found.instances), len(found.instances)
        yield "Checks OK", sum(row.mark.tone == "good" for row in checks), len(checks)
        yield "Backends up", sum(one.up for one in self.instances), sum(one.total for one in self.instances)
        served = sum(any(int(weight) > 0 for weight in one.columns.weight) for one in services)
        yield "Services served", served, len(services)


class Page:
    """Writes the page again and again."""

    def __init__(self) -> None:
        self._memory = Memory()

    def write(self, outcomes: Sequence[Outcome], settings: Settings, find: str = "") -> bytes:
        """Return the HTML, of what has ``find`` in its name."""
        find = find.strip()[:_MOST_FIND]
        node = Node(outcomes, settings.keepalived_interval + _GRACE, self._memory, Room(find))
        text = _TEMPLATE.render(
            node=node,
            name=settings.node,
            version=settings.version,
            find=find,
            time=moment(now()),
            most_problems=MOST_PROBLEMS,
            most_rows=MOST_ROWS,
        )
        return text.encode("utf-8", "replace")  # names of files need not be Unicode


def _ipvs_source(facts: Table, seconds: float) -> str:
    if facts.source == "proc":
        text = f"Read from /proc, which has no counters of single services: {facts.why}."
        return f"{text} Rates of the totals are over {span(seconds)}." if seconds else text
    if seconds:
        return f"Rates are over the last {span(seconds)}, from the kernel's counters; Σ is what they stand at."
    return "Rates come with the next look: this is the first, and shows totals."


_ENVIRONMENT.globals.update(signs=SIGNS, static=_STATIC, count=count, things=things)
_TEMPLATE = _ENVIRONMENT.get_template("page.html")
