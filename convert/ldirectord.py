"""What would keepalived.conf say in place of ldirectord.cf?

As ldirectord(8) describes the file. Its checks become the checkers of keepalived that ask the same, which are converted
as any others are; where keepalived has none, one of our commands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from convert.ldirectord_cf import place_of, port_of, range_of, services
from convert.ldirectord_checks import checker
from convert.wanted import LeftError
from vipwarden.net.file import look
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from collections.abc import Collection

    from convert.ldirectord_cf import Line, Service
    from convert.work import Way

_MOST_BYTES = 1 << 20
_METHODS = {"gate": "DR", "masq": "NAT", "ipip": "TUN"}
_REAL = re.compile(
    r"(?P<hosts>\[[^\]]+\]|[^\s:\[\]>]+(?:->[^\s:]+)?)(?::(?P<port>\S+))?\s+(?P<way>gate|masq|ipip)(?:\s+(?P<weight>\d+))?"
    r"(?:\s+\"(?P<request>[^\"<]*)\"(?:\s*,\s*\"(?P<receive>[^\"]*)\")?)?(?:\s+\"<[lu]:\d+>\")*"
)


class Text(NamedTuple):
    """Lines for keepalived.conf; ``left`` and ``notes`` are places, and what is to be said of them."""

    text: str
    left: list[tuple[str, str]]
    notes: list[tuple[str, str]]
    done: int


def translated(path: str, way: Way, known: Collection[tuple[str, ...]]) -> Text:
    """Return the virtual servers of a ldirectord.cf, but for those that are ``known``; raises ConfError."""
    try:
        data = look(path, _MOST_BYTES)[1]
    except (OSError, ValueError) as error:
        raise ConfError(f"cannot read {path}: {error.args[-1]}") from None
    if len(data) > _MOST_BYTES or b"\0" in data:
        raise ConfError(f"{path} is no ldirectord.cf")
    made = Text("", [], [], 0)
    blocks = []
    for service in services(path, data.decode("utf-8", "replace"), made.notes):
        try:
            blocks.append(_block(service, way, known, made))
        except LeftError as error:
            made.left.append((service.place, f"virtual {service.value}: {error}"))
    return Text("".join(f"\n{block}" for block in blocks), made.left, made.notes, len(blocks))


def _block(service: Service, way: Way, known: Collection[tuple[str, ...]], made: Text) -> str:
    """Return a virtual_server; raises LeftError."""
    mark = service.value.isdigit()
    host, port = ("fwmark", 0) if mark else place_of(service.value)
    head = f"{host} {int(service.value) if mark else port}"
    if tuple(head.split()) in known:
        raise LeftError("keepalived.conf has it already")
    protocol = service.get("protocol", "udp" if port == 53 and not mark else "tcp").upper()
    interval = service.number("checkinterval", 10)
    timeout = service.number("checktimeout", service.number("negotiatetimeout", 5))
    kind = service.get("checktype", "negotiate")
    if kind == "negotiate" or kind.isdigit():
        timeout = service.number("negotiatetimeout", service.number("checktimeout", 30))
    if kind == "off":
        raise LeftError("with checktype off no server gets a connection")
    lines = [
        f"delay_loop {interval}",
        f"delay_before_retry {interval}",
        f"connect_timeout {timeout}",
        "alpha    # ldirectord checks a server before it gets connections",
        f"lb_algo {service.get('scheduler', 'wrr')}",
        *(["ops"] if service.get("ops") == "yes" else []),
        *([] if mark else [f"protocol {protocol}"]),
    ]
    if persistent := service.get("persistent"):
        lines.append(f"persistence_timeout {persistent}")
    if netmask := service.get("netmask"):
        lines.append(f"persistence_granularity {netmask}")
    if fallback := service.get("fallback"):
        place, _, method = fallback.partition(" ")
        sorry, sorry_port = place_of(place, port)
        lines.append(f"sorry_server {sorry} {sorry_port}")
        if method.strip() in _METHODS:
            lines.append(f"sorry_server_lvs_method {_METHODS[method.strip()]}")
    if command := service.get("fallbackcommand"):
        for keyword, word in (("quorum_down", "start"), ("quorum_up", "stop")):
            lines.append(f'{keyword} "{command} {word} {host}:{port} {protocol.lower()}"')
    servers = [text for line in service.reals for text in _servers(service, line, host, port, protocol, way, made)]
    if not servers:
        raise LeftError("it has no real servers")
    body = "".join(f"    {line}\n" for line in lines) + "".join(servers)
    return f"virtual_server {head} {{\n{body}}}\n"


def _servers(service: Service, line: Line, host: str, port: int, protocol: str, way: Way, made: Text) -> list[str]:
    """Return the real servers of a line; raises LeftError."""
    match = _REAL.fullmatch(line.value)
    if match is None:
        raise LeftError(f"line {line.number}: {line.value} is no real server")
    first, _, last = match["hosts"].partition("->")
    addresses = range_of(first, last) if last else [place_of(first)[0]]
    at = port_of(match["port"]) if match["port"] else 0
    if port and match["way"] != "masq":  # only NAT changes the port
        at = port
    texts = []
    for address in addresses:
        lines = [f"weight {match['weight'] or 1}", f"lvs_method {_METHODS[match['way']]}"]
        lines += ["inhibit_on_failure"] if service.get("quiescent", "yes") == "yes" else []
        request, receive = (match[key] or service.get(key) for key in ("request", "receive"))
        checks = checker(service, (address, at or port), (host, port), protocol, (request, receive), way, made.notes)
        if checks:
            checks.insert(-1, f"    retry {max(service.number('failurecount', 1), 1) - 1}")
        inside = "".join(f"        {text}\n" for text in [*lines, *checks])
        texts.append(f"    real_server {address}{f' {at or port}' if at or port else ''} {{\n{inside}    }}\n")
    return texts
