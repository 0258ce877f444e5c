"""When does a checker of a real server ask, and which of its statements count?

Defaults and their order are those of keepalived's check_api.c, check_data.c (validate_check_config()) and the check_*.c
of each checker: a statement of the checker counts before one of the real server, and that before the virtual server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convert.target import MAKERS, REGEX, Target, place
from convert.wanted import LeftError, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convert.wanted import Asked
    from vipwarden.node.keepalived.conf import Block

CHECKERS = ("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "MISC_CHECK")
OTHERS = {"FILE_CHECK": "it is by a file already", "BFD_CHECK": "no check of vipwarden speaks BFD"}
# retries and the seconds before them; 0 is the delay_loop
_RETRIES = {"HTTP_GET": (1, 3), "SSL_GET": (1, 3), "DNS_CHECK": (3, 0), "MISC_CHECK": (0, 1)}
_MOST_SECONDS = 86400
_CONNECTION = ("connect_ip", "connect_port", "bindto", "bind_port", "bind_if", "connect_timeout", "fwmark")
_TIMES = ("retry", "delay_before_retry", "warmup", "delay_loop", "alpha", "log_all_failures")
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
    "url": ("path", "digest", "status_code", "virtualhost", "regex", *REGEX, "tls_compliant"),
    "host": (*_CONNECTION, *_TIMES),
}
_KINDS = {"port": "tcp", "http_digest": "http", "dialog": "smtp", "dns_answer": "dns", "udp_reply": "udp"}


def wanted(service: Block, server: Block, checker: Block) -> Wanted:
    """Return what a built-in checker asks; raises LeftError."""
    kind = checker.words[0]
    made = times(service, server, checker)
    if kind == "SMTP_CHECK" and (hosts := list(checker.named("host"))):
        connections = [*([checker] if any(checker.named(*_CONNECTION)) else []), *hosts]
    else:
        connections = [checker]
    for connection in connections:
        made.checks += MAKERS[kind](Target((checker, server, service), place(server, connection), made))
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


def _name(asked: Asked, server: Block) -> str:
    """Return a name for the verdict, such as tcp@192.0.2.11:80."""
    kind = "https" if "tls" in asked.options else _KINDS.get(asked.check, "ping")
    port = asked.options.get("port", "")
    host = str(asked.options["host"] or server.name)
    host = f"[{host}]" if ":" in host and port else host
    return f"{kind}@{host}{port and ':'}{port}"
