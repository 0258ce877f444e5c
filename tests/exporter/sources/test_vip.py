"""What is told of the VIPs of a node? With a real keepalived: test_vrrp.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.render.exposition import render
from exporter.settings import settings
from exporter.source import AbsentError
from exporter.sources.vip import source as vip
from tests.exporter.running import samples
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from pathlib import Path

CONF = """
vrrp_sync_group G1 {
    group { V1
        V2 }
}
vrrp_sync_group G2 {
    group {
        V3
    }
}
vrrp_instance V1 {
    interface eth0 ! the front
    virtual_router_id 51
    @elsewhere priority 90
    virtual_ipaddress {
        192.0.2.1/24 # one
        @elsewhere 192.0.2.2/24
    }
    virtual_ipaddress_excluded {
        2001:DB8::1/64 dev eth1
    }
}
include more/*.conf
"""


def exported(folder: Path, conf: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return what is exported for a configuration."""
    (folder / "keepalived.conf").write_text(conf)
    given = settings(keepalived_conf=f"{folder}/keepalived.conf")
    return samples(render(vip.series(vip.read(given))).decode())


def test_every_vip_of_the_configuration_has_a_series(tmp_path: Path) -> None:
    """Of included files, excluded ones and IPv6; not those of another node nor those in a comment."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.conf").write_text(
        "vrrp_instance V2 {\ninterface eth2\nvirtual_router_id 52\nvirtual_ipaddress {\n192.0.2.3\n}\n}\n"
    )
    assert exported(tmp_path, CONF) == {
        ("keepalived_vip_held", ("V1", "51", "eth0", "192.0.2.1")): 0,
        ("keepalived_vip_held", ("V1", "51", "eth1", "2001:db8::1")): 0,
        ("keepalived_vip_held", ("V2", "52", "eth2", "192.0.2.3")): 0,
        ("keepalived_sync_group_info", ("G1", "V1")): 1,
        ("keepalived_sync_group_info", ("G1", "V2")): 1,
        ("keepalived_sync_group_info", ("G2", "V3")): 1,
    }


def test_an_address_of_this_node_on_lo_is_not_held(tmp_path: Path) -> None:
    """Every node has this one there, as a real server of direct routing has its VIP."""
    conf = "vrrp_instance V {\ninterface %s\nvirtual_router_id 1\nvirtual_ipaddress {\n127.0.0.1\n}\n}\n"
    assert exported(tmp_path, conf % "eth0")["keepalived_vip_held", ("V", "1", "eth0", "127.0.0.1")] == 0


def test_a_configuration_that_cannot_be_understood_is_a_failure(tmp_path: Path) -> None:
    """A VIP left out in silence would be one that nobody misses."""
    with pytest.raises(ConfError, match="cannot tell what"):
        exported(tmp_path, "vrrp_instance V {\ninterface e\nvirtual_ipaddress {\n$VIP\n}\n}\n")
    with pytest.raises(AbsentError, match="no none at"):
        vip.read(settings(keepalived_conf=f"{tmp_path}/none"))
