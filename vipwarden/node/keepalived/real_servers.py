"""Which real servers has keepalived.conf, and by which virtual servers do clients reach them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.virtual_servers import keys

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block


class RealServer(NamedTuple):
    """A real server of a virtual server.

    ``port`` is its own, 0 where it has none. ``vip`` and ``vport`` are those of the virtual server; for a firewall mark
    ``vip`` is empty. ``kind`` is NAT, DR or TUN; ``tunnel`` is the type of a TUN: ipip, gue or gre. ``service`` are the
    words of the virtual server, and ``line`` is where the real server is written.
    """

    address: str
    port: int
    kind: str
    tunnel: str
    vip: str
    vport: int
    service: str
    line: str


def real_servers(path: str) -> list[RealServer]:
    """Return the real servers in the order of the file, one for each VIP of theirs; raises ValueError."""
    try:
        top = parse(path)
        return [
            _real_server(service, server, vip, vport)
            for service in top.named("virtual_server")
            for server in service.named("real_server")
            for _, vip, vport, _ in keys(top, service)
        ]
    except ConfError as error:
        raise ValueError(str(error)) from None


def method(service: Block, server: Block) -> list[str]:
    """Return the words of lb_kind for a real server: NAT (the default), DR or TUN, and what follows it."""
    blocks = (block.last(key) for block in (server, service) for key in ("lvs_method", "lb_kind"))
    return next((block.words[1:] for block in blocks if block is not None and block.name), ["NAT"])


def _real_server(service: Block, server: Block, vip: str, vport: int) -> RealServer:
    kind, *more = method(service, server)
    tunnel = more[1] if more[:1] == ["type"] and len(more) > 1 else "ipip"
    port = server.words[2] if len(server.words) > 2 else ""
    if port and not port.isdigit():
        raise ValueError(f"{server.path}:{server.number}: the port of real server {server.name} is no number")
    where = f"{server.path}:{server.number}"
    words = " ".join(service.words[1:3])
    return RealServer(server.name, int(port or 0), kind.upper(), tunnel.lower(), vip, vport, words, where)
