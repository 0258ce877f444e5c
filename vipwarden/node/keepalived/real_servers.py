"""Which real servers has keepalived.conf, and by which virtual servers do clients reach them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    except ConfError as error:
        raise ValueError(str(error)) from None
    return [
        _real_server(service, server, vip, vport)
        for service in top.named("virtual_server")
        for server in service.named("real_server")
        for vip, vport in _vips(top, service)
    ]


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


def _vips(top: Block, service: Block) -> Iterator[tuple[str, int]]:
    """Yield address and port of each VIP of a virtual server; for a firewall mark an empty address."""
    words = service.words[1:3]
    if words[:1] != ["group"]:
        yield _vip(words, service)
        return
    for group in top.named("virtual_server_group"):
        for entry in group.blocks if [group.name] == service.words[2:3] else ():
            address, dash, last = entry.words[0].rpartition("-")
            if not dash:
                yield _vip(entry.words, entry)
                continue
            head, separator, first = address.rpartition(":" if ":" in address else ".")
            base = 16 if separator == ":" else 10
            try:
                numbers = range(int(first, base), int(last, base) + 1)
            except ValueError:
                raise ValueError(f"{entry.path}:{entry.number}: {entry.words[0]} is no range of addresses") from None
            for number in numbers[:256]:
                yield _vip([f"{head}{separator}{number:{'x' if base == 16 else 'd'}}", *entry.words[1:]], entry)


def _vip(words: list[str], block: Block) -> tuple[str, int]:
    if words[:1] == ["fwmark"]:
        return "", 0
    port = words[1] if len(words) > 1 else ""
    if port and not port.isdigit():
        raise ValueError(f"{block.path}:{block.number}: the port of {words[0]} is no number")
    return words[0], int(port or 0)
