"""What if nodes have names that others have, or that no terminal should see?"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.events.make import event
from vipwarden.events.merge import about, merged

# what happens: the seconds since the last time, and how the first node loses its VIP
HOW = st.sampled_from(["FAULT", "STOP", "preempted"])
COURSE = st.lists(st.tuples(st.floats(20, 600), HOW), min_size=2, max_size=8)
LATE = st.floats(0, 0.05)


def test_two_nodes_of_one_name_are_two() -> None:
    """As clones are; the record of one node before and after a reboot is that of one node."""
    one, two, later = (
        [event(at + number / 2, bid=bid, name=bid) for at in starts]
        for number, (bid, starts) in enumerate((("b1", (1, 2, 3)), ("b2", (1, 2, 3)), ("b3", (100, 101))))
    )
    whole, offsets = merged([one, two, later])
    assert [(it.node, it.name) for it in whole[:4]] == [("lb1", "b1"), ("lb1 (2)", "b2")] * 2
    assert {it.node for it in whole if it.name == "b3"} == {"lb1"}
    assert list(offsets) == ["lb1", "lb1 (2)"]


def test_a_name_of_a_node_is_no_command_for_a_terminal() -> None:
    """It comes from a file that somebody else has written."""
    whole = merged([[event(1, node="\x1b[2J")], [event(1, node="lb2\n\x1b]0;x\x07")]])
    assert all(text.isprintable() for text in about(whole[1]))
