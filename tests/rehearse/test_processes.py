"""What does the model say of a process that keepalived tracks, and that ends, hangs or must not run?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearse.conf import cluster as cluster_of
from rehearse.model.cluster import FILE, PROCESS, SCRIPT, Link
from rehearse.model.faults import FAIL, HANG, STOP, Fault, faults
from rehearse.model.predict import predict
from rehearse.model.two import predict_two
from rehearse.search import proposed
from rehearse.verdict import verdict
from tests.rehearse.make import instance, outcome, pair
from vipwarden.node.keepalived.conf import parse

WEB = Link(PROCESS, "web")
NAMES = ("lb1", "lb2")
ENDS, HANGS = (Fault(kind, (0,), PROCESS, "web") for kind in (FAIL, HANG))


def test_a_process_that_hangs_keeps_the_vip() -> None:
    """Its service is gone from that moment until it goes on."""
    found = outcome(pair(instance(150, links=(WEB,)), instance(100, links=(WEB,))), HANGS)
    assert found.latest.owners == (0,)
    assert found.latest.serving == ()
    assert found.could == (1,)
    assert found.mended_latest.serving == (0,)


def test_the_verdict_says_what_would_see_it() -> None:
    """And the search for other values leaves it out."""
    cluster = pair(instance(150, links=(WEB,)), instance(100, links=(WEB,)))
    said = [verdict(it, NAMES) for it in predict(cluster, [HANGS])]
    assert said == [
        ("bad", "stays without its service, lb2 could serve; web runs: only a script that asks it sees a hang")
    ]
    assert proposed(cluster).splitlines() == [
        "No fault is bad that a keepalived.conf can help: nothing to change.",
        "keepalived sees only that these run, and it takes a script that asks them to see a hang: web",
    ]


@pytest.mark.parametrize("other", [Link(SCRIPT, "chk"), Link(FILE, "verdict")])
def test_a_check_that_is_tracked_as_well_stands_for_the_service(other: Link) -> None:
    """What it says when the process hangs is not known: that it fails is a fault of its own."""
    cluster = pair(instance(150, links=(WEB, other)), instance(100, links=(WEB,)))
    hangs = [it.nodes for it in faults(cluster) if (it.kind, it.tracker) == (HANG, PROCESS)]
    assert hangs == [(1,)]


def test_a_process_that_is_tracked_in_reverse_is_no_service() -> None:
    """It may hang as it likes."""
    cluster = pair(instance(150, links=(replace(WEB, weight=10, reverse=True),)), instance(100))
    assert [it.kind for it in faults(cluster) if it.tracker == PROCESS] == [FAIL]


def test_a_process_that_must_not_run_neither_ends_nor_hangs() -> None:
    """With quorum_max 0."""
    text = """vrrp_track_process old {
    process old
    quorum_max 0
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10
    }
    track_process {
        old
    }
}
"""
    conf = parse("k.conf", texts={"k.conf": text})
    assert not [it for it in faults(cluster_of([("lb1", conf), ("lb2", conf)], None)) if it.tracker == PROCESS]


def test_keepalived_that_starts_while_a_process_hangs_takes_it_as_well() -> None:
    """It reads /proc, where the process is."""
    cluster = pair(instance(150, links=(WEB,)), instance(100, links=(WEB,)))
    stop = Fault(STOP, (0,))
    [row] = predict_two(cluster, [(HANGS, stop)])
    assert row.outcome.before == (0,)
    assert row.outcome.latest.owners == row.outcome.latest.serving == (1,)
    assert row.outcome.mended_latest.owners == row.outcome.mended_latest.serving == (0,)
    [row] = predict_two(cluster, [(stop, HANGS)])
    assert row.outcome.latest.owners == row.outcome.latest.serving == (1,)
