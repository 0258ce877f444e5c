"""Which VIPs does a configuration give, and when does a node hold one?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import Vip, configured
from vipwarden.node.netlink.addresses import Own

FIXTURES = Path(__file__).parent / "fixtures"


def vips(folder: Path, inside: str, outside: str = "") -> list[Vip]:
    """Return the VIPs of one instance on eth0 with the router id 51."""
    text = f"{outside}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 51\n{inside}\n}}"
    (folder / "k.conf").write_text(text, encoding="utf-8")
    return configured(parse(str(folder / "k.conf")))


def places(found: list[Vip]) -> list[tuple[str, str]]:
    """Return interface and address of each."""
    return [(vip.interface, vip.address) for vip in found]


def test_a_real_configuration_gives_its_vips() -> None:
    """Virtual servers, sync groups and scripts beside them do not matter."""
    found = configured(parse(str(FIXTURES / "lvs.keepalived.conf")))
    assert [(vip.instance, vip.vrid, vip.interface, vip.address) for vip in found] == [
        ("VI_FRONT", "51", "eth0", "10.10.0.10"),
        ("VI_FRONT", "51", "eth0", "10.10.0.20"),
        ("VI_BACK", "52", "eth1", "10.20.0.1"),
    ]


def test_each_line_of_the_blocks_is_a_vip(tmp_path: Path) -> None:
    """Prefix, device, label and scope; IPv6 as the kernel writes it; excluded ones; twice the same is once."""
    inside = """
    virtual_ipaddress {
        192.0.2.1
        192.0.2.2/24 brd 192.0.2.255 dev eth1 scope site label eth1:0
        192.0.2.1/32
        no-address
    }
    virtual_ipaddress { 192.0.2.3/32 }
    virtual_ipaddress_excluded
    {
        2001:DB8:0::5/64 dev eth2
    }
    """
    wanted = [("eth0", "192.0.2.1"), ("eth1", "192.0.2.2"), ("eth0", "192.0.2.3"), ("eth2", "2001:db8::5")]
    assert places(vips(tmp_path, inside)) == wanted


@pytest.mark.parametrize(
    ("inside", "outside", "wanted"),
    [
        ("use_vmac", "", ["vrrp.51", "eth0", "eth1"]),
        ("use_vmac vip0", "", ["vip0", "eth0", "eth1"]),
        ("use_vmac name vip0 02:00:00:00:00:01 netlink_notify_msg", "", ["vip0", "eth0", "eth1"]),
        ("use_vmac group 7", "", ["vrrp.51", "eth0", "eth1"]),
        ("use_vmac", "global_defs {\nvmac_prefix vmac\n}", ["vmac.51", "eth0", "eth1"]),
        ("use_vmac", "global_defs {\nvmac_prefix averylongprefix\n}", ["averylongpre.51", "eth0", "eth1"]),
        ("use_vmac\nuse_vmac_addr", "", ["vrrp.51", "vrrp.51", "vrrp.51"]),
        ("use_vmac_addr", "global_defs {\nvmac_addr_prefix va\n}", ["eth0", "va.51", "va.51"]),
        ("", "", ["eth0", "eth0", "eth1"]),
    ],
)
def test_a_vmac_takes_the_addresses_that_keepalived_gives_it(
    tmp_path: Path, inside: str, outside: str, wanted: list[str]
) -> None:
    """The instance's VMAC is for its own interface and family, the others are for what use_vmac_addr says."""
    inside += "\nvirtual_ipaddress {\n192.0.2.1\n}\n"
    inside += "virtual_ipaddress_excluded {\n2001:db8::1\n192.0.2.2 dev eth1\n}"
    assert [vip.interface for vip in vips(tmp_path, inside, outside)] == wanted


def test_a_single_address_may_ask_for_a_vmac(tmp_path: Path) -> None:
    """``use_vmac`` on its line."""
    assert places(vips(tmp_path, "virtual_ipaddress {\n192.0.2.1 dev eth1 use_vmac\n}")) == [("vrrp.51", "192.0.2.1")]


@pytest.mark.parametrize(
    ("interface", "address", "held"),
    [
        ("eth0", "192.0.2.1", True),
        ("lo", "192.0.2.1", False),  # a real server of direct routing
        ("eth1", "192.0.2.1", False),
        ("eth0", "192.0.2.10", False),
    ],
)
def test_a_vip_is_held_on_its_own_interface_only(interface: str, address: str, held: bool) -> None:
    """An address elsewhere is no ownership."""
    own = [Own("lo", "127.0.0.1", 8), Own(interface, address, 32)]
    assert Vip("V", "51", "eth0", "192.0.2.1").is_held(own) is held


@pytest.mark.parametrize(
    ("interface", "held"),
    [
        ("vrrp.51", True),
        ("vrrp6.51", True),
        ("vrrp12.51", True),
        ("vrrp.5", False),
        ("vrrpx.51", False),
        ("eth0", False),
    ],
)
def test_a_vmac_whose_name_was_taken_has_a_number(interface: str, held: bool) -> None:
    """Where vrrp.51 exists already keepalived goes on to vrrp1.51."""
    assert Vip("V", "51", "vrrp.51", "2001:db8::1", "vrrp").is_held([Own(interface, "2001:db8::1", 64)]) is held


def test_an_address_that_stands_for_something_unknown_is_an_error(tmp_path: Path) -> None:
    """To leave it out would hide a VIP."""
    with pytest.raises(ConfError, match=r"cannot tell what \$VIP"):
        vips(tmp_path, "virtual_ipaddress { $VIP }")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_block_gives_vips_or_a_conf_error(tmp_path: Path, line: str, inside: str) -> None:
    """Nothing else comes out."""
    with suppress(ConfError, UnicodeEncodeError):  # the latter is the writing of the file
        vips(tmp_path, f"use_vmac {inside}\nvirtual_ipaddress {{\n{line}\n::1 {line}\n}}")
