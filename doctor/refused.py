"""Which lines of haproxy.cfg does the installed HAProxy no longer know?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, Finding
from doctor.host import SEARCHED, slurp
from vipwarden.node.haproxy.cfg import MOST_BYTES, lines, listener
from vipwarden.node.keepalived.version import Version, said_by

if TYPE_CHECKING:
    from collections.abc import Iterator


_HEADERS = "http-request or http-response with add-header, del-header, replace-header, replace-path or deny"
_TIMEOUTS = {"contimeout": "timeout connect", "clitimeout": "timeout client", "srvtimeout": "timeout server"}


class _Gone(NamedTuple):
    """The words of a line that HAProxy refuses from a version on, and what takes their place."""

    words: str
    since: str
    instead: str


# each was tried with HAProxy 2.2, 2.6, 3.0 and 3.2
_GONE = (
    _Gone("nbproc", "2.5", "leave it out: threads take its place (nbthread)"),
    _Gone("appsession", "1.6", "stick-table and stick on, or cookie"),
    *(_Gone(f"{word}", "2.1", instead) for word, instead in _TIMEOUTS.items()),
    *(_Gone(f"timeout {word}", "2.1", instead) for word, instead in _TIMEOUTS.items()),
    _Gone("block", "2.1", "http-request deny"),
    _Gone("redispatch", "2.1", "option redispatch"),
    _Gone("grace", "2.5", "leave it out"),
    _Gone("mode health", "2.6", "http-request return status 200"),
    _Gone("monitor-net", "2.6", "http-request return status 200 if { src NETWORK }"),
    _Gone("option forceclose", "2.6", "leave it out, or option httpclose"),
    _Gone("option http-tunnel", "2.6", "leave it out"),
    _Gone("bind-process", "3.0", "leave it out"),
)
_REWRITES = re.compile(r"(?:req|rsp)i?(?:add|allow|del|deny|pass|rep|tarpit)")
_LISTEN = "a bind line of its own"


def installed() -> Version | None:
    """Return the version of the installed HAProxy, None where none answers within 5 s."""
    return said_by((f"{folder}/haproxy" for folder in SEARCHED), "-v", rb"HA-?Proxy version (\d+\.\d+(?:\.\d+)?)")


@rule("haproxy-refuses", ERROR)
def haproxy_refuses(case: Case) -> Findings:
    """Lines of haproxy.cfg that the installed HAProxy no longer knows."""
    version = case.haproxy_version
    for number, gone in _lines(case) if version is not None else ():
        if version is not None and version >= Version(gone.since):
            what = f"{gone.words} is refused by HAProxy {version}, as by all from {gone.since} on"
            consequence = "HAProxy does not start, or a reload fails and the old configuration stays."
            yield Finding(case.haproxy_conf, number, what, consequence, f"Instead: {gone.instead}.")


def _lines(case: Case) -> Iterator[tuple[int, _Gone]]:
    text = (slurp(case.haproxy_conf, MOST_BYTES) or b"").decode("utf-8", "replace")
    for line in lines(text):
        words = line.words if line.counts else [""]
        if words[0] in ("listen", "frontend") and len(words) > 2 and listener(words[2].partition(",")[0]):
            yield line.number, _Gone(f"an address on the {words[0]} line", "2.2", _LISTEN)
        elif (gone := _gone(words)) is not None:
            yield line.number, gone


def _gone(words: list[str]) -> _Gone | None:
    if _REWRITES.fullmatch(words[0]):
        return _Gone(words[0], "2.1", _HEADERS)
    if words[:2] == ["option", "httpchk"] and any(re.match(r"HTTP/\d\.\d.", word) for word in words[2:]):
        return _Gone("option httpchk with headers behind its version", "3.0", "http-check send hdr NAME VALUE")
    return next((gone for gone in _GONE if words[: gone.words.count(" ") + 1] == gone.words.split()), None)
