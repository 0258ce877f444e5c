"""Is it true what the doctor says of handovers and of pairs? Two real keepalived show it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.doctor.cases_handover import FIRES, GROUP, TRACKS, WEIGHTED, second
from tests.doctor.daemon import log
from tests.doctor.node import Node, instance, tracked
from tests.doctor.pair import pair
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="keepalived wants root")

_QUIET = 1.5  # s: four times what a peer waits for adverts
GLOBALS = "global_defs {\n enable_script_security\n script_user root\n}\n"


def vrrp(name: str, interface: str, priority: int, body: str = "", vrid: int = 7, vips: str = "192.0.2.10") -> str:
    """Return an instance with ten adverts a second."""
    head = f" interface {interface}\n virtual_router_id {vrid}\n priority {priority}\n version 3\n advert_int 0.1\n"
    return f"vrrp_instance {name} {{\n{head} virtual_ipaddress {{\n {vips}\n }}\n {body}\n}}\n"


def file(path: Path, name: str) -> tuple[Path, str]:
    """Return a track file that changes the priority, with 0 in it, and its definition."""
    place = path / name
    place.write_text("0\n", encoding="utf-8")
    return place, f"track_file {name} {{\n file {place}\n weight 1\n}}\n"


def follows(name: str) -> str:
    """Return the lines that track it."""
    return f"track_file {{\n {name}\n }}"


def said(node: Node, root: Path, rule: str) -> list[str]:
    """Return what one rule says."""
    return [f"{one.what}. {one.consequence}" for one in node.examine(root) if one.rule == rule]


def test_a_weight_on_one_member_of_a_sync_group_hands_nothing_over(tmp_path: Path) -> None:
    """As weight-of-one-member says; once the other member is lowered as well the peer takes both."""
    (one, first), (two, other) = file(tmp_path, "one"), file(tmp_path, "two")
    group = "vrrp_sync_group {0} {{\n group {{\n {0}1\n {0}2\n }}\n sync_group_tracking_weight\n}}\n"
    mine = vrrp("A1", "v0", 200, follows("one")) + vrrp("A2", "v0", 200, follows("two"), 8, "192.0.2.11")
    theirs = vrrp("B1", "v1", 100) + vrrp("B2", "v1", 100, "", 8, "192.0.2.11")
    with pair(tmp_path, first + other + group.format("A") + mine, group.format("B") + theirs) as running:
        running.until("(A2) Entering MASTER STATE")
        one.write_text("-150\n", encoding="utf-8")
        running.until("(A1) Changing effective priority from 200 to 50")
        assert "STATE" not in running.during(_QUIET)
        two.write_text("-150\n", encoding="utf-8")
        running.until("(A2) Changing effective priority from 200 to 50", "(B1) Entering MASTER STATE")


def test_a_peer_with_nopreempt_never_takes_over_by_a_weight(tmp_path: Path) -> None:
    """As weight-nopreempt says; FAULT hands over to it."""
    place, definition = file(tmp_path, "one")
    mine = definition + vrrp("A", "v0", 200, follows("one"))
    with pair(tmp_path, mine, vrrp("B", "v1", 100, "state BACKUP\n nopreempt")) as running:
        running.until("(A) Entering MASTER STATE")
        place.write_text("-150\n", encoding="utf-8")
        running.until("(A) Changing effective priority from 200 to 50")
        assert "STATE" not in running.during(_QUIET)
        place.write_text("-254\n", encoding="utf-8")
        running.until("(A) Entering FAULT STATE", "(B) Entering MASTER STATE")


def test_nodes_with_other_vips_are_both_master_up_to_2_3_2(tmp_path: Path) -> None:
    """As peer-disagrees says; a later one only logs it."""
    mine, theirs = vrrp("A", "v0", 200), vrrp("B", "v1", 100, vips="192.0.2.10\n 192.0.2.11")
    version = installed()
    with pair(tmp_path, mine, theirs) as running:
        if version is not None and version <= Version("2.3.2"):
            for name in ("A", "B"):  # whichever is up first
                if f"({name}) Entering MASTER STATE" not in running.text:
                    running.until(f"({name}) Entering MASTER STATE")
        else:
            running.until("(A) Entering MASTER STATE")
            assert "(B) Entering MASTER STATE" not in running.during(_QUIET)


def test_a_weighted_file_at_priority_255_is_fault(tmp_path: Path) -> None:
    """As weight-of-address-owner says, and not a lower priority."""
    place, definition = file(tmp_path, "one")
    place.write_text("-60\n", encoding="utf-8")
    log(tmp_path, definition + vrrp("A", "v0", 255, follows("one")), "(A) entering FAULT state")


def test_init_fail_and_rise_wait_for_nothing(tmp_path: Path) -> None:
    """As init-fail-idle says: the one first success counts."""
    chk = "vrrp_script chk {\n script /usr/bin/true\n interval 60\n rise 3\n init_fail\n}\n"
    log(tmp_path, GLOBALS + chk + vrrp("A", "v0", 200, TRACKS), "(A) Entering MASTER STATE")


def test_state_master_starts_as_backup(tmp_path: Path) -> None:
    """As state-master-idle says: below priority 255."""
    begun = log(tmp_path, vrrp("A", "v0", 200, "state MASTER"), "(A) Entering MASTER STATE")
    assert begun.index("(A) Entering BACKUP STATE (init)") < begun.index("(A) Entering MASTER STATE")


def test_a_member_that_its_peer_is_above_holds_nothing_back(tmp_path: Path) -> None:
    """The peer already wants it: the other member is all that was missing."""
    node = FIRES["weight-of-one-member"]
    for priority, speaks in (("W=90", True), ("W=110", False)):
        (tmp_path / priority).mkdir()
        found = said(Node(node.conf, priorities=(priority,)), tmp_path / priority, "weight-of-one-member")
        assert bool(found) is speaks
    both = Node(WEIGHTED + GROUP.format("") + instance() + second(TRACKS))
    assert not said(both, tmp_path, "weight-of-one-member")


@pytest.mark.parametrize(("body", "speaks"), [("nopreempt", True), ("nopreempt\n state MASTER", False), ("", False)])
def test_nopreempt_of_the_peer_counts(tmp_path: Path, body: str, speaks: bool) -> None:
    """But where its state MASTER takes it away."""
    peer = instance(body, head="interface eth0\n priority 90")
    assert bool(said(Node(WEIGHTED + instance(), peer=peer), tmp_path, "weight-nopreempt")) is speaks


@pytest.mark.parametrize(
    ("body", "own", "version", "wanted"),
    [
        ("", "192.0.2.10/24", "2.2.7", ""),
        ("", "192.0.2.10\n 192.0.2.11", "2.2.7", "virtual_ipaddress 192.0.2.10 192.0.2.11"),
        ("", "192.0.2.10\n 192.0.2.11", "2.3.3", "only logs it"),
        ("version 3", "192.0.2.10", "2.2.7", "vrrp_version 2, VI of the peer 3"),
        ("unicast_peer {\n 192.0.2.1\n}", "192.0.2.10", "2.2.7", "transport multicast, VI of the peer unicast"),
    ],
)
def test_what_a_pair_disagrees_on_is_named(tmp_path: Path, body: str, own: str, version: str, wanted: str) -> None:
    """As the nodes compare it."""
    conf = tracked().replace("virtual_ipaddress {\n 192.0.2.10", f"virtual_ipaddress {{\n {own}")
    peer = instance(body, head="interface ens3\n priority 90")
    found = said(Node(conf, peer=peer, version=version), tmp_path, "peer-disagrees")
    assert len(found) == bool(wanted)
    assert wanted in "".join(found)


def test_a_weight_that_hands_nothing_over_is_not_slow(tmp_path: Path) -> None:
    """Nor is one of which that is not known."""
    for index, priorities in enumerate(((), ("30",), ("120",))):
        (tmp_path / str(index)).mkdir()
        assert not said(Node(WEIGHTED + instance(), priorities=priorities), tmp_path / str(index), "weight-slow")
