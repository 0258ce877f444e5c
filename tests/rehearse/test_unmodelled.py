"""Is what the model does not know told, and do nodes hear each other as their configurations say?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.rehearse import main
from rehearse.conf import cluster
from rehearse.model.faults import START, Fault
from rehearse.model.predict import predict
from rehearse.unmodelled import unmodelled
from vipwarden.node.keepalived.conf import Block, parse

if TYPE_CHECKING:
    from pathlib import Path

BASE = "vrrp_instance V {{ state BACKUP\n interface eth0\n virtual_router_id 1\n priority {}\n{}\n}}\n"


def conf(text: str) -> Block:
    """Return a configuration of its text."""
    return parse("a.conf", texts={"a.conf": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vrrp_instance V {\n use_vmac\n}", "a.conf:2: the model does not know use_vmac (an interface of its own"),
        ("vrrp_instance V {\n track_bfd {\n b\n }\n}", "a.conf:2: the model does not know track_bfd (a BFD session"),
        ("vrrp_sync_group G {\n track_bfd {\n b\n }\n}", "a.conf:2: the model does not know track_bfd"),
        ("global_defs {\n vrrp_owner_ignore_adverts\n}", "a.conf:2: the model does not know vrrp_owner_ignore"),
        ("linkbeat_interfaces {\n eth0\n}", "a.conf:1: the model does not know linkbeat_interfaces"),
        (
            "vrrp_instance V {\n unicast_peer {\n 192.0.2.1 min_ttl 3\n }\n}",
            "a.conf:3: the model does not know min_ttl (adverts with another TTL are dropped)",
        ),
    ],
)
def test_what_the_model_does_not_know_is_told(text: str, said: str) -> None:
    """At its place, once for a node."""
    (line,) = unmodelled([("lb1", conf(text + "\n" + text))])
    assert line.startswith(said)


def test_what_changes_nothing_is_not_told() -> None:
    """Gratuitous ARP, notify scripts, and what is turned off."""
    known = "garp_master_delay 5\n accept\n debug 1\n notify_master /bin/true\n v3_checksum_as_v2 off"
    assert not unmodelled([("lb1", conf(f"vrrp_instance V {{\n {known}\n}}"))])


def test_many_unknown_keywords_are_bounded() -> None:
    """A line for each keyword, also of ten thousand instances."""
    every = "".join(f"vrrp_instance V{number} {{\n use_vmac\n track_bfd {{\n b\n }}\n}}\n" for number in range(10_000))
    assert len(unmodelled([("lb1", conf(every))])) == 2


UNICAST = " unicast_src_ip 192.0.2.{}\n unicast_peer {{\n 192.0.2.{}\n }}"


@pytest.mark.parametrize(
    ("one", "other", "owners"),
    [
        (UNICAST.format(1, 2), UNICAST.format(2, 1), (0,)),
        (UNICAST.format(1, 9), UNICAST.format(2, 1), (0, 1)),  # sends to somebody else
        (UNICAST.format(1, 2), UNICAST.format(2, 9), (0,)),  # hears more than it says
        (UNICAST.format(1, 2), UNICAST.format(2, 9) + "\n check_unicast_src", (0, 1)),
        (" unicast_peer {\n 192.0.2.2\n }", UNICAST.format(2, 1), (0,)),
        (" mcast_dst_ip 224.0.0.99", "", (0, 1)),
        (" mcast_dst_ip 224.0.0.99", " mcast_dst_ip 224.0.0.99", (0,)),
    ],
)
def test_who_hears_whom_is_what_the_addresses_say(one: str, other: str, owners: tuple[int, ...]) -> None:
    """Peers that are not listed get no adverts; an address that is not given is taken for a listed one."""
    made = cluster([("lb1", conf(BASE.format(150, one))), ("lb2", conf(BASE.format(100, other)))], None)
    (row,) = predict(made, [Fault(START, (0, 1))])
    assert row.outcome.latest.owners == owners


def test_the_command_says_it_before_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the standard error, for each node."""
    (tmp_path / "lb.conf").write_text(BASE.format(100, " use_vmac\n virtual_ipaddress {\n 192.0.2.9\n }"))
    main(["--dry", f"lb1={tmp_path}/lb.conf", f"lb2={tmp_path}/lb.conf", "--keepalived-version", "2.2.7"])
    out, err = capsys.readouterr()
    assert "power off on lb1" in out
    assert [line.partition(" (")[0] for line in err.splitlines()] == [
        f"vipwarden rehearse: {tmp_path}/lb.conf:5: the model does not know use_vmac"
    ] * 2
