"""What is told of a real keepalived: its states, a failover, a script that fails, and what it left behind?"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import render
from exporter.sources.vip import source as vip
from exporter.sources.vrrp import source as vrrp
from tests.commands import needs_namespaces, program, stop
from tests.exporter.sources.pair import EXCLUDED, SECOND, VIP, Node, pair, scraped, state
from tests.servers.keepalived import ip, known, until


def test_a_failover_between_two_nodes_is_seen_on_both(tmp_path: Path) -> None:
    """States, transitions, priorities and the VIPs of the kernel, before and after; MASTER is where the VIP is."""
    with pair(tmp_path) as ((one, left), (two, right)):
        before = scraped(known(left), one), scraped(known(right), two)
        (tmp_path / "bad").touch()  # the script's weight takes 60 off: 90 against 100
        until("the right is MASTER", lambda: state(known(right)) == 2)
        until("the left is BACKUP", lambda: state(known(left)) == 1)
        until(
            "the left gave its VIP up",
            lambda: scraped(known(left), one)["keepalived_vip_held", "VI_1", "51", "va", VIP] == 0,
        )
        after = scraped(known(left), one), scraped(known(right), two)
    by = ("VI_1", "va", "51")
    for address in (VIP, SECOND):
        assert [found["keepalived_vrrp_state", *by, address] for found in (*before, *after)] == [2, 1, 1, 2]
        assert [found["keepalived_vip_held", "VI_1", "51", "va", address] for found in (*before, *after)] == [
            1,
            0,
            0,
            1,
        ]
    assert [found["keepalived_vrrp_excluded_state", *by, EXCLUDED] for found in (*before, *after)] == [2, 1, 1, 2]
    assert [found["keepalived_vip_held", "VI_1", "51", "va", EXCLUDED] for found in (*before, *after)] == [1, 0, 0, 1]
    assert [found["keepalived_vrrp_base_priority", *by] for found in after] == [150, 100]
    assert [found["keepalived_vrrp_effective_priority", *by] for found in (*before, *after)] == [150, 100, 90, 100]
    assert [found["keepalived_script_status", "chk"] for found in (*before, *after)] == [1, 1, 0, 1]
    assert [found["keepalived_become_master_total", *by] for found in (*before, *after)][0::2] == [1, 1]
    assert [found["keepalived_release_master_total", *by] for found in (*before, *after)][0::2] == [0, 1]
    sent = "keepalived_advertisements_sent_total"
    received = "keepalived_advertisements_received_total"
    assert after[1][sent, *by] > 0
    assert after[0][received, *by] > 0
    moved = "keepalived_vrrp_last_transition_timestamp_seconds"
    assert before[0][moved, *by] < after[0][moved, *by] <= time.time()
    assert all(
        found["keepalived_up",] == 1 and found["keepalived_source_info", "json"] == 1 for found in before + after
    )
    # an instance without VIPs has its state all the same
    assert before[0]["keepalived_vrrp_state", "VI_2", "va", "52", ""] in (1, 2)
    assert before[0]["keepalived_gratuitous_arp_delay_total", *by] == 5


def test_all_names_of_the_exporter_that_dashboards_know_are_there(nodes: tuple[Node, Node]) -> None:
    """With their labels; and whether they are counters."""
    one, left = nodes[0]
    with one:
        text = render(vrrp.SOURCE.series(vrrp.read(known(left)))).decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    for name in (
        *("advertisements_received", "advertisements_sent", "become_master", "release_master"),
        *("packet_length_errors", "advertisements_interval_errors", "ip_ttl_errors", "invalid_type_received"),
        *("address_list_errors", "authentication_invalid", "authentication_mismatch", "authentication_failure"),
        *("priority_zero_received", "priority_zero_sent"),
    ):
        family = found[f"keepalived_{name}"]
        assert family.type == "counter"
        assert {tuple(sample.labels) for sample in family.samples} == {("iname", "intf", "vrid")}
        assert {sample.name for sample in family.samples} == {f"keepalived_{name}_total"}
    for name, labels in (
        ("up", ()),
        ("vrrp_state", ("iname", "intf", "vrid", "ip_address")),
        ("vrrp_excluded_state", ("iname", "intf", "vrid", "ip_address")),
        ("script_status", ("name",)),
        ("script_state", ("name",)),
    ):
        assert found[f"keepalived_{name}"].type == "gauge"
        assert {tuple(sample.labels) for sample in found[f"keepalived_{name}"].samples} == {labels}
    assert found["keepalived_gratuitous_arp_delay_total"].type == "unknown"


def test_a_killed_keepalived_leaves_its_vip_and_that_is_seen(tmp_path: Path) -> None:
    """VIP without MASTER: the address is held, and nobody has a state any more."""
    with pair(tmp_path) as ((one, left), (_, right)):
        left.kill()
        until("the right is MASTER", lambda: state(known(right)) == 2)
        with one:
            facts = vrrp.read(known(left))
            found = scraped(known(left), one)
    assert "keepalived does not run" in facts.failure
    assert found["keepalived_up",] == 0
    assert found["keepalived_vip_held", "VI_1", "51", "va", VIP] == 1
    assert not [key for key in found if key[0] == "keepalived_vrrp_state"]


def test_a_keepalived_that_hangs_is_down_until_it_goes_on(nodes: tuple[Node, Node]) -> None:
    """It takes signals and does nothing about them: what it said before is not told again."""
    one, left = nodes[0]
    stop(left.process)
    try:
        facts = vrrp.read(known(left, timeout=0.5))
        found = scraped(known(left, timeout=0.5), one)
    finally:
        left.process.send_signal(signal.SIGCONT)
    assert "was asked for a dump, but" in facts.failure
    assert found["keepalived_up",] == 0
    assert not [key for key in found if key[0].startswith("keepalived_vrrp_")]
    until("it answers again", lambda: state(known(left)) == 2)


def test_another_network_namespace_is_told_in_place_of_a_zero(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    """Whether a VIP is held there cannot be seen from here."""
    (_, left), (two, _) = nodes
    with two, pytest.raises(vip.ElsewhereError, match="another network name"):
        vip.read(known(left))
    conf = tmp_path / "spaced.conf"
    conf.write_text("net_namespace nowhere\nvrrp_instance V {\ninterface e\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n")
    with pytest.raises(vip.ElsewhereError, match="ip netns exec nowhere vipwarden exporter"):
        vip.read(known(keepalived_conf=str(conf)))


_SPACED = """
net_namespace blue
instance two
global_defs {
    vrrp_version 3
    data_use_instance
}
vrrp_instance V {
    interface va
    virtual_router_id 51
    advert_int 0.2
    virtual_ipaddress {
        192.0.2.9/24
    }
}
"""
_SPACE = """
mount -t tmpfs tmp /run; mount -t tmpfs tmp /tmp
ip netns add blue
ip -n blue link add va type veth peer name vb
ip -n blue link set va up; ip -n blue link set vb up
ip -n blue addr add 192.0.2.1/24 dev va
exec "$@"
"""


def test_an_instance_by_name_in_a_namespace_by_name_is_asked(tmp_path: Path) -> None:
    """Its pidfile, its dumps and its /tmp are all elsewhere; the list of processes leads to them."""
    needs_namespaces()
    program("ip")
    outside = Path(tempfile.mkdtemp(dir="/var/tmp"))
    (outside / "k.conf").write_text(_SPACED)
    given = known(keepalived_conf=f"{outside}/k.conf")
    run = [
        program("unshare"),
        "-mn",
        "sh",
        "-ec",
        _SPACE,
        "sh",
        program("keepalived"),
        "-n",
        "-l",
        "-f",
        f"{outside}/k.conf",
    ]
    process = subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("it is MASTER", lambda: state(given, "V") == 2)
        assert vrrp.read(given).instances[0].vips == [(VIP, "va")]
        with pytest.raises(vip.ElsewhereError, match="ip netns exec blue vipwarden exporter"):
            vip.read(given)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(outside)


def test_fast_scrapes_share_a_dump(nodes: tuple[Node, Node]) -> None:
    """Each dump is a signal and lines in the log."""
    one, left = nodes[0]
    with one:
        slow = known(left, keepalived_interval=60, keepalived_states=("/other",))
        asked = left.log().count("Printing VRRP data")
        facts = [vrrp.read(slow) for _ in range(5)]
        until("they are logged", lambda: left.log().count("Printing VRRP data") > asked)
        assert left.log().count("Printing VRRP data") == asked + 1
        assert all(one is facts[0] for one in facts)


def test_a_page_that_stays_open_costs_keepalived_few_lines(nodes: tuple[Node, Node]) -> None:
    """It is asked again when an address has moved, though the last answer still counts."""
    one, left = nodes[0]
    with one:
        slow = known(left, keepalived_interval=60, keepalived_states=("/page",))
        first = vrrp.read(slow)
        when, who, facts, held = vrrp._MEMORY._known.popitem()[1]
        key = (slow.keepalived_conf, slow.keepalived_pidfile, slow.keepalived_states)
        vrrp._MEMORY._known[key] = when - 10, who, facts, held
        assert vrrp.read(slow) is first
        ip("address add 192.0.2.200/32 dev lo")
        assert vrrp.read(slow) is not first


def test_an_address_that_went_and_came_again_has_moved(nodes: tuple[Node, Node]) -> None:
    """Within the seconds for which the last answer counts: in between keepalived was in another state."""
    one, left = nodes[0]
    with one:
        slow = known(left, keepalived_interval=60, keepalived_states=("/again",))
        first = vrrp.read(slow)
        for change in ("add", "del"):
            ip(f"address {change} 192.0.2.201/32 dev lo")
            assert vrrp.read(slow) is first
        key = (slow.keepalived_conf, slow.keepalived_pidfile, slow.keepalived_states)
        when, *rest = vrrp._MEMORY._known[key]
        vrrp._MEMORY._known[key] = (when - 10, *rest)  # type: ignore[assignment]
        assert vrrp.read(slow) is not first


def test_the_configuration_leads_to_its_keepalived_without_a_pidfile(nodes: tuple[Node, Node]) -> None:
    """Among several that run."""
    ((_, left), (_, right)) = nodes
    for running, wanted in ((left, 2), (right, 1)):
        given = known(keepalived_conf=running.conf)
        assert state(given) == wanted
    assert "no keepalived runs with" in vrrp.read(known(keepalived_conf=_other(left.conf))).failure


def _other(conf: str) -> str:
    copy = Path(conf).with_name("other.conf")
    shutil.copy(conf, copy)
    return str(copy)
