"""How does the page show VIPs, and why this node holds them or not?"""

from __future__ import annotations

from collections import Counter
from time import time
from typing import TYPE_CHECKING, NamedTuple

from exporter.render.model import ADDRESS, FEW_TOLD, MINOR, Cell, Column, Problem, Row, Section, joined, key, named
from exporter.render.rates import Lasting
from exporter.render.table import Table
from exporter.render.words import Mark, count, lasting, number
from exporter.sources.vip.cluster import SPLIT, Cluster
from exporter.sources.vip.states import MASTER, STATES, Keepalived, statuses, tracked, unlike_configured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.source import Look
    from exporter.sources.vip.source import Vips
    from vipwarden.node.keepalived.dump import Instance
    from vipwarden.node.keepalived.vips import Vip

    _Cause = tuple[str, Mark, str]  # instance, what is wrong, and why

_ABANDONED = "VIP without keepalived"
_GRACE = 3.0  # seconds that the addresses may be ahead of keepalived's last answer
_PEER_GRACE = 12.0  # seconds that a peer's answer may be late: two looks of a browser, and a move of the VIP


class View:
    """Shows the VIPs; remembers since when kernel, keepalived and peers contradict each other."""

    def __init__(self) -> None:
        self._contradictions = Lasting()

    def show(self, look: Look) -> Section:
        """Return the section; a contradiction within the grace time may be a move."""
        vips, vrrp = look.facts("vip"), look.facts("vrrp")
        if vips is None:  # then those that keepalived reports
            unseen = [row for instance in vrrp.instances for row in _unseen(instance)] if vrrp else []
            return Section({"vips": _listing(look, unseen)}, (), [("VIPs held", 0, len(unseen))])
        reasons = _Reasons(vips, vrrp)
        cluster = Cluster(look.settings.node, look.peers)
        apart = {vip: word for vip, held in vips.held if (word := cluster.contradiction(vip, is_held=held))}
        split = {vip: word for vip, word in apart.items() if word == SPLIT}  # also where keepalived is dead
        wrong = apart | dict(reasons.contradictions()) | split
        ages = self._contradictions.take(look.outcomes["vip"].when, [_place(vip) for vip in wrong])
        rows: list[_Shown] = []
        lost: dict[_Cause, list[_Shown]] = {}  # what is wrong has one cause by instance
        for vip, is_held in vips.held:
            mark = Mark("good", "held here") if is_held else Mark("idle", "not here")
            why = joined(cluster.owners(vip, is_held=is_held), reasons.why(vip))
            row = key("vip", *_place(vip))
            moves = False
            if vip in wrong:
                grace = _PEER_GRACE if vip in apart else look.settings.keepalived_interval + _GRACE
                moves = wrong[vip] != _ABANDONED and ages[_place(vip)] < grace
                mark = Mark("warn" if moves else "bad", wrong[vip])
            because = reasons.because(vip.instance)
            rows.append(_Shown(Row(row, mark, vip.address), why, because, vip.interface, vip.vrid))
            if vip in wrong and wrong[vip] != _ABANDONED:  # of which keepalived is the cause
                text = joined(why, "may be moving just now" if moves else "")
                lost.setdefault((vip.instance, mark, text), []).append(rows[-1])
        problems = [*cluster.problems(), *_problems(lost)]
        held = sum(is_held for _, is_held in vips.held)
        note = cluster.note() if rows else ""
        return Section({"vips": _listing(look, rows)}, problems, [("VIPs held", held, len(rows))], note=note)


def _problems(lost: Mapping[_Cause, list[_Shown]]) -> Iterator[Problem]:
    """Yield a problem for each cause, but one for the same of many instances."""
    causes = Counter(mark for _, mark, _ in lost)
    for mark in (mark for mark, times in causes.items() if times > FEW_TOLD):
        shown = [each for cause, group in lost.items() if cause[1] == mark for each in group]
        text = named([each.row.name for each in shown])
        yield Problem(mark, f"{count(len(shown))} VIPs", text, shown[0].row.key, _rank(mark))
    for cause, group in lost.items():
        if causes[cause[1]] <= FEW_TOLD:
            yield _problem(*cause, group)


