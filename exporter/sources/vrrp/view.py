"""Which VIPs does this node hold and why, and how do its VRRP instances and their scripts fare?"""

from __future__ import annotations

from collections import defaultdict
from time import time
from typing import TYPE_CHECKING, NamedTuple

from exporter.render.view import Cell, Problem, Row, joined, key
from exporter.render.words import Mark, count, moment, span, things

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.rates import Lasting
    from exporter.sources.vip.source import Vips
    from exporter.sources.vrrp.series import Vrrp
    from vipwarden.node.keepalived.dump import Instance, Script
    from vipwarden.node.keepalived.vips import Vip

_STATES = (Mark("idle", "INIT"), Mark("backup", "BACKUP"), Mark("good", "MASTER"), Mark("bad", "FAULT"))
_MASTER = 2
_RUNS = ("", "running", "told to end", "killed")


class Found(NamedTuple):
    """What is known of keepalived; ``held`` is the number of VIPs that the kernel holds."""

    vips: list[Row]
    instances: list[Row]
    scripts: list[Row]
    problems: list[Problem]
    held: int


class Keepalived:
    """What its two collectors told; None where one of them had nothing to tell."""

    def __init__(self, vips: Vips | None, vrrp: Vrrp | None) -> None:
        self._vips = vips
        self._vrrp = vrrp
        self._instances = {one.name: one for one in vrrp.instances} if vrrp else {}
        self._held: defaultdict[str, int] = defaultdict(int)
        for vip, is_held in vips.held if vips else ():
            self._held[vip.instance] += is_held

    def found(self, when: float, lasting: Lasting, grace: float) -> Found:
        """Look at it; a contradiction that has lasted for less than ``grace`` seconds may be a move under way."""
        wrong = {(vip.instance, vip.interface, vip.address): what for vip, what in self._contradictions()}
        ages = lasting.take(when, list(wrong))
        problems: list[Problem] = []
        rows: list[Row] = []
        for vip, is_held in self._vips.held if self._vips else ():
            place = (vip.instance, vip.interface, vip.address)
            row = key("vip", *place)
            mark = Mark("good", "held here") if is_held else Mark("idle", "not here")
            why = self._why(vip)
            if place in wrong:
                moves = ages[place] < grace
                mark = Mark("warn" if moves else "bad", wrong[place])
                problems.append(
                    Problem(mark, f"VIP {vip.address}", joined(why, "may be moving just now" if moves else ""), row)
                )
            cells = (Cell(why, self._because(vip.instance)), Cell(vip.interface), Cell(vip.vrid))
            rows.append(Row(row, mark, vip.address, cells=cells))
        if self._vips is None:  # what it says itself is better than nothing
            rows = [row for one in self._instances.values() for row in _unseen(one)]
        instances = [self._instance(one) for one in self._instances.values()]
        scripts = [self._script(one) for one in self._vrrp.scripts] if self._vrrp else []
        problems += self._problems()
        return Found(rows, instances, scripts, problems, sum(self._held.values()))

    def _contradictions(self) -> Iterator[tuple[Vip, str]]:
        if self._vips is None or self._vrrp is None:
            return
        masters = {(vip.interface, vip.address) for vip, _ in self._vips.held if self._state(vip.instance) == _MASTER}
        for vip, is_held in self._vips.held:
            state = self._state(vip.instance)
            if is_held and not self._vrrp.up:
                yield vip, "VIP without keepalived"
            elif state == _MASTER and not is_held:
                yield vip, "MASTER without VIP"
            elif state is not None and is_held and (vip.interface, vip.address) not in masters:
                yield vip, "VIP without MASTER"

    def _state(self, name: str) -> int | None:
        return self._instances[name].state if name in self._instances else None

    def _why(self, vip: Vip) -> str:
        state = self._state(vip.instance)
        if state is None:
            if self._vrrp is not None and not self._vrrp.up:
                return f"{vip.instance}: keepalived does not run"
            return f"{vip.instance}, whose state is not known"
        since = self._instances[vip.instance].changed
        lasts = f" for {span(max(0.0, time() - since))}" if since else ""
        return f"{vip.instance} is {_STATES[state].word}{lasts}"

    def _because(self, name: str) -> str:
        """Return what its state stands on: its priority, and the scripts that it tracks."""
        one = self._instances.get(name)
        priority = ""
        if one is not None and one.effective_priority is not None:
            of = f" of {one.base_priority}" if one.base_priority is not None else ""
            priority = f"priority {one.effective_priority}{of}"
        return joined(priority, *(mark.word for mark in self._tracked(name)))

    def _instance(self, one: Instance) -> Row:
        base, now = one.base_priority, one.effective_priority
        priority = Cell("-" if now is None else str(now), "" if base is None else f"of {base}")
        if base is not None and now is not None and now != base:
            priority = priority._replace(marks=[Mark("warn", "lower" if now < base else "higher")])
        since = Cell("-")
        if one.changed:
            since = Cell(span(max(0.0, time() - one.changed)), moment(one.changed))
        group = one.group or self._group(one.name)
        counters = one.counters
        moves, adverts = Cell("-"), Cell("-")
        if "become_master" in counters:
            moves = Cell(
                things(counters["become_master"], "time"), f"left {things(counters['release_master'], 'time')}"
            )
        if "advert_sent" in counters:
            adverts = Cell(f"{count(counters['advert_sent'])} sent", f"{count(counters['advert_rcvd'])} received")
        cells = (priority, since, self._scripts(one.name), self._addresses(one), moves, adverts)
        under = joined(one.interface, f"VRID {one.vrid}" if one.vrid else "", f"group {group}" if group else "")
        return Row(key("vrrp", one.name, one.interface, one.vrid), _mark(one), one.name, under, cells=cells)

    def _group(self, instance: str) -> str:
        found = [group for group, member in self._vips.groups if member == instance] if self._vips else []
        return ", ".join(found)

    def _addresses(self, one: Instance) -> Cell:
        if self._vips is None:
            return Cell("-")
        vips = sum(vip.instance == one.name for vip, _ in self._vips.held)
        return Cell(f"{self._held[one.name]} of {vips}", "held here")

    def _scripts(self, instance: str) -> Cell:
        marks = self._tracked(instance)
        return Cell(marks=marks) if marks else Cell("none" if self._vips else "-")

    def _tracked(self, instance: str) -> list[Mark]:
        names = [script for name, script in self._vips.scripts if name == instance] if self._vips else []
        known = {one.name: _status(one) for one in self._vrrp.scripts} if self._vrrp else {}
        return [
            Mark(
                known[name].tone if name in known else "unknown", f"{name} {known[name].word if name in known else ''}"
            )
            for name in names
        ]

    def _script(self, one: Script) -> Row:
        users = [instance for instance, name in self._vips.scripts if name == one.name] if self._vips else []
        run = _RUNS[one.run] if one.run is not None and one.run < len(_RUNS) else ""
        cells = (Cell(", ".join(users) or "-"), Cell(run or "waits for its next run"))
        return Row(key("script", one.name), _status(one), one.name, cells=cells)

    def _problems(self) -> Iterator[Problem]:
        for one in self._instances.values():
            row = key("vrrp", one.name, one.interface, one.vrid)
            base, now = one.base_priority, one.effective_priority
            bad = [mark.word.removesuffix(" BAD") for mark in self._tracked(one.name) if mark.tone == "bad"]
            blame = f"tracked script {', '.join(bad)} is BAD" if bad else ""
            lower = f"priority {now} of {base}" if base is not None and now is not None and now < base else ""
            if one.state is not None and _mark(one).tone == "bad":
                yield Problem(_mark(one), f"VRRP {one.name}", joined(blame, lower) or "see keepalived's log", row)
            elif lower:
                yield Problem(Mark("warn", "lower priority"), f"VRRP {one.name}", joined(lower, blame), row)
        for script in self._vrrp.scripts if self._vrrp else ():
            if script.status == 0:
                yield Problem(
                    _status(script), f"script {script.name}", "its last run failed", key("script", script.name)
                )


def _mark(one: Instance) -> Mark:
    return Mark("unknown", "not known") if one.state is None else _STATES[one.state]


def _status(script: Script) -> Mark:
    if script.status is None:
        return Mark("idle", "not yet run")
    return Mark("good", "GOOD") if script.status else Mark("bad", "BAD")


def _unseen(one: Instance) -> Iterator[Row]:
    for address, interface in (*one.vips, *one.excluded):
        why = f"{one.name} is {_mark(one).word}"
        cells = (Cell(why), Cell(interface), Cell(one.vrid))
        yield Row(key("vip", one.name, interface, address), Mark("unknown", "not seen"), address, cells=cells)
