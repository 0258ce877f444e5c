"""What does a checker of keepalived want of a real server, and when does it find a failure out?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rehearse.numbers import milliseconds, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.node.keepalived.conf import Block

_HTTP = ("HTTP_GET", "SSL_GET")
_DATAGRAMS = ("DNS_CHECK", "UDP_CHECK")
_ASK_NO_PORT = ("PING_CHECK", "MISC_CHECK", "FILE_CHECK")
CHECKERS = (*_HTTP, *_DATAGRAMS, *_ASK_NO_PORT, "TCP_CHECK", "SMTP_CHECK")
_DELAY_LOOP = 60_000  # ms, and the defaults of most checkers
_TIMEOUT, _RETRY, _BETWEEN = 5_000, 3, 3_000
_LONGEST_REPLY = 1024  # bytes of a datagram
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(slots=True)
class Port:
    """What answers at a port of a real server: its pages with their status, and what its checkers speak.

    ``replies`` are those of UDP_CHECK in hex, by what it sends; by nothing where that is not written.
    """

    protocol: str
    port: int
    tls: bool = False
    smtp: bool = False
    dns: bool = False
    pages: dict[str, int] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Wanted:
    """What the pages of all real servers have to be: ``digests`` are files and the digests in them, by node.

    ``texts`` is what pages contain. ``notes`` say what is left out.
    """

    digests: list[tuple[int, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def want(wanted: Wanted, node: int, ports: list[Port], own: int, checker: Block) -> None:
    """Add what a checker asks of a real server, whose own port is ``own``; 0 is none."""
    keyword = checker.words[0]
    inner = [checker, *checker.named("host")]
    number = number_of([next((it.value("connect_port") for it in inner if it.value("connect_port")), "")], own)
    if keyword == "FILE_CHECK":
        where = f"{checker.path}:{checker.number}"
        wanted.notes.append(f"{where}: FILE_CHECK: nobody writes its file on a stage: it goes on saying what it says")
    if keyword in _ASK_NO_PORT or not number:
        return
    port = port_of(ports, "udp" if keyword in _DATAGRAMS else "tcp", number)
    port.dns = port.dns or keyword == "DNS_CHECK"
    port.smtp = port.smtp or keyword == "SMTP_CHECK"
    port.tls = port.tls or keyword == "SSL_GET"
    if keyword == "UDP_CHECK":
        _reply(port, checker)
    for url in checker.named("url") if keyword in _HTTP else ():
        _page(wanted, node, port, url)


def _reply(port: Port, checker: Block) -> None:
    """Note which reply UDP_CHECK requires (check_udp_reply() of keepalived); an X is any digit (read_hex_str())."""
    line, sends = checker.last("require_reply"), checker.last("payload")
    required = _hex(line.words[1:]) if line is not None else ""
    if required:
        least = min(whole(checker.value("min_reply_length"), 0), _LONGEST_REPLY)
        port.replies[_hex(sends.words[1:]) if sends is not None else ""] = required.ljust(2 * least, "0")


def _hex(words: Sequence[str]) -> str:
    """Return whole bytes in hex, nothing where the words are none."""
    digits = "".join("0" * (len(it) % 2) + it for it in words).lower().replace("x", "0")
    return digits if re.fullmatch(r"[0-9a-f]*", digits) and len(digits) <= 2 * _LONGEST_REPLY else ""


def _page(wanted: Wanted, node: int, port: Port, url: Block) -> None:
    status = re.match(r"[1-5][0-9][0-9]", url.value("status_code"))
    port.pages[url.value("path") or "/"] = int(status[0]) if status else 200
    digest, regex = url.value("digest"), url.value("regex")
    if _DIGEST.fullmatch(digest):
        wanted.digests.append((node, url.path, digest))
        wanted.notes.append("the pages of the real servers are stood in for: their digests are replaced")
    if regex and re.fullmatch(r"[\w ./:-]+", regex):
        wanted.texts.append(regex)
    elif regex:
        wanted.notes.append(f"{url.path}:{url.number}: the page that stands in may not match the regex {regex}")


def times(service: Block, server: Block, checker: Block) -> tuple[int, int]:
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


def port_of(ports: list[Port], protocol: str, number: int) -> Port:
    """Return a port of a real server, which is added where it is new."""
    known = next((it for it in ports if (it.protocol, it.port) == (protocol, number)), None)
    if known is None:
        known = Port(protocol, number)
        ports.append(known)
    return known


def number_of(words: Sequence[str], default: int) -> int:
    """Return the port that the first word names, or the default."""
    return int(words[0]) if words and _PORT.fullmatch(words[0]) else default
