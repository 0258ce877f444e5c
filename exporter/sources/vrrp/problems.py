"""Which problems has keepalived? One cause is one problem: a script, or an interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import CHECK, Problem, joined, key, named
from exporter.render.words import Mark, count
from exporter.sources.vip.states import STATES, status, statuses, tracked
from vipwarden.core.result import OK
from vipwarden.state.standing import standing

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from exporter.sources.vip.source import Vips
    from exporter.sources.vrrp.series import Vrrp
    from vipwarden.node.keepalived.dump import Instance
    from vipwarden.state.verdict import Verdict

UNKNOWN = Mark("unknown", "not known")
_LOG = "see keepalived's log"


def mark_of(it: Instance) -> Mark:
    """Return the state of an instance."""
    return UNKNOWN if it.state is None else STATES[it.state]


def key_of(it: Instance) -> str:
    """Return the key of its row."""
    return key("vrrp", it.name, it.interface, it.vrid)


def problems(
    vrrp: Vrrp, vips: Vips | None, verdicts: Iterable[Verdict], handed: Container[str] = ()
) -> Iterator[Problem]:
    """Yield the scripts that are BAD with what follows, and instances in FAULT or with a lower priority.

    A script is also the cause of a FAULT of another member of the sync group. What a maintenance makes BAD is no
    problem, nor is the FAULT of instances that are ``handed`` over to a peer.
    """
    bad = _bad(vrrp, vips)
    groups = vips.groups if vips else []
    effects: dict[str, list[str]] = {script.name: [] for script in vrrp.scripts if script.status == 0}
    faults: dict[str, list[Instance]] = {}  # without a script, by interface
    for it in vrrp.instances:
        lower, is_fault = _lower(it), it.state is not None and mark_of(it).tone == "bad"
        if not (is_fault or lower):
            continue
        mine = {group for group, name in groups if name == it.name}
        others = {name for group, name in groups if group in mine} if is_fault else set()
        causes = bad[it.name] or {cause for name in others for cause in bad.get(name, ())}
        if not causes and is_fault and any(name in handed for name in (it.name, *others)):
            continue
        for cause in causes & set(effects):
            effects[cause].append(f"{it.name} {'is in FAULT' if is_fault else f'has {lower}'}")
        if not causes and is_fault:
            faults.setdefault(it.interface, []).append(it)
        elif not causes:
            yield Problem(Mark("warn", "lower priority"), f"VRRP {it.name}", lower, key_of(it))
    for interface, found in faults.items():
        yield _fault(interface, found)
    standings = {verdict.name: (standing(verdict), verdict.maintenance) for verdict in verdicts}
    for script in vrrp.scripts:
        now, is_meant = standings.get(vips.verdicts.get(script.name, "") if vips else "", (None, ""))
        if script.status == 0 and not (is_meant and now and now.is_valid):
            why = now.text if now is not None and now.state != OK else "its last run failed"
            text = joined(named(effects[script.name]), why)
            yield Problem(status(script), f"script {script.name}", text, key("script", script.name), CHECK)


def _bad(vrrp: Vrrp, vips: Vips | None) -> dict[str, set[str]]:
    """Return the scripts of each instance that are BAD."""
    known = statuses(vrrp)
    marks = {it.name: tracked(vips, it.name, known) for it in vrrp.instances}
    return {name: {one.word.removesuffix(" BAD") for one in each if one.tone == "bad"} for name, each in marks.items()}


def _lower(it: Instance) -> str:
    base, now = it.base_priority, it.effective_priority
    return f"priority {now} of {base}" if base is not None and now is not None and now < base else ""


def _fault(interface: str, found: list[Instance]) -> Problem:
    first = found[0]
    if len(found) == 1:
        return Problem(mark_of(first), f"VRRP {first.name}", _lower(first) or _LOG, key_of(first), CHECK)
    text = joined(named([it.name for it in found]), _LOG)
    return Problem(mark_of(first), f"{count(len(found))} instances on {interface}", text, key_of(first), CHECK)
