"""What does each kind of checker ask of the server that it connects to, in the words of our checks?

Defaults are those of keepalived's check_*.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convert.wanted import Asked, LeftError
from vipwarden.node.keepalived.conf import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from convert.wanted import Value, Wanted
    from vipwarden.node.keepalived.conf import Block

REGEX = ("regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset", "regex_stack")
_HELO = "smtpchecker.keepalived.org"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:")


class Target(NamedTuple):
    """A connection of a checker: its blocks from the inside, where it leads, and the times."""

    blocks: tuple[Block, Block, Block]
    place: dict[str, Value]
    made: Wanted

    @property
    def checker(self) -> Block:
        """The block of the checker."""
        return self.blocks[0]

    @property
    def with_port(self) -> dict[str, Value]:
        """The place of a check that needs a port; raises LeftError."""
        if "port" not in self.place:
            raise LeftError("the real server has no port to check")
        return self.place


def place(server: Block, connection: Block) -> dict[str, Value]:
    """Return host, port and source of a connection; raises LeftError."""
    for keyword in ("bind_port", "bind_if", "fwmark"):
        value = connection.value(keyword)
        if value and (keyword, value) != ("fwmark", "0"):
            raise LeftError(f"{keyword} {value}: no check of vipwarden binds to a port, an interface or a mark")
    known: dict[str, Value] = {"host": connection.value("connect_ip") or server.name}
    own = server.words[2] if len(server.words) > 2 else ""
    port = connection.value("connect_port") or own
    if port and port != "0":
        known["port"] = port
    if source := connection.value("bindto"):
        known["source"] = source
    return known


def _tcp(target: Target) -> list[Asked]:
    return [Asked("port", target.with_port)]


def _ping(target: Target) -> list[Asked]:
    known = {name: value for name, value in target.place.items() if name != "port"}
    return [Asked("icmp_echo", {**known, "count": "1", "lost_after": f"{target.made.timeout:g}"})]


def _udp(target: Target) -> list[Asked]:
    checker, known = target.checker, dict(target.with_port)
    reply = checker.last("require_reply")
    if (reply is not None and len(reply.words) > 1) or checker.last("min_reply_length", "max_reply_length"):
        raise LeftError("it compares the bytes of the reply with a mask, or counts them; udp_reply looks for a text")
    payload = checker.last("payload")
    if payload is not None and len(payload.words) > 1:
        digits = "".join(payload.words[1:])
        if len(digits) % 2 or digits.strip("0123456789abcdefABCDEF"):
            raise LeftError(f"its payload {digits} is not in hexadecimal")
        known["send"] = "".join(f"\\x{digits[at : at + 2].lower()}" for at in range(0, len(digits), 2))
    elif reply is not None:
        raise LeftError("it wants a reply to arbitrary bytes; give it a payload")
    if reply is None:
        known["silence"] = "ok"
    return [Asked("udp_reply", known)]


def _dns(target: Target) -> list[Asked]:
    name = target.checker.value("name")
    if not name or name == ".":
        raise LeftError("it asks for the root, which says nothing of a zone: name one, then dns_answer asks for that")
    target.made.notes.append("an answer without such a record, or a truncated answer without TCP, now is a failure")
    record = target.checker.value("type") or "SOA"
    return [Asked("dns_answer", {**target.with_port, "query": name, "record_type": record})]


def _smtp(target: Target) -> list[Asked]:
    name = target.checker.value("helo_name") or _HELO
    if not _PLAIN.issuperset(name):
        raise LeftError(f"helo_name {name} is no name of a host")
    steps = [*_reply("220"), f'send "HELO {name}\\r\\n"', *_reply("250"), 'send "QUIT\\r\\n"']
    return [Asked("dialog", {**target.with_port, "step": steps})]


def _reply(code: str) -> tuple[str, str]:
    """Return the steps that wait for a whole reply; another code is a failure at once."""
    return rf"expect min-recv 4 rstring '^{code}[ \r-]'", rf"expect rstring '(?m)^{code}( [^\n]*)?\r?\n'"


def _http(target: Target) -> list[Asked]:
    checker = target.checker
    urls = list(checker.named("url"))
    if not urls:
        raise LeftError("it has no url, and keepalived ignores it")
    host = next((value for block in target.blocks if (value := block.value("virtualhost"))), "")
    common = target.with_port
    if (version := checker.value("http_protocol")) and version != "1.0":
        common["http_version"] = version
    if checker.words[0] == "SSL_GET":
        common |= {"tls": True, "insecure": True}  # keepalived verifies nothing
        if sni := checker.value("sni_name"):
            common["sni"] = sni
        elif checker.last("enable_sni") is None:
            common["sni"] = str(common["host"])  # an address: no name is sent
    return [_url(url, dict(common), host) for url in urls]


def _url(url: Block, known: dict[str, Value], host: str) -> Asked:
    if host := url.value("virtualhost") or host:
        known["virtualhost"] = host
    elif known.get("sni") == known["host"]:
        del known["sni"]  # which is the default
    known["path"] = url.value("path") or "/"
    if digest := url.value("digest"):
        known["digest"] = digest
    codes = [word for block in url.named("status_code") for word in block.words[1:]]
    if codes:
        known["status"] = ",".join(codes)
    if url.last(*REGEX):
        raise LeftError("its regex has options of PCRE")
    if (regex := url.last("regex")) is not None:
        words = quoted(regex.text)
        if len(words) < 2:
            raise LeftError("its regex has a quote without an end")
        known["regex"] = words[1]
    return Asked("http_digest", known)


MAKERS: dict[str, Callable[[Target], list[Asked]]] = {
    "TCP_CHECK": _tcp,
    "HTTP_GET": _http,
    "SSL_GET": _http,
    "SMTP_CHECK": _smtp,
    "DNS_CHECK": _dns,
    "UDP_CHECK": _udp,
    "PING_CHECK": _ping,
}
