"""Which real servers have the virtual servers of these nodes, and what can hit them?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rehearse.checkers import CHECKERS, Port, Wanted, number_of, port_of, times, want
from rehearse.model.faults import CLOSED, FILTERED, GONE, MUTE, REAL, Fault
from vipwarden.core.values import endpoint
from vipwarden.node.keepalived.real_servers import method
from vipwarden.node.keepalived.vips import plain_address
from vipwarden.node.keepalived.virtual_servers import keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.keepalived.conf import Block

    _Known = tuple[str, dict[str, None], dict[str, None]]  # kind, real servers, hosts

_FAULTS = (CLOSED, FILTERED, MUTE, GONE)
_ASKED = ("TCP", "UDP")
_LONGEST = 120_000
_MOST = 16  # real servers on a stage
_MOST_KEYS = 64  # VIPs of a virtual server
MOST_ASKED = 8  # virtual servers that the client asks


class Service(NamedTuple):
    """A virtual server: protocol, VIP and port; ``kind`` is NAT, DR or TUN; its real servers as ADDRESS:PORT.

    ``hosts`` are the addresses of the real servers and of the sorry server.
    """

    protocol: str
    vip: str
    port: int
    kind: str
    servers: tuple[str, ...]
    hosts: tuple[str, ...]

    @property
    def text(self) -> str:
        """VIP and port, and the protocol where it is not TCP."""
        return endpoint(self.vip, self.port) + f"/{self.protocol.lower()}" * (self.protocol != "TCP")


@dataclass(slots=True)
class Reals(Wanted):
    """What stands behind the directors. ``hosts`` are the ports of each real server by its address.

    ``learns`` is in how many ms the slowest checker finds a failure out, ``starts`` when all have run.
    """

    services: list[Service] = field(default_factory=list)
    hosts: dict[str, list[Port]] = field(default_factory=dict)
    learns: int = 0
    starts: int = 0


def reals(confs: Sequence[Block]) -> Reals:
    """Return the real servers of all nodes; raises ConfError."""
    found = Reals()
    services: dict[tuple[str, str, int], _Known] = {}
    for node, conf in enumerate(confs):
        for block in conf.named("virtual_server"):
            _service(found, services, node, conf, block)
    found.services = [
        Service(*key, kind, tuple(servers), tuple(hosts)) for key, (kind, servers, hosts) in services.items()
    ]
    own = _own(confs)
    for address in [it for it in found.hosts if it in own]:
        found.notes.append(f"real server {address} is a node or a VIP itself: it is left out")
        del found.hosts[address]
    if len(found.hosts) > _MOST:
        found.notes.append(f"{len(found.hosts)} real servers: {_MOST} stand on a stage")
        found.hosts = dict([*found.hosts.items()][:_MOST])
    if len(found.services) > MOST_ASKED:
        found.notes.append(f"{len(found.services)} virtual servers: the client asks {MOST_ASKED}")
    found.notes += [
        f"virtual_server {it.text}: no client asks it: no vrrp_instance has its VIP"
        for it in found.services[:_MOST_KEYS]
        if it.vip not in own
    ]
    found.notes = [*dict.fromkeys(found.notes)]
    return found


def _own(confs: Sequence[Block]) -> set[str]:
    """Return the addresses of the nodes that are written, and their VIPs."""
    words = []
    for block in (it for conf in confs for it in conf.named("vrrp_instance")):
        words += [block.value("unicast_src_ip"), block.value("mcast_src_ip")]
        lists = block.named("unicast_peer", "virtual_ipaddress", "virtual_ipaddress_excluded")
        words += [line.words[0] for lines in lists for line in lines.blocks]
    return {plain_address(it) for it in words}


def real_faults(found: Reals, services: Sequence[Service]) -> list[Fault]:
    """Return what can hit each real server of some virtual servers."""
    names = dict.fromkeys(name for it in services for name in it.servers)
    stand = [name for name in names if name.rpartition(":")[0].strip("[]") in found.hosts]
    return [Fault(kind, (), REAL, name, part=f"real server {name}") for name in stand for kind in _FAULTS]


def _service(
    found: Reals,
    services: dict[tuple[str, str, int], _Known],
    node: int,
    conf: Block,
    block: Block,
) -> None:
    kind = (method(block, block) or ["NAT"])[0].upper()
    own = [*islice(keys(conf, block), _MOST_KEYS + 1)]
    name = f"virtual_server {' '.join(block.words[1:3])}"
    if len(own) > _MOST_KEYS:
        found.notes.append(f"{name}: {_MOST_KEYS} of its VIPs are rehearsed")
    servers = [(plain_address(it.name), it) for it in block.named("real_server", "sorry_server")]
    servers = [(address, it) for address, it in servers if address]
    for protocol, vip, port, mark in own[:_MOST_KEYS]:
        why = _why_not(protocol, port, mark)
        if why:
            found.notes.append(f"{name}: no client asks it: {why}")
            continue
        _, names, hosts = services.setdefault((protocol, vip, port), (kind, {}, {}))
        for address, server in servers:
            hosts[address] = None
            if server.words[0] == "real_server":
                names[endpoint(address, number_of(server.words[2:3], port))] = None
    for address, server in servers:
        ports = found.hosts.setdefault(address, [])
        numbers = [(protocol, number_of(server.words[2:3], port)) for protocol, _, port, _ in own[:_MOST_KEYS]]
        for protocol, number in (it for it in numbers if it[1]):
            port_of(ports, "udp" if protocol == "UDP" else "tcp", number)
        for checker in server.named(*CHECKERS):
            want(found, node, ports, next((number for _, number in numbers), 0), checker)
            learns, starts = times(block, server, checker)
            found.learns = min(max(found.learns, learns), _LONGEST)
            found.starts = min(max(found.starts, starts), _LONGEST)


def _why_not(protocol: str, port: int, mark: str) -> str:
    """Return why no client asks a virtual server, nothing where it can be asked."""
    if mark:
        return "the rules of a firewall that set its mark are not on the stage"
    if protocol not in _ASKED:
        return f"it speaks {protocol}"
    return "" if port else "it has all ports"


def fields(found: Reals) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield each real server with its ports as plain values."""
    for address, ports in found.hosts.items():
        yield address, [asdict(it) for it in ports]
