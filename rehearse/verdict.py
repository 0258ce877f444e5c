"""Is what becomes of a VIP good, bad, or open to choice?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.faults import DEAF, FREEZE, KILL, START, is_unseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rehearse.model.measure import Behind, Noticed, Outcome, Phase
    from rehearse.model.predict import Row

GOOD, BAD, OPEN = "good", "bad", "open"
_LONG = 10_000  # ms for which clients may wait
_FLAPS = 3
_MENDED = "when it is mended "
_BUSY = "this machine is too busy to tell what becomes of requests"
# two nodes that do not hear each other, or one whose keepalived is gone with the VIP left: no keepalived.conf helps
BEYOND = (DEAF, KILL, FREEZE)


class Verdict(NamedTuple):
    """The word and its reason; the reason of a good outcome is empty."""

    word: str
    reason: str


def verdict(row: Row, names: Sequence[str]) -> Verdict:
    """Return the worst verdict of all phases of a fault."""
    if row.behind is not None:
        found = _behind(row, row.behind)
        if found.word != GOOD:
            return found
    said = judged(row.outcome, names, is_start=row.fault.kind == START, noticed=row.noticed)
    if row.failed and said.word != GOOD:
        return said._replace(reason=f"{said.reason}; {' and '.join(row.failed)} failed")
    phase = row.outcome.latest
    if phase.owners and not phase.serving and is_unseen(row.fault):
        return said._replace(reason=f"{said.reason}; {row.fault.name} runs: only a script that asks it sees a hang")
    if phase.serving or not set(phase.owners) & set(row.silent):
        return said
    return said._replace(reason=f"{said.reason}; {row.fault.name} says OK")


def judged(
    outcome: Outcome, names: Sequence[str], *, is_start: bool = False, noticed: Noticed | None = None
) -> Verdict:
    """Return the worst verdict of all phases of an outcome, and of what a client noticed."""
    found = [_of(phase, outcome.could, names) for phase in (outcome.soonest, outcome.latest)]
    if not is_start:
        everybody = tuple(range(len(names)))
        for phase in (outcome.mended_soonest, outcome.mended_latest):
            after = _of(phase, everybody, names)
            found.append(Verdict(after.word, f"{_MENDED}{after.reason}") if after.word == BAD else after)
    if noticed is not None:
        found += _suffered(outcome, noticed, names)
    return next((it for word in (BAD, OPEN) for it in found if it.word == word), Verdict(GOOD, ""))


def _behind(row: Row, real: Behind) -> Verdict:
    """Judge what becomes of the clients of a virtual server when one of its real servers fails."""
    asked = row.noticed
    if asked is None:
        return Verdict(OPEN, "no client asked")
    during, after = asked.during, asked.after
    if during.is_late or after.is_late:
        return Verdict(OPEN, _BUSY)
    if during.is_silent and after.is_silent and asked.before.lost == asked.before.sent:
        return Verdict(BAD, "all requests are lost, before the fault as well")
    if during.is_silent and real.others:
        return Verdict(BAD, "all requests are lost")
    if after.is_silent or (real.gone is not None and real.back is None):
        return Verdict(BAD, f"{_MENDED}{real.name} gets no connections again")
    if during.is_silent:
        return Verdict(OPEN, "no real server is left")
    if real.gone is None and during.lost:
        return Verdict(BAD, f"{real.name} goes on getting connections: {during.lost} of {during.sent} are lost")
    if real.gone is not None and real.gone > _LONG and during.lost:
        return Verdict(OPEN, f"{real.name} gets connections for {real.gone / 1000:.0f} s")
    return Verdict(GOOD, "")


def _suffered(outcome: Outcome, noticed: Noticed, names: Sequence[str]) -> Iterator[Verdict]:
    """Yield what clients suffer where a node holds the VIP and its service is well."""
    phases = ((outcome.latest, noticed.during, ""), (outcome.mended_latest, noticed.after, _MENDED))
    for phase, asked, when in phases:
        if phase.serving and asked.is_silent:
            owners = " and ".join(names[node] for node in phase.owners)
            lost = (
                f"clients go on sending to another node than {owners}" if asked.is_wrong else f"{owners} answers none"
            )
            yield Verdict(OPEN, _BUSY) if asked.is_late else Verdict(BAD, f"{when}all requests are lost: {lost}")


def _of(phase: Phase, could: Sequence[int], names: Sequence[str]) -> Verdict:
    owners = " and ".join(names[node] for node in phase.owners)
    if not phase.settled or phase.moves >= _FLAPS:
        return Verdict(BAD, f"moves {phase.moves} times" + ("" if phase.settled else ", and does not come to rest"))
    if len(phase.owners) > 1:
        return Verdict(BAD, f"{owners} hold it")
    able = " or ".join(names[node] for node in could)
    if not phase.owners:
        return Verdict(BAD, f"nobody holds it, {able} could") if could else Verdict(OPEN, "no node is left")
    if not phase.serving:
        if could:
            return Verdict(BAD, f"stays without its service, {able} could serve")
        return Verdict(OPEN, "no node has the service")
    if phase.lost > _LONG:
        return Verdict(OPEN, f"clients wait up to {phase.lost / 1000:.0f} s")
    return Verdict(GOOD, "")
