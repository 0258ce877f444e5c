"""What does HAProxy's stats page tell? Its CSV the statistics, and the head of its HTML some of the process's own.

Unlike a socket it has no addresses of servers and no "show info": version, pid, start and limits are in the HTML
alone, which is asked for with a scope that fits no proxy, so that it is short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.fetch import fetch
from vipwarden.net.stream import NetError
from vipwarden.net.tls import client_context
from vipwarden.node.haproxy.socket import MOST_ANSWER, HaproxyError, HaproxyRightError, Report, parse_stat

if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.source import Access, Source

_MOST_NUMBER = 18  # digits
# "HAProxy version 2.6.12-1, released", "HA-Proxy version" before 2.4, "HAProxy Enterprise version"
_VERSION = re.compile(r"HA-?Proxy(?: \w{1,20}){0,3} version ([0-9][^\s,]{0,78})(?=[\s,]|$)", re.ASCII)
# name of "show info", and what stands before its number once the tags are gone
_NUMBERS = (
    ("Pid", "pid ="),
    ("Nbproc", "nbproc ="),
    ("Nbthread", "nbthread ="),
    ("Ulimit-n", "ulimit-n ="),
    ("Maxsock", "maxsock ="),
    ("Maxconn", "maxconn ="),
    ("Maxpipes", "maxpipes ="),
    ("CurrConns", "current conns ="),
    ("PipesUsed", "current pipes ="),
    ("ConnRate", "conn rate ="),
    ("Run_queue", "Running tasks:"),
    ("Idle_pct", "idle ="),
)


async def read(access: Access, net: Net, source: Source) -> Report:
    """Ask for both, the CSV first; raises HaproxyError. What the HTML does not tell is left out."""
    table = parse_stat(await _get(net, source, access, f"{source.path};csv;norefresh"))
    html = await _get(net, source, access, f"{source.path};norefresh?scope=-no-proxy-of-them-")
    return Report(str(source), parse_page(html.decode("utf-8", "replace")), table)


def parse_page(html: str) -> dict[str, str]:
    """Return what the HTML tells, by the names of "show info"."""
    text = " ".join(_without_tags(html[:65536]).split())
    found = {name: digits for name, label in _NUMBERS if (digits := _after(text, label))}
    if version := _VERSION.search(text):
        found["Version"] = version[1]
    uptime = text.partition("uptime = ")[2].split(" ", 2)[:2]
    if len(uptime) == 2 and (seconds := _seconds(*uptime)) is not None:
        found["Uptime_sec"] = str(seconds)
    return found


def _without_tags(html: str) -> str:
    return " ".join(piece.partition(">")[2] if at else piece for at, piece in enumerate(html.split("<")))


def _after(text: str, label: str) -> str:
    rest = text.partition(label)[2].lstrip()[: _MOST_NUMBER + 1]
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return digits if len(digits) <= _MOST_NUMBER else ""


def _seconds(days: str, clock: str) -> int | None:
    """Read ``1d`` and ``2h03m04s``."""
    hours, h, rest = clock.partition("h")
    minutes, m, rest = rest.partition("m")
    seconds, s, rest = rest.partition("s")
    parts = (days.removesuffix("d"), hours, minutes, seconds)
    if not (h and m and s) or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in parts):
        return None
    return ((int(parts[0]) * 24 + int(parts[1])) * 60 + int(parts[2])) * 60 + int(parts[3])


async def _get(net: Net, source: Source, access: Access, path: str) -> bytes:
    def judge(status: int) -> None:
        if status == 401:
            why = "refuses the user and password of" if access.user else "wants a user and a password, see"
            raise HaproxyRightError(f"{source} {why} haproxy_auth_file (status 401)")
        if status != 200:
            raise HaproxyError(f"{source} answered with status {status}: is this the 'stats uri'?")

    try:
        context = client_context(access.ca_file) if source.scheme == "https" else None
        where = source.host, source.port, path
        return await fetch(net, *where, judge=judge, most=MOST_ANSWER, user=access.user, context=context)
    except NetError as error:
        kind = HaproxyRightError if error.kind == "local" else HaproxyError
        raise kind(f"{source}: {error.text}") from None
