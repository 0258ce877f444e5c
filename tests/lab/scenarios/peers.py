"""Both nodes lose what they check: is there a VIP still?"""

from __future__ import annotations

from functools import partial

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import background

_NODES = {"ha1": "10.20.0.21", "ha2": "10.20.0.22"}
_VIP = "10.10.0.31"
_GATEWAY = "db1", "10.20.0.51"
_FILE = "/run/vipwarden/track/gateway"
_TRACK_FILE = f'vrrp_track_file gateway {{\n  file "{_FILE}"\n  weight 0 reverse\n}}\n'
_CONF = f"""\
checks:
  gateway:
    check: icmp_echo
    host: {_GATEWAY[1]}
    interval: 1
    fall: 2
    fast_interval: 0.5
panic:
  uplink:
    of: [gateway]
    peers: true
    longest: 60
exporter:
  listen: "0.0.0.0:9877"
  peers: [{", ".join(f"{name}=http://{address}:9877" for name, address in _NODES.items())}]
"""


def _calm(case: Case) -> bool:
    return case.at(_VIP, "ha1") and case.at("10.10.0.32", "ha2")


@scenario(
    "the gateway that both nodes ping does not answer",
    tutorial="vrrp_script: ping gateway",
    ours="vipwarden run, panic by peers",
    seconds=15,
)
def gateway_of_both(case: Case) -> str:
    """Let what both nodes check go away, and on one node alone what it needs to see it."""
    gateway, address = _GATEWAY
    case.start(("client", "web1", "web2", *_NODES, gateway))
    case.web()
    case.haproxy()
    if not case.ours:
        command = f"{case.script('check_gateway.sh')} {address}"
        case.haproxy_nodes(conf.script(command, "interval 1\n  fall 2\n  rise 2"))
    else:
        for node in _NODES:
            case[node].run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")  # as systemd sets it
            case[node].write("/etc/vipwarden/vipwarden.yaml", _CONF)
            background(case, node, f"{SCRIPTS}/vipwarden run")
            log = partial(case[node].read, "/run/vw.log")
            case.until(f"{node} is healthy", lambda node=node: case[node].read(_FILE).strip() == "1", 60, log)  # type: ignore[misc]
        case.haproxy_nodes(_TRACK_FILE, body="track_file {\n gateway\n }")
    case.probe(_VIP, 80)
    case.until("all is calm", case.served)
    begun = case.fault()
    case[gateway].run("ip", "link", "set", "eth1", "down")
    if not case.ours:
        case.until("nobody has the VIP", lambda: not case.holders(_VIP))
        case.fails("clients are not served")
        case.stays("and nobody takes it", lambda: not case.holders(_VIP), 5)
        return "both nodes in FAULT, no VIP"
    for node in _NODES:
        log = partial(case[node].read, "/run/vw.log")
        case.until(f"{node} holds", lambda log=log: "fail here and on all peers" in log(), 30, log)  # type: ignore[misc]
    case.stays("each node keeps its VIP", lambda: _calm(case), 8)
    case.watched()
    case.expect("clients noticed nothing", not case.clients(begun).failed)
    case[gateway].run("ip", "link", "set", "eth1", "up")
    case.until("it is over", lambda: "the panic ends" in case["ha1"].read("/run/vw.log"), 30)
    case["ha1"].run("ip", "route", "add", "blackhole", f"{address}/32")
    case.until("the VIP moves where the gateway is seen", lambda: case.at(_VIP, "ha2"), 30)
    return "VIPs stay; lost by one node alone: VIP moves"
