"""Is the cluster that of the keepalived.conf, as vrrp_complete_instance() leaves it?"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rehearse.conf import cluster as cluster_of
from rehearse.conf import read
from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT, Cluster, Instance, Link, Script, links
from rehearse.model.predict import predict
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
global_defs {
    vrrp_startup_delay 2.5
    default_interface eth7
}
vrrp_script slow {
    script "/bin/true"
    interval 5
    timeout 3
    rise 2
    fall 4
    weight -20
}
vrrp_track_process web {
    process nginx
    delay 2
    weight 10
}
vrrp_track_file f {
    file /run/f
}
vrrp_sync_group G {
    group {
        ONE
    }
    track_interface {
        eth9 weight -5
    }
}
vrrp_instance ONE {
    state BACKUP
    virtual_router_id 7
    priority 120
    advert_int 2.4
    nopreempt
    down_timer_adverts 4
    authentication {
        auth_type PASS
        auth_pass longerthaneight
    }
    virtual_ipaddress {
        192.0.2.1/24 dev eth1
        2001:db8::1/64
    }
    track_script {
        slow
        slow weight 5 reverse
        unknown
    }
    track_file {
        f
    }
    track_process {
        web
    }
}
"""


def one(tmp_path: Path, text: str, version: str = "2.2.7") -> Cluster:
    """Return the cluster of a configuration and of a plain peer."""
    path = tmp_path / "keepalived.conf"
    path.write_text(text, encoding="utf-8")
    return read([("lb1", str(path)), ("lb2", str(path))], Version(version))


def test_everything_that_counts_is_read(tmp_path: Path) -> None:
    """With keepalived's defaults and its roundings."""
    cluster = one(tmp_path, WHOLE)
    node, peer = cluster.nodes
    assert (node.name, node.startup_delay) == ("lb1", 2500)
    assert node.scripts == {"slow": Script(5000, 3000, 2, 4)}
    assert node.processes == {"web": 2000}
    (it,) = node.instances
    assert (it.interface, it.vrid, it.priority, it.interval, it.version) == ("eth7", 7, 120, 2000, 2)
    assert (it.nopreempt, it.down_adverts, it.secret) == (True, 4, ("PASS", "longerth"))
    assert it.vips == (("192.0.2.1", "eth1"), ("2001:db8::1", "eth7"))
    assert it.carried == {"192.0.2.1"}
    assert [link for link in it.links if link.kind == SCRIPT] == [
        Link(SCRIPT, "slow", -20),
        Link(SCRIPT, "slow", 5, reverse=True),
    ]
    assert (peer.instances[0].source, it.source) == (1, 0)
    # the group takes the weights of scripts, a file has weight 0 then; its own interfaces are tracked
    assert links(cluster, node, it) == [
        Link(FILE, "f", 0),
        Link(PROCESS, "web", 10),
        Link(INTERFACE, "eth7"),
        Link(INTERFACE, "eth1"),
        Link(INTERFACE, "eth9", -5),
    ]


INSTANCE = "vrrp_instance V {{\n interface eth0\n virtual_router_id 5\n{}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ("state MASTER", {"is_master": True, "priority": 255}),
        ("state MASTER\n state BACKUP\n priority 90", {"is_master": True, "priority": 90}),
        ("priority 255", {"is_master": True, "priority": 255}),
        ("priority 255\n state BACKUP\n nopreempt", {"is_master": False, "nopreempt": False}),
        ("priority 300", {"priority": 100}),
        ("priority 90\n state MASTER\n nopreempt\n preempt_delay 9", {"nopreempt": False, "preempt_delay": 0}),
        ("nopreempt\n preempt_delay 9", {"nopreempt": True, "preempt_delay": 0}),
        ("nopreempt\n preempt", {"nopreempt": False}),
        ("preempt_delay 1.5", {"preempt_delay": 1500}),
        ("advert_int 0.3", {"interval": 1000}),
        ("advert_int 0.3\n version 3", {"interval": 300, "version": 3}),
        ("advert_int 0.314\n version 3", {"interval": 310}),
        ("advert_int 99\n version 3", {"interval": 40_950}),
        ("version 3\n authentication {\n auth_pass x\n }", {"secret": ("", "")}),
        ("strict_mode\n preempt_delay 5\n down_timer_adverts 9\n state MASTER\n priority 9", {"is_master": False}),
        ("dont_track_primary", {"tracks_own": False}),
        ("lower_prio_no_advert\n higher_prio_send_advert false", {"lower_prio_no_advert": True}),
        ("unicast_peer {\n 192.0.2.9\n }", {"unicast": True}),
    ],
)
def test_an_instance_is_what_keepalived_makes_of_it(tmp_path: Path, lines: str, wanted: dict[str, object]) -> None:
    """Whatever the order of its lines."""
    (it,) = one(tmp_path, INSTANCE.format(lines)).nodes[0].instances
    assert {name: getattr(it, name) for name in wanted} == wanted


