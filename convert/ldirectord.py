"""What would keepalived.conf say in place of ldirectord.cf?

As ldirectord(8) describes the file. Its checks become the checkers of keepalived that ask the same, which are converted
as any others are; where keepalived has none, one of our commands.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, NamedTuple

from convert.wanted import LeftError
from vipwarden.net.file import look
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Collection

    from convert.work import Way

_MOST_BYTES = 1 << 20
_MOST_SERVERS = 4096  # of one range
_METHODS = {"gate": "DR", "masq": "NAT", "ipip": "TUN"}
_SERVICES = {
    21: "ftp", 25: "smtp", 53: "dns", 80: "http", 110: "pop", 119: "nntp", 143: "imap", 389: "ldap", 443: "https",
    587: "submission", 636: "ldaps", 993: "imaps", 995: "pops", 1521: "oracle", 1812: "radius", 3128: "http_proxy",
    3306: "mysql", 5432: "pgsql", 5060: "sip",
}  # fmt: skip
_DIALOGS = {"ftp": "ftp", "imap": "imap", "imaps": "imap", "pop": "pop", "pops": "pop"}
_LOST = ("callback", "emailalert", "maintenancedir", "monitorfile", "passwd", "secret")
_SPECIAL = frozenset('\\"$!#{}~@')
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


class _Line(NamedTuple):
    key: str
    value: str
    number: int


class _Service:
    """A virtual service with its settings: its own first, then those of the whole file."""

    def __init__(self, place: str, value: str, around: dict[str, str]) -> None:
        self.place = place
        self.value = value
        self.own: dict[str, str] = {}
        self.around = around
        self.reals: list[_Line] = []

    def get(self, key: str, default: str = "") -> str:
        """Return a setting without quotes; raises LeftError for characters that keepalived would interpret."""
        text = self.own.get(key, self.own.get(f"{key}6", self.around.get(key, default))).strip().strip('"')
        if key not in ("request", "receive") and not _is_plain(text):
            raise LeftError(f"{key} has characters that mean something else to keepalived: {text}")
        return text

    def number(self, key: str, default: int) -> int:
        """Return a number; raises LeftError."""
        text = self.get(key, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 5:
            raise LeftError(f"{key} {text} is no number")
        return int(text)


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
    for service in _services(path, data.decode("utf-8", "replace"), made.notes):
        try:
            blocks.append(_block(service, way, known, made))
        except LeftError as error:
            made.left.append((service.place, f"virtual {service.value}: {error}"))
    return Text("".join(f"\n{block}" for block in blocks), made.left, made.notes, len(blocks))


def _services(path: str, text: str, notes: list[tuple[str, str]]) -> list[_Service]:
    around: dict[str, str] = {}
    services: list[_Service] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].rstrip()  # in quotes as well, as there
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            if line.strip():
                notes.append((f"{path}:{number}", f"{line.strip()!r} is no setting"))
            continue
        if key in _LOST:
            notes.append((f"{path}:{number}", f"{key} is not taken over"))
        is_inside = line[:1] in (" ", "\t")
        if key in ("virtual", "virtual6"):
            services.append(_Service(f"{path}:{number}", value, around))
        elif is_inside and services and key in ("real", "real6"):
            services[-1].reals.append(_Line(key, value, number))
        else:
            (services[-1].own if is_inside and services else around)[key] = value
    return services


def _block(service: _Service, way: Way, known: Collection[tuple[str, ...]], made: Text) -> str:
    """Return a virtual_server; raises LeftError."""
    mark = service.value.isdigit()
    host, port = ("fwmark", 0) if mark else _place(service.value)
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
        sorry, sorry_port = _place(place, port)
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


def _servers(service: _Service, line: _Line, host: str, port: int, protocol: str, way: Way, made: Text) -> list[str]:
    """Return the real servers of a line; raises LeftError."""
    match = _REAL.fullmatch(line.value)
    if match is None:
        raise LeftError(f"line {line.number}: {line.value} is no real server")
    first, _, last = match["hosts"].partition("->")
    addresses = _range(first, last) if last else [_place(first)[0]]
    at = _port(match["port"]) if match["port"] else 0
    texts = []
    for address in addresses:
        lines = [f"weight {match['weight'] or 1}", f"lvs_method {_METHODS[match['way']]}"]
        lines += ["inhibit_on_failure"] if service.get("quiescent", "yes") == "yes" else []
        request, receive = (match[key] or service.get(key) for key in ("request", "receive"))
        checks = _checker(service, (address, at or port), (host, port), protocol, (request, receive), way, made)
        if checks:
            checks.insert(-1, f"    retry {max(service.number('failurecount', 1), 1) - 1}")
        inside = "".join(f"        {text}\n" for text in [*lines, *checks])
        texts.append(f"    real_server {address}{f' {at or port}' if at or port else ''} {{\n{inside}    }}\n")
    return texts


def _checker(
    service: _Service,
    server: tuple[str, int],
    virtual: tuple[str, int],
    protocol: str,
    asked: tuple[str, str],
    way: Way,
    made: Text,
) -> list[str]:
    """Return the lines of a checker; raises LeftError."""
    kind = service.get("checktype", "negotiate")
    address, port = server[0], service.number("checkport", server[1])
    request, receive = asked
    connect = [f"connect_port {port}"] if port != server[1] else []
    name = service.get("service", _SERVICES.get(virtual[1], "none"))
    if kind == "on" or (kind == "negotiate" and name == "none"):
        return []
    if kind in ("external", "external-perl"):
        if not virtual[1]:
            raise LeftError("a checkcommand gets the port of its virtual service, and a firewall mark has none")
        words = [service.get("checkcommand", "/bin/true"), *map(str, (*virtual, *server))]
        return _lines(
            "MISC_CHECK", f'misc_path "{" ".join(words)}"', f"misc_timeout {service.number('checktimeout', 5)}"
        )
    if kind == "ping" or (kind == "connect" and protocol == "UDP"):
        return _lines("PING_CHECK")
    if kind == "connect":
        return _lines("TCP_CHECK", *connect)
    if name in ("http", "https"):
        if service.get("httpmethod", "GET").upper() != "GET" or "://" in request:
            raise LeftError("it asks by HEAD, or another server")
        regex = [f'    regex "{_quoted(receive)}"'] if receive else []
        path = request if request.startswith("/") else f"/{request}"
        if not _is_plain(path) or " " in path:
            raise LeftError(f"its request has characters that mean something else to keepalived: {request}")
        host = [f"virtualhost {text}"] if (text := service.get("virtualhost")) else []
        return _lines(
            "SSL_GET" if name == "https" else "HTTP_GET", "url {", f"    path {path}", *regex, "}", *connect, *host
        )
    if name in ("smtp", "submission"):
        return _lines("SMTP_CHECK", *connect)
    if name == "dns" and request and _is_plain(request) and " " not in request and not _is_address(request):
        if receive:
            made.notes.append((service.place, f"the answer {receive!r} is not compared: give dns_answer expect"))
        return _lines("DNS_CHECK", "type A", f"name {request}", *connect)
    wait = min(service.number("negotiatetimeout", 30), service.number("checkinterval", 10))
    where = ("--host", address, "--port", str(port), "--timeout", str(wait))
    if name in _DIALOGS:
        tls = ("--tls", "--insecure") if name.endswith("s") else ()
        return _command(way, "chk_dialog", "--preset", _DIALOGS[name], *tls, *where, wait=wait)
    if name == "simpletcp" and not any(char in request + receive for char in "\"'"):
        steps = (("--step", f'send "{request}"') if request else ()) + (
            ("--step", f"expect rstring '{receive}'") if receive else ()
        )
        return _command(way, "chk_dialog" if steps else "chk_port", *steps, *where, wait=wait)
    if name == "mysql":
        made.notes.append(
            (service.place, "its query is not asked: mysql_role and mysql_ping log in by a defaults file")
        )
        return _command(way, "chk_mysql_ping", "--ignore-auth", *where, wait=wait)
    made.notes.append(
        (service.place, f"{name} is only asked for its port: no checker or check speaks as ldirectord does")
    )
    return _lines("PING_CHECK") if protocol == "UDP" else _lines("TCP_CHECK", *connect)


def _command(way: Way, *words: str, wait: int) -> list[str]:
    from convert.work import limit
    from keepalived_scripts.keepalived_conf import command

    path = command((f"{way.folder}/{words[0]}", *words[1:]), Version(str(way.version)))
    return _lines("MISC_CHECK", f"misc_path {path}", f"misc_timeout {limit(wait)}")


def _lines(kind: str, *lines: str) -> list[str]:
    return [f"{kind} {{", *(f"    {line}" for line in lines), "}"]


def _is_plain(text: str) -> bool:
    """Return whether keepalived takes a text as it is."""
    return text.isprintable() and not _SPECIAL.intersection(text)


def _quoted(text: str) -> str:
    """Return a text as keepalived has it in double quotes."""
    return "".join(f"\\{ord(char):03o}" if char in _SPECIAL or char < " " else char for char in text)


def _place(text: str, port: int = 0) -> tuple[str, int]:
    """Return address and port; raises LeftError."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        service = rest.removeprefix(":")
    else:
        host, _, service = text.partition(":")
    if not _is_address(host):
        raise LeftError(f"{host} is no address, which keepalived wants")
    return host, _port(service) if service else port


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6:
        return int(text)
    try:
        return socket.getservbyname(text)
    except OSError:
        raise LeftError(f"{text} is no port, and not in /etc/services") from None


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _range(first: str, last: str) -> list[str]:
    try:
        low, high = int(IPv4Address(first)), int(IPv4Address(last))
    except ValueError:
        raise LeftError(f"{first}->{last} is no range of addresses") from None
    if not 0 <= high - low < _MOST_SERVERS:
        raise LeftError(f"{first}->{last} runs backwards, or is too long")
    return [str(IPv4Address(number)) for number in range(low, high + 1)]