def _rank(mark: Mark) -> int:
    return ADDRESS if mark.tone == "bad" else MINOR


def _problem(instance: str, mark: Mark, text: str, shown: list[_Shown]) -> Problem:
    first, rank = shown[0].row, _rank(mark)
    if len(shown) == 1:
        return Problem(mark, f"VIP {first.name}", text, first.key, rank)
    names = named([each.row.name for each in shown])
    return Problem(mark, f"{len(shown)} VIPs of {instance}", joined(names, text), first.key, rank)


class _Shown(NamedTuple):
    row: Row
    why: str
    because: str
    interface: str
    vrid: str


class _Reasons:
    """The reasons why VIPs are here or not."""

    def __init__(self, vips: Vips, vrrp: Keepalived | None) -> None:
        self._vips = vips
        self._vrrp = vrrp
        self._instances = {instance.name: instance for instance in vrrp.instances} if vrrp else {}
        self._scripts = statuses(vrrp)

    def contradictions(self) -> Iterator[tuple[Vip, str]]:
        """Yield VIPs with a contradiction between kernel and keepalived, and its name."""
        if self._vrrp is None:
            return
        masters = {(vip.interface, vip.address) for vip, _ in self._vips.held if self._state(vip.instance) == MASTER}
        for vip, is_held in self._vips.held:
            state = self._state(vip.instance)
            if is_held and self._vrrp.up is False:
                yield vip, _ABANDONED
            elif state == MASTER and not is_held:
                yield vip, "MASTER without VIP"
            elif state is not None and is_held and (vip.interface, vip.address) not in masters:
                yield vip, "VIP without MASTER"

    def _state(self, name: str) -> int | None:
        return self._instances[name].state if name in self._instances else None

    def why(self, vip: Vip) -> str:
        """Return the state of its instance."""
        state = self._state(vip.instance)
        if state is None:
            if self._vrrp is not None and self._vrrp.up is False:
                return f"{vip.instance}: keepalived does not run"
            return f"{vip.instance}, whose state is not known"
        since = self._instances[vip.instance].changed
        lasts = f" for {lasting(since, time())}" if since and since < time() else ""
        return f"{vip.instance} is {STATES[state].word}{lasts}"

    def because(self, name: str) -> str:
        """Return the reasons for that state: priority and tracked scripts."""
        instance = self._instances.get(name)
        priority = ""
        if instance is not None and instance.effective_priority is not None:
            of = f" of {instance.base_priority}" if instance.base_priority is not None else ""
            priority = f"priority {instance.effective_priority}{of}"
        backup = unlike_configured(self._vips, instance) if instance is not None else ""
        return joined(priority, backup, *(mark.word for mark in tracked(self._vips, name, self._scripts)))


def _place(vip: Vip) -> tuple[str, str, str]:
    return vip.instance, vip.interface, vip.address


def _unseen(instance: Instance) -> Iterator[_Shown]:
    state = "not known" if instance.state is None else STATES[instance.state].word
    for address, interface in (*instance.vips, *instance.excluded):
        row = Row(key("vip", instance.name, interface, address), Mark("unknown", "not seen"), address)
        yield _Shown(row, f"{instance.name} is {state}", "", interface, instance.vrid)


def _listing(look: Look, rows: list[_Shown]) -> str:
    order = _TABLE.order(look.room)
    items = look.room.listing(rows, lambda it: it.row.mark, lambda it: (it.row.name, *it[1:4]), order)
    return _TABLE.listing("vip", "Which VIPs the kernel of this node holds, and why", items)


_TABLE = Table[_Shown](
    "vips",
    "Address",
    Column("Why", "word", lambda shown: Cell(shown.why, shown.because)),
    Column("Interface", "word", lambda shown: Cell(shown.interface)),
    Column("VRID", "number", lambda shown: Cell(shown.vrid), lambda shown: number(shown.vrid)),
    row=lambda shown: shown.row,
)
