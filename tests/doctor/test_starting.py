"""Do the rules about starts and splits say what a model of the nodes computes?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rehearse.conf import cluster
from rehearse.model.faults import POWER, START, Fault
from rehearse.model.predict import predict
from tests.doctor.cases_handover import DELAYED, FIRES, LOW
from tests.doctor.node import Node, instance
from tests.doctor.test_handover import said
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from pathlib import Path

RULE = "startup-delay-put-off"
PEER = instance("", head=LOW)


def returns(tmp_path: Path, conf: str, version: str) -> float:
    """Return after how many seconds the VIP comes back to a node that had no power."""
    parsed = []
    for name, text in (("a", conf), ("b", PEER)):
        (tmp_path / name).write_text(text, encoding="ascii")
        parsed.append((name, parse(str(tmp_path / name))))
    (row,) = predict(cluster(parsed, Version(version)), [Fault(POWER, (0,))])
    assert row.outcome.mended_latest.owners == (0,)
    return row.outcome.mended_latest.last / 1000


def test_a_startup_delay_of_a_minute_lasts_for_many(tmp_path: Path) -> None:
    """What the rule proposes brings the VIP back after a minute."""
    assert said(Node(DELAYED + instance(""), peer=PEER), tmp_path / "1", RULE)
    assert 1500 < returns(tmp_path, DELAYED + instance(""), "2.2.7") < 2000
    assert 60 < returns(tmp_path, DELAYED + instance(""), "2.3.3") < 70
    assert 60 < returns(tmp_path, instance("preempt_delay 60"), "2.2.7") < 70


@pytest.mark.parametrize(
    ("node", "speaks"),
    [
        (Node(DELAYED + instance("nopreempt\n state BACKUP")), False),
        (Node(DELAYED + instance("nopreempt\n state MASTER")), True),
        (Node(DELAYED + instance("preempt_delay 60")), False),
        (Node(DELAYED + instance("preempt_delay 30")), True),
        (Node(DELAYED + instance("preempt_delay 60\n state MASTER")), True),
        (Node(DELAYED + instance(""), priorities=("200",)), False),
        (Node(DELAYED + instance(""), version="2.3.2"), True),
        (Node(DELAYED.replace("60", "0") + instance("")), False),
    ],
)
def test_a_delay_that_nothing_puts_off_is_sound(tmp_path: Path, node: Node, speaks: bool) -> None:
    """Where lower adverts are accepted, or there is no lower peer."""
    assert bool(said(node, tmp_path, RULE)) is speaks


def test_members_that_cross_leave_the_group_where_it_is(tmp_path: Path) -> None:
    """The node with the higher priority in one member takes nothing from its peer; without a peer nothing is said."""
    node = FIRES["group-members-cross"]
    assert said(node, tmp_path / "1", "group-members-cross")
    assert not said(replace(node, peer=""), tmp_path / "2", "group-members-cross")
    parsed = []
    for name, text in (("a", node.conf), ("b", node.peer)):
        (tmp_path / name).write_text(text, encoding="ascii")
        parsed.append((name, parse(str(tmp_path / name))))
    both = cluster(parsed, Version("2.2.7"))
    for nodes in (both.nodes, both.nodes[::-1]):
        rows = predict(replace(both, nodes=nodes), [Fault(START, (0, 1))], gap=20_000)
        assert {row.outcome.latest.owners for row in rows} == {(0,)}  # who starts first keeps both
