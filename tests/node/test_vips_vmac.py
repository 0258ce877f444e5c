"""Are VIPs found on the VMAC interfaces that a real keepalived makes for them?

Where the kernel has no macvlan, as that of many containers' hosts, test_ipvs_kernel.py runs this in its guest.
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from exporter.sources.vrrp import source as vrrp
from tests.servers.keepalived import Space, ip, keepalived, known, until
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.vips import configured
from vipwarden.node.netlink.addresses import own_addresses

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.settings import Settings

CONF = """
global_defs {
    vrrp_version 3
}
vrrp_instance V4 {
    interface va
    advert_int 0.2
    virtual_router_id 51
    use_vmac
    vmac_xmit_base
    virtual_ipaddress {
        192.0.2.9/24
        192.0.2.10 dev vb
    }
    virtual_ipaddress_excluded {
        2001:db8::9/64
    }
}
vrrp_instance V6 {
    interface va
    advert_int 0.2
    virtual_router_id 51
    use_vmac
    virtual_ipaddress {
        2001:db8::10/64
    }
}
vrrp_instance NAMED {
    interface vb
    advert_int 0.2
    virtual_router_id 52
    use_vmac vip0
    use_vmac_addr
    virtual_ipaddress {
        192.0.2.11
        192.0.2.12 dev va
    }
}
vrrp_instance ONE {
    interface vb
    advert_int 0.2
    virtual_router_id 53
    virtual_ipaddress {
        192.0.2.13 dev va use_vmac
        192.0.2.14
    }
}
"""


def test_every_vip_is_held_where_keepalived_puts_it(tmp_path: Path) -> None:
    """And the dumps name the same interfaces as the configuration gives, but for a number in a name that was taken."""
    with ExitStack() as stack, Space(stack):
        ip("link add va type veth peer name vb", "link set va up", "link set vb up")
        ip("addr add 192.0.2.1/24 dev va", "addr add 192.0.2.2/24 dev vb")
        made = subprocess.run(["ip", "link", "add", "link", "va", "type", "macvlan"], check=False, capture_output=True)
        if made.returncode:
            pytest.skip("this kernel has no macvlan: the guest of tests/lab runs this")
        running = stack.enter_context(keepalived(tmp_path, CONF, tmpdir=str(tmp_path)))
        given = known(running)
        vips = configured(parse(running.conf))
        assert len(vips) == 8
        until("it is MASTER", lambda: _masters(given) == 4, 30)
        until("each is held", lambda: all(vip.is_held(own_addresses()) for vip in vips))
        told = {
            (one.name, address): interface
            for one in vrrp.read(given).instances
            for address, interface in (*one.vips, *one.excluded)
        }
    for vip in vips:
        interface = told[vip.instance, vip.address]
        assert interface == vip.interface or (vip.prefix and interface.endswith(f".{vip.vrid}"))


def _masters(given: Settings) -> int:
    return sum(one.state == 2 for one in vrrp.read(given).instances)
