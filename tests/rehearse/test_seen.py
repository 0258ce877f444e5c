"""What is said of a VIP, from what was seen on a stage?"""

from __future__ import annotations

from rehearse.model.faults import POWER, Fault
from rehearse.stage.seen import rows
from tests.rehearse.make import VIP, instance, pair


def test_a_vip_that_comes_and_goes_within_a_millisecond_is_gone() -> None:
    """What a node does in one millisecond is taken in its order."""
    seen = [[(1.0001, VIP, True), (1.0002, VIP, False)], [(1.0003, VIP, True)]]
    said = {
        "times": {"begun": 0.0, "hit": 2.0, "mended": 3.0, "end": 4.0},
        "seen": seen,
        "restored": [None, None],
        "silent": [],
    }
    (row,) = rows(pair(instance(150), instance(100)), Fault(POWER, (0,)), said)
    assert row.outcome.before == row.outcome.latest.owners == row.outcome.mended_latest.owners == (1,)
