"""Which virtual services does keepalived.conf configure, and which of their servers only say sorry?"""

from __future__ import annotations

from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import plain_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

    Key = tuple[str, str, int, str]  # protocol, address, port and mark, as in the kernel's table

_MOST = 65536  # addresses of a range


def virtual_services(conf: Block) -> dict[Key, set[tuple[str, int]]]:
    """Return the sorry servers, by address and port, of each virtual service; raises ConfError."""
    services: dict[Key, set[tuple[str, int]]] = {}
    for block in conf.named("virtual_server"):
        sorry = {
            (plain_address(line.words[1]), _port(line, 2))
            for line in block.named("sorry_server")
            if len(line.words) > 1
        }
        for key in keys(conf, block):
            services.setdefault(key, set()).update(sorry)
    return services


def keys(conf: Block, service: Block) -> Iterator[Key]:
    """Yield the services that a virtual_server stands for; raises ConfError."""
    proto = service.value("protocol").upper() or "UDP"  # check_data.c, validate_check_config()
    if service.name != "group":
        yield from _key(service, service.words[1:], proto)
        return
    for group in conf.named("virtual_server_group"):
        if [group.name] == service.words[2:3]:
            for line in group.blocks:
                yield from _key(line, line.words, proto)


def _key(line: Block, words: list[str], proto: str) -> Iterator[Key]:
    """Yield the services of ``ADDRESS[-LAST] [PORT]`` or ``fwmark NUMBER``, as set_value() of keepalived reads them."""
    if words[:1] == ["fwmark"]:
        mark = words[1] if len(words) > 1 else ""
        if not mark.isdecimal() or len(mark) > 10:
            raise ConfError(f"{line.path}:{line.number}: {mark or 'nothing'} is no firewall mark")
        yield "FWM", "", 0, f"{int(mark):08X}"
        return
    first, dash, last = words[0].partition("-") if words else ("", "", "")
    address, port = plain_address(first), _port(line, line.words.index(words[0]) + 1) if words else 0
    if not address:
        raise ConfError(f"{line.path}:{line.number}: {first or 'nothing'} is no address of a virtual service")
    if not dash:
        yield proto, address, port, ""
        return
    separator, base = (":", 16) if ":" in first else (".", 10)
    head, _, start = first.rpartition(separator)
    try:
        numbers = range(int(start, base), int(last, base) + 1)
    except ValueError:
        raise ConfError(f"{line.path}:{line.number}: {words[0]} is no range of addresses") from None
    for number in numbers[:_MOST]:
        yield proto, plain_address(f"{head}{separator}{number:{'x' if base == 16 else 'd'}}"), port, ""


def _port(line: Block, at: int) -> int:
    word = line.words[at] if len(line.words) > at else "0"
    if not word.isdecimal() or len(word) > 5:
        raise ConfError(f"{line.path}:{line.number}: the port {word} is no number")
    return int(word)
