"""What does a checker of a real server ask, in the words of our checks?

Defaults and their order are those of keepalived's check_api.c, check_data.c (validate_check_config()) and the check_*.c
of each checker: a statement of the checker counts before one of the real server, and that before the virtual server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convert.wanted import Asked, LeftError, Wanted
from vipwarden.node.keepalived.conf import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from convert.wanted import Value
    from vipwarden.node.keepalived.conf import Block

CHECKERS = ("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "MISC_CHECK")
OTHERS = {"FILE_CHECK": "it is by a file already", "BFD_CHECK": "no check of vipwarden speaks BFD"}
# retries and the seconds before them; 0 is the delay_loop
_RETRIES = {"HTTP_GET": (1, 3), "SSL_GET": (1, 3), "DNS_CHECK": (3, 0), "MISC_CHECK": (0, 1)}
_MOST_SECONDS = 86400
_CONNECTION = ("connect_ip", "connect_port", "bindto", "bind_port", "bind_if", "connect_timeout", "fwmark")
_TIMES = ("retry", "delay_before_retry", "warmup", "delay_loop", "alpha", "log_all_failures")
_REGEX = ("regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset", "regex_stack")
_HTTP = (
    "nb_get_retry",
    "virtualhost",
    "http_protocol",
    "enable_sni",
    "sni_name",
    "fast_recovery",
    "tls_compliant",
    "url",
)
_OWN = {
    "HTTP_GET": _HTTP,
    "SSL_GET": _HTTP,
    "SMTP_CHECK": ("helo_name", "host"),
    "DNS_CHECK": ("type", "name"),
    "UDP_CHECK": ("payload", "require_reply", "min_reply_length", "max_reply_length"),
    "MISC_CHECK": ("misc_path", "misc_timeout", "misc_dynamic", "user"),
}
_INSIDE = {
    "url": ("path", "digest", "status_code", "virtualhost", "regex", *_REGEX, "tls_compliant"),
    "host": (*_CONNECTION, *_TIMES),
}
_HELO = "smtpchecker.keepalived.org"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:")


def wanted(service: Block, server: Block, checker: Block) -> Wanted:
    """Return what a built-in checker asks; raises LeftError."""
    kind = checker.words[0]
    made = times(service, server, checker)
    if kind == "SMTP_CHECK" and (hosts := list(checker.named("host"))):
        connections = [*([checker] if any(checker.named(*_CONNECTION)) else []), *hosts]
    else:
        connections = [checker]
    for connection in connections:
        made.checks += _MAKERS[kind](_Target((checker, server, service), _place(server, connection), made))
    made.checks = [asked.proved() for asked in made.checks]
    made.name = _name(made.checks[0], server)
    return made


def times(service: Block, server: Block, checker: Block) -> Wanted:
    """Return the times of a checker; raises LeftError."""
    kind = checker.words[0]
    all_known(checker, (*_TIMES, *(() if kind == "MISC_CHECK" else _CONNECTION), *_OWN.get(kind, ())), _INSIDE)
    retries, pause = _RETRIES.get(kind, (1, 1))
    around = (checker, server, service)
    loop = number(around, "delay_loop", 60)
    if loop < 0.5:
        raise LeftError(f"delay_loop {loop:g} is shorter than a verdict takes on its way")
    retry = number([*checker.named("nb_get_retry"), *around], "retry", retries)
    for block in checker.blocks:  # the last of both counts
        if block.words[0] in ("nb_get_retry", "retry") and block.name.isdigit():
            retry = float(block.name)
    wait = number(around, "delay_before_retry", pause or loop)
    timeout = number(around, "connect_timeout", 5)
    if kind == "MISC_CHECK":
        timeout = number((checker,), "misc_timeout", loop) or loop
    made = Wanted([], "", loop, min(timeout, loop), fall=int(retry) + 1, pause=max(wait, 0.1))
    if timeout > loop:
        made.notes.append(f"its time-out of {timeout:g} s is cut to the delay_loop, {loop:g} s")
    return made


def all_known(block: Block, known: Sequence[str], inside: Mapping[str, Sequence[str]]) -> None:
    """See that nothing in a block would be lost with it; raises LeftError."""
    for line in block.blocks:
        if line.words[0] not in known:
            raise LeftError(f"convert does not know {line.words[0] or 'the braces'} in it")
        if line.blocks and line.words[0] not in inside:
            raise LeftError(f"{line.words[0]} has braces")
        all_known(line, inside.get(line.words[0], ()), {})


def number(blocks: tuple[Block, ...] | list[Block], keyword: str, default: float) -> float:
    """Return the number of a keyword in the first of the blocks that has it; raises LeftError."""
    text = next((value for block in blocks if (value := block.value(keyword))), "")
    if not text:
        return default
    if not (text.isascii() and text.replace(".", "", 1).isdigit()) or float(text) > _MOST_SECONDS:
        raise LeftError(f"{keyword} {text} is no number up to {_MOST_SECONDS}")
    return float(text)


class _Target(NamedTuple):
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


def _place(server: Block, connection: Block) -> dict[str, Value]:
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


def _tcp(target: _Target) -> list[Asked]:
    return [Asked("port", target.with_port)]


def _ping(target: _Target) -> list[Asked]:
    known = {name: value for name, value in target.place.items() if name != "port"}
    return [Asked("icmp_echo", {**known, "count": "1", "lost_after": f"{target.made.timeout:g}"})]


def _udp(target: _Target) -> list[Asked]:
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


def _dns(target: _Target) -> list[Asked]:
    name = target.checker.value("name")
    if not name or name == ".":
        raise LeftError("it asks for the root, which says nothing of a zone: name one, then dns_answer asks for that")
    target.made.notes.append("an answer without such a record, or a truncated answer without TCP, now is a failure")
    record = target.checker.value("type") or "SOA"
    return [Asked("dns_answer", {**target.with_port, "query": name, "record_type": record})]


def _smtp(target: _Target) -> list[Asked]:
    name = target.checker.value("helo_name") or _HELO
    if not _PLAIN.issuperset(name):
        raise LeftError(f"helo_name {name} is no name of a host")
    steps = [*_reply("220"), f'send "HELO {name}\\r\\n"', *_reply("250"), 'send "QUIT\\r\\n"']
    return [Asked("dialog", {**target.with_port, "step": steps})]


def _reply(code: str) -> tuple[str, str]:
    """Return the steps that wait for a whole reply; another code is a failure at once."""
    return rf"expect min-recv 4 rstring '^{code}[ \r-]'", rf"expect rstring '(?m)^{code}( [^\n]*)?\r?\n'"


def _http(target: _Target) -> list[Asked]:
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
    if url.last(*_REGEX):
        raise LeftError("its regex has options of PCRE")
    if (regex := url.last("regex")) is not None:
        words = quoted(regex.text)
        if len(words) < 2:
            raise LeftError("its regex has a quote without an end")
        known["regex"] = words[1]
    return Asked("http_digest", known)


_MAKERS: dict[str, Callable[[_Target], list[Asked]]] = {
    "TCP_CHECK": _tcp,
    "HTTP_GET": _http,
    "SSL_GET": _http,
    "SMTP_CHECK": _smtp,
    "DNS_CHECK": _dns,
    "UDP_CHECK": _udp,
    "PING_CHECK": _ping,
}
_KINDS = {"port": "tcp", "http_digest": "http", "dialog": "smtp", "dns_answer": "dns", "udp_reply": "udp"}


def _name(asked: Asked, server: Block) -> str:
    """Return a name for the verdict, such as tcp@192.0.2.11:80."""
    kind = "https" if "tls" in asked.options else _KINDS.get(asked.check, "ping")
    port = asked.options.get("port", "")
    host = str(asked.options["host"] or server.name)
    host = f"[{host}]" if ":" in host and port else host
    return f"{kind}@{host}{port and ':'}{port}"
