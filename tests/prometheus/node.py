"""A node of a cluster in a namespace: a real keepalived, and the exporter beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands import BIN, environment
from tests.prometheus.namespace import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.prometheus.namespace import Namespace

VIP = "198.51.100.1"
_KEEPALIVED = """
global_defs {{
    router_id {name}
    vrrp_version 3
    vrrp_garp_master_delay 0
    script_user root
    enable_script_security
}}
vrrp_script chk_true {{
    script "/bin/true"
    interval 1
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {vip}/32
    }}
    virtual_ipaddress_excluded {{
        198.51.100.2/32
    }}
    track_script {{
        chk_true
    }}
}}
"""


def start(space: Namespace, name: str, priority: int, listen: str, haproxy: Sequence[str] = ()) -> None:
    """Start keepalived on eth0 of the namespace, and the exporter with it."""
    folder = space.folder
    conf = folder / "keepalived.conf"
    conf.write_text(_KEEPALIVED.format(name=name, priority=priority, vip=VIP), encoding="utf-8")
    sources = "".join(f"\n    - {one}" for one in haproxy)
    (folder / "vipwarden.yaml").write_text(
        f"exporter:\n  listen: {listen}\n  keepalived_conf: {conf}\n  keepalived_pidfile: {folder}/keepalived.pid\n"
        f"  keepalived_interval: 0.1\n  haproxy_conf: {folder}/haproxy.cfg\n  haproxy_down_by_design: .*\n"
        f"  verdicts:\n    - {folder}/run/verdict\n"
        + (f"  haproxy:{sources}\n" if sources else "")
        + "checks:\n  itself:\n    check: process\n    command: keepalived\n    interval: 1\n",
        encoding="utf-8",
    )
    pids = (
        "-p",
        f"{folder}/keepalived.pid",
        "-r",
        f"{folder}/vrrp.pid",
        "-c",
        f"{folder}/checkers.pid",
        "-b",
        f"{folder}/bfd.pid",
    )
    space.start("keepalived", "-n", "-l", "-G", "-P", "-f", str(conf), *pids, env={"TMPDIR": str(folder)})
    space.start(str(BIN / "vipwarden"), "run", "--config", f"{folder}/vipwarden.yaml", env=environment(folder))
    until(f"the exporter of {name}", lambda: space.ask(f"http://{listen}/-/healthy"), logs=space.logs)


def links(hub: Namespace, nodes: Sequence[Namespace]) -> None:
    """Join nodes by a bridge in the hub, which is 192.0.2.1; the first node gets eth0 with 192.0.2.11, and so on."""
    hub.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
    hub.run("ip", "addr", "add", "192.0.2.1/24", "dev", "br0")
    hub.run("ip", "link", "set", "br0", "up")
    for index, node in enumerate(nodes):
        port = f"node{index}"
        hub.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(node.pid))
        hub.run("ip", "link", "set", port, "master", "br0", "up")
        node.run("ip", "addr", "add", f"192.0.2.{11 + index}/24", "dev", "eth0")
        node.run("ip", "link", "set", "eth0", "up")
