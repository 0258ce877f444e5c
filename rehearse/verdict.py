"""Is what becomes of a VIP good, bad, or open to choice?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.faults import DEAF, FREEZE, KILL, START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.measure import Outcome, Phase
    from rehearse.model.predict import Row

GOOD, BAD, OPEN = "good", "bad", "open"
_LONG = 10_000  # ms for which clients may wait
_FLAPS = 3
# two nodes that do not hear each other, or one whose keepalived is gone with the VIP left: no keepalived.conf helps
BEYOND = (DEAF, KILL, FREEZE)


class Verdict(NamedTuple):
    """The word and its reason; the reason of a good outcome is empty."""

    word: str
    reason: str


def verdict(row: Row, names: Sequence[str]) -> Verdict:
    """Return the worst verdict of all phases of a fault."""
    return judged(row.outcome, names, is_start=row.fault.kind == START)


def judged(outcome: Outcome, names: Sequence[str], *, is_start: bool = False) -> Verdict:
    """Return the worst verdict of all phases of an outcome."""
    found = [_of(phase, outcome.could, names) for phase in (outcome.soonest, outcome.latest)]
    if not is_start:
        everybody = tuple(range(len(names)))
        for phase in (outcome.mended_soonest, outcome.mended_latest):
            after = _of(phase, everybody, names)
            found.append(Verdict(after.word, f"when it is mended {after.reason}") if after.word == BAD else after)
    return next((it for word in (BAD, OPEN) for it in found if it.word == word), Verdict(GOOD, ""))


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
