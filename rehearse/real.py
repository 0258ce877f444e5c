"""Which real servers have the virtual servers of these nodes, what do their checkers want, and what can hit them?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.faults import CLOSED, FILTERED, GONE, MUTE, REAL, Fault
from rehearse.numbers import milliseconds, whole
from vipwarden.node.keepalived.real_servers import method
from vipwarden.node.keepalived.vips import plain_address
from vipwarden.node.keepalived.virtual_servers import keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.keepalived.conf import Block

    _Known = tuple[str, dict[str, None], dict[str, None]]  # kind, real servers, hosts

_FAULTS = (CLOSED, FILTERED, MUTE, GONE)
_HTTP = ("HTTP_GET", "SSL_GET")
_CHECKERS = (*_HTTP, "TCP_CHECK", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "MISC_CHECK", "FILE_CHECK")
_DELAY_LOOP = 60_000  # ms, and the defaults of most checkers
_TIMEOUT, _RETRY, _BETWEEN = 5_000, 3, 3_000
_LONGEST = 120_000
_MOST = 16  # real servers on a stage
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


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


@dataclass(slots=True)
class Port:
    """What answers at a port of a real server: its pages with their status, and what its checkers speak."""

    protocol: str
    port: int
    tls: bool = False
    smtp: bool = False
    pages: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Reals:
    """What stands behind the directors. ``hosts`` are the ports of each real server by its address.

    ``learns`` is in how many ms the slowest checker finds a failure out, ``starts`` when all have run. ``digests`` are
    the files and the digests in them; ``texts`` is what pages contain. ``notes`` say what is left out.
    """

    services: list[Service] = field(default_factory=list)
    hosts: dict[str, list[Port]] = field(default_factory=dict)
    learns: int = 0
    starts: int = 0
    digests: list[tuple[int, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
    stand = [name for name in names if name.rpartition(":")[0] in found.hosts]
    return [Fault(kind, (), REAL, name, part=f"real server {name}") for name in stand for kind in _FAULTS]


def _service(
    found: Reals,
    services: dict[tuple[str, str, int], _Known],
    node: int,
    conf: Block,
    block: Block,
) -> None:
    kind = (method(block, block) or ["NAT"])[0].upper()
    for protocol, vip, port, mark in keys(conf, block):
        if mark or protocol != "TCP":
            found.notes.append(f"virtual_server {' '.join(block.words[1:3])}: no client asks it: no VIP with TCP")
            continue
        _, servers, hosts = services.setdefault((protocol, vip, port), (kind, {}, {}))
        for server in filter(lambda it: plain_address(it.name), block.named("real_server", "sorry_server")):
            hosts[plain_address(server.name)] = None
            if server.words[0] == "real_server":
                servers[f"{plain_address(server.name)}:{_number(server.words[2:3], port)}"] = None
    for server in block.named("real_server", "sorry_server"):
        address = plain_address(server.name)
        if not address:
            continue
        own = _number(server.words[2:3], next((it[2] for it in keys(conf, block)), 0))
        ports = found.hosts.setdefault(address, [])
        _port(ports, "tcp", own)
        for checker in server.named(*_CHECKERS):
            _checker(found, node, ports, own, checker)
            learns, starts = _times(block, server, checker)
            found.learns = min(max(found.learns, learns), _LONGEST)
            found.starts = min(max(found.starts, starts), _LONGEST)


def _checker(found: Reals, node: int, ports: list[Port], own: int, checker: Block) -> None:
    keyword = checker.words[0]
    inner = [checker, *checker.named("host")]
    asked = next((it.value("connect_port") for it in inner if it.value("connect_port")), "")
    number = _number([asked], own)
    where = f"{checker.path}:{checker.number}"
    if keyword in ("DNS_CHECK", "UDP_CHECK"):
        _port(ports, "udp", number)
        return
    if keyword in ("PING_CHECK", "MISC_CHECK", "FILE_CHECK"):
        return
    port = _port(ports, "tcp", number)
    port.smtp = port.smtp or keyword == "SMTP_CHECK"
    port.tls = port.tls or keyword == "SSL_GET"
    for url in checker.named("url") if keyword in _HTTP else ():
        status = re.match(r"[1-5][0-9][0-9]", url.value("status_code"))
        port.pages[url.value("path") or "/"] = int(status[0]) if status else 200
        digest, regex = url.value("digest"), url.value("regex")
        if _DIGEST.fullmatch(digest):
            found.digests.append((node, url.path, digest))
            found.notes.append("the pages of the real servers are stood in for: their digests are replaced")
        if regex and re.fullmatch(r"[\w ./:-]+", regex):
            found.texts.append(regex)
        elif regex:
            found.notes.append(f"{where}: the page that stands in may not match the regex {regex}")


def _times(service: Block, server: Block, checker: Block) -> tuple[int, int]:
    """Return in how many ms a checker finds a failure out, and when it has run first."""

    def own(keyword: str, default: int) -> int:
        values = (it.value(keyword) for it in (checker, server, service))
        return next((milliseconds(it, default) for it in values if it), default)

    loop = own("delay_loop", _DELAY_LOOP)
    one = own("misc_timeout", loop) if checker.words[0] == "MISC_CHECK" else own("connect_timeout", _TIMEOUT)
    retries = next(
        (whole(it, _RETRY) for it in (checker.value("retry"), checker.value("nb_get_retry")) if it),
        whole(server.value("retry") or service.value("retry"), _RETRY),
    )
    first = own("warmup", loop) if service.last("alpha") or server.last("alpha") else 0
    return loop + (retries + 1) * (one + own("delay_before_retry", _BETWEEN)), first


def _port(ports: list[Port], protocol: str, number: int) -> Port:
    known = next((it for it in ports if (it.protocol, it.port) == (protocol, number)), None)
    if known is None:
        known = Port(protocol, number)
        ports.append(known)
    return known


def _number(words: Sequence[str], default: int) -> int:
    return int(words[0]) if words and _PORT.fullmatch(words[0]) else default


def fields(found: Reals) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield each real server with its ports as plain values."""
    for address, ports in found.hosts.items():
        yield (
            address,
            [
                {"protocol": it.protocol, "port": it.port, "tls": it.tls, "smtp": it.smtp, "pages": it.pages}
                for it in ports
            ],
        )