def test_the_sources_order_the_nodes_where_all_are_known(tmp_path: Path) -> None:
    """Else the order of the command line does."""
    confs = []
    for name, address in (("lb1", "10.0.0.20"), ("lb2", "10.0.0.3")):
        (tmp_path / name).write_text(INSTANCE.format(f"unicast_src_ip {address}"), encoding="ascii")
        confs.append((name, parse(f"{tmp_path}/{name}")))
    one_node, other = cluster_of(confs, None).nodes
    assert one_node.instances[0].source > other.instances[0].source


def test_the_password_is_in_no_text_of_it() -> None:
    """It is only compared."""
    assert "s3cret" not in repr(Instance("V", "eth0", 1, secret=("PASS", "s3cret")))


_NUMBERS = st.sampled_from(["0", "1", "-1", "255", "256", "1e9", "99999999999999999999", "0.0001", "x", "", "9" * 400])
_INSIDE = st.sampled_from(
    [
        *(
            "state MASTER",
            "nopreempt",
            "strict_mode",
            "native_ipv6",
            "dont_track_primary",
            "use_vmac",
            "unicast_peer {\n}",
        ),
        *(
            "virtual_ipaddress {\n 192.0.2.1\n 2001:db8::1 dev\n x\n}",
            "track_script {\n s weight\n s weight 9 reverse\n}",
        ),
        *(
            "track_file {\n f\n f weight -999\n}",
            "track_interface {\n eth0 weight 3\n}",
            "track_process {\n p\n}",
            "{",
            "}",
        ),
    ]
)
_WORDS = st.sampled_from(
    [
        "priority",
        "advert_int",
        "preempt_delay",
        "down_timer_adverts",
        "version",
        "virtual_router_id",
        "interval",
        "weight",
    ]
)
_LINES = st.one_of(_INSIDE, st.builds("{} {}".format, _WORDS, _NUMBERS))
_BLOCKS = st.sampled_from(
    [
        *(
            "vrrp_instance V {\n interface eth0\n virtual_router_id 1",
            "vrrp_instance W {\n interface eth0\n virtual_router_id 1",
        ),
        *(
            "vrrp_sync_group G {\n group {\n V\n W\n V\n}",
            "vrrp_script s {",
            "vrrp_track_file f {",
            "vrrp_track_process p {",
        ),
    ]
)
_TEXT = st.lists(st.tuples(_BLOCKS, st.lists(_LINES, max_size=6)), max_size=6)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_TEXT, other=_TEXT)
def test_any_configuration_has_a_table_or_is_refused(
    tmp_path: Path, text: list[tuple[str, list[str]]], other: list[tuple[str, list[str]]]
) -> None:
    """With ConfError, and nothing else."""
    confs = []
    for name, blocks in (("lb1", text), ("lb2", other)):
        written = "\n".join("\n".join((head, *lines, "}")) for head, lines in blocks)
        (tmp_path / name).write_text(written, encoding="ascii")
        confs.append((name, str(tmp_path / name)))
    with suppress(ConfError):
        predict(read(confs, None))
