"""Which checker of keepalived, or command of ours, asks what ldirectord asks of a real server?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convert.ldirectord_cf import SPECIAL, is_address, is_plain
from convert.wanted import LeftError
from convert.work import limit
from keepalived_scripts.quoting import command

if TYPE_CHECKING:
    from convert.ldirectord_cf import Service
    from convert.work import Way

_SERVICES = {
    21: "ftp", 25: "smtp", 53: "dns", 80: "http", 110: "pop", 119: "nntp", 143: "imap", 389: "ldap", 443: "https",
    587: "submission", 636: "ldaps", 993: "imaps", 995: "pops", 1521: "oracle", 1812: "radius", 3128: "http_proxy",
    3306: "mysql", 5432: "pgsql", 5060: "sip",
}  # fmt: skip
_DIALOGS = {"ftp": "ftp", "imap": "imap", "imaps": "imap", "pop": "pop", "pops": "pop"}


def checker(
    service: Service,
    server: tuple[str, int],
    virtual: tuple[str, int],
    protocol: str,
    asked: tuple[str, str],
    way: Way,
    notes: list[tuple[str, str]],
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
        if not is_plain(path) or " " in path:
            raise LeftError(f"its request has characters that mean something else to keepalived: {request}")
        host = [f"virtualhost {text}"] if (text := service.get("virtualhost")) else []
        return _lines(
            "SSL_GET" if name == "https" else "HTTP_GET", "url {", f"    path {path}", *regex, "}", *connect, *host
        )
    if name in ("smtp", "submission"):
        return _lines("SMTP_CHECK", *connect)
    if name == "dns" and request and is_plain(request) and " " not in request and not is_address(request):
        if receive:
            notes.append((service.place, f"the answer {receive!r} is not compared: give dns_answer expect"))
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
        notes.append((service.place, "its query is not asked: mysql_role and mysql_ping log in by a defaults file"))
        return _command(way, "chk_mysql_ping", "--ignore-auth", *where, wait=wait)
    notes.append((service.place, f"{name} is only asked for its port: no checker or check speaks as ldirectord does"))
    return _lines("PING_CHECK") if protocol == "UDP" else _lines("TCP_CHECK", *connect)


def _command(way: Way, *words: str, wait: int) -> list[str]:
    path = command((f"{way.folder}/{words[0]}", *words[1:]), way.version)
    return _lines("MISC_CHECK", f"misc_path {path}", f"misc_timeout {limit(wait)}")


def _lines(kind: str, *lines: str) -> list[str]:
    return [f"{kind} {{", *(f"    {line}" for line in lines), "}"]


def _quoted(text: str) -> str:
    """Return a text as keepalived has it in double quotes."""
    return "".join(f"\\{ord(char):03o}" if char in SPECIAL or char < " " else char for char in text)
