"""How does the page show VRRP instances and keepalived's scripts?"""

from __future__ import annotations

from collections import Counter
from time import time
from typing import TYPE_CHECKING

from exporter.render.model import GONE, Cell, Column, Problem, Row, Section, joined, key, named
from exporter.render.table import Table
from exporter.render.words import SEVERITY, Mark, count, lasting, moment, things
from exporter.sources.vip.states import STATES, status, statuses, tracked, unlike_configured
from exporter.sources.vrrp.problems import UNKNOWN, key_of, mark_of, problems

if TYPE_CHECKING:
    from exporter.source import Look
    from exporter.sources.vip.source import Vips
    from exporter.sources.vrrp.series import Vrrp
    from vipwarden.node.keepalived.dump import Instance, Script

_ROLES = (STATES[3], STATES[2], STATES[1], STATES[0], UNKNOWN)
_DOWN, _NOT_READ = Mark("bad", "down"), Mark("unknown", "not read")
_RUNS = ("", "running", "told to end", "killed")


class View:
    """Shows the instances and the scripts."""

    def show(self, look: Look) -> Section:
        """Return the section, with the facts of vip: keepalived.conf and the kernel."""
        vrrp: Vrrp | None = look.facts("vrrp")
        if vrrp is None:
            return Section({"vrrp": "", "scripts": "", "source": "", "mark": _NOT_READ})
        vips, checks, kept = look.facts("vip"), look.facts("checks"), look.facts("maintenance")
        known = _Keepalived(vrrp, vips)
        instances = look.room.listing(vrrp.instances, mark_of, known.names, known.instances.order(look.room))
        scripts = look.room.listing(vrrp.scripts, status, known.users, known.scripts.order(look.room))
        is_down = bool(look.outcomes["vrrp"].failure) and vrrp.up is False
        values = {
            "mark": _DOWN if is_down else _NOT_READ,
            "vrrp": known.instances.listing("vrrp", "VRRP instances", instances),
            "scripts": known.scripts.listing("script", "Scripts that keepalived runs", scripts),
            "source": "" if look.room.choices.is_narrow else _source(vrrp),
        }
        handed = [it.instance for it in kept.handovers] if kept else []
        found = list(problems(vrrp, vips, checks.verdicts if checks else (), handed))
        if is_down:
            text = joined(known.abandoned(), look.outcomes["vrrp"].failure)
            found.append(Problem(_DOWN, "keepalived", text, "vrrp", GONE))
        masters = sum(mark_of(instance).word == "MASTER" for instance in vrrp.instances)
        roles = [
            (mark, named([it.name for it in vrrp.instances if mark_of(it) == mark]))
            for mark in sorted(set(map(mark_of, vrrp.instances)), key=_ROLES.index)
        ]
        tiles = [("MASTER of", masters, len(vrrp.instances))]
        return Section(values, found, tiles, is_down, roles=roles)


class _Keepalived:
    """keepalived, and the facts of its configuration and the kernel, None without them."""

    def __init__(self, vrrp: Vrrp, vips: Vips | None) -> None:
        self._vips = vips
        self._moves = vrrp.moves
        self._statuses = statuses(vrrp)
        self._held = Counter(vip.instance for vip, is_held in vips.held if is_held) if vips else Counter()
        self._all = Counter(vip.instance for vip, _ in vips.held) if vips else Counter()
        self.instances = Table(
            "vrrp",
            "Instance",
            Column("Priority", "number priority", _priority, lambda it: it.effective_priority or 0),
            Column("Since", "number wide", _since, lambda it: it.changed or 0),
            Column("Tracked scripts", "word", self._scripts),
            Column("VIPs held", "number", self._addresses, lambda it: self._held[it.name]),
            _counted("Became MASTER", "become_master"),
            _counted("Lost MASTER", "release_master"),
            Column("Adverts", "number adverts", _adverts, lambda it: it.counters.get("advert_sent", -1)),
            row=self._row,
        )
        self.scripts = Table(
            "scripts",
            "Script",
            Column("Tracked by", "word", lambda script: Cell(", ".join(self.users(script)[1:]) or "-")),
            Column("Now", "word", _run),
            row=lambda script: Row(key("script", script.name), status(script), script.name),
            state="Status",
        )

    def _row(self, it: Instance) -> Row:
        unlike = unlike_configured(self._vips, it)
        mark = Mark("backup", "MASTER") if unlike else mark_of(it)
        ago = [(60 - round((time() - when) / 60), state) for when, state in self._moves.get(it.name, ())]
        ticks = [(minute, STATES[state].tone) for minute, state in ago if 0 <= minute <= 60]
        return Row(key_of(it), mark, it.name, self._under(it), unlike, ticks)

    def names(self, instance: Instance) -> tuple[str, ...]:
        """Return the texts for a search."""
        scripts = (mark.word for mark in tracked(self._vips, instance.name, self._statuses))
        return instance.name, self._under(instance), *scripts

    def _under(self, it: Instance) -> str:
        group = it.group or self._group(it.name)
        return joined(it.interface, f"VRID {it.vrid}" if it.vrid else "", f"group {group}" if group else "")

    def _group(self, instance: str) -> str:
        return ", ".join(group for group, member in self._vips.groups if member == instance) if self._vips else ""

    def _addresses(self, it: Instance) -> Cell:
        return Cell(f"{self._held[it.name]} of {self._all[it.name]}") if self._vips else Cell("-")

    def _scripts(self, it: Instance) -> Cell:
        marks = sorted(tracked(self._vips, it.name, self._statuses), key=lambda mark: SEVERITY[mark.tone])
        return Cell(marks=marks) if marks else Cell("none" if self._vips else "-")

    def users(self, script: Script) -> list[str]:
        """Return a script and the instances that track it."""
        users = [instance for instance, name in self._vips.scripts if name == script.name] if self._vips else []
        return [script.name, *users]

    def abandoned(self) -> str:
        """Return which VIPs the kernel has without a keepalived."""
        held = [vip.address for vip, is_held in self._vips.held if is_held] if self._vips else []
        return f"{things(len(held), 'VIP is', 'VIPs are')} held without it: {named(held)}" if held else ""


def _source(vrrp: Vrrp) -> str:
    if not vrrp.source:
        return ""
    source = "states recorded by notify" if vrrp.source == "notify" else f"keepalived's dump ({vrrp.source})"
    return f"Source: {source}{f'; {vrrp.why}' if vrrp.why else ''}."


def _priority(it: Instance) -> Cell:
    base, now = it.base_priority, it.effective_priority
    marks = []
    if base is not None and now is not None and now != base:
        marks = [Mark("warn", "lower" if now < base else "higher")]
    return Cell("-" if now is None else str(now), "" if base is None else f"of {base}", marks=marks)


def _since(it: Instance) -> Cell:
    return Cell(lasting(it.changed, time()), moment(it.changed)) if it.changed else Cell("-")


def _counted(head: str, name: str) -> Column[Instance]:
    """Return the column of a counter."""
    return Column(
        head,
        "number",
        lambda it: Cell(count(it.counters[name]) if name in it.counters else "-"),
        lambda it: it.counters.get(name, -1),
    )


def _adverts(it: Instance) -> Cell:
    if "advert_sent" not in it.counters:
        return Cell("-")
    return Cell(f"{count(it.counters['advert_sent'])} sent", f"{count(it.counters['advert_rcvd'])} received")


def _run(script: Script) -> Cell:
    run = _RUNS[script.run] if script.run is not None and script.run < len(_RUNS) else ""
    return Cell(run or "waits for its next run")
