"""What does HAProxy's stats page report? Statistics in its CSV, version, pid, start and limits in its HTML.

A scope without proxies keeps the HTML short. Unlike a socket the page has no addresses of servers and no "show info".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.fetch import fetch
from vipwarden.net.stream import NetError
from vipwarden.net.trust import client_context
from vipwarden.node.haproxy.socket import MOST_ANSWER, HaproxyError, HaproxyRightError, Report, parse_stat

if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.source import Access, Source

_TAG = re.compile(r"<[^<>]*>?")
_DIGITS = r" ?([0-9]{1,18})(?![0-9])"
_UPTIME = re.compile(r"uptime = ([0-9]{1,6})d ([0-9]{1,6})h([0-9]{1,6})m([0-9]{1,6})s", re.ASCII)
# "HAProxy version 2.6.12-1, released", "HA-Proxy version" before 2.4, "HAProxy Enterprise version"
_VERSION = re.compile(r"HA-?Proxy(?: \w{1,20}){0,3} version ([0-9][^\s,]{0,78})(?=[\s,]|$)", re.ASCII)
# name of "show info", and the label in the text without tags
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
    """Fetch both, the CSV first; raises HaproxyError. What the HTML does not have is left out."""
    table = parse_stat(await _get(net, source, access, f"{source.path};csv;norefresh"))
    html = await _get(net, source, access, f"{source.path};norefresh?scope=-no-proxy-of-them-")
    return Report(str(source), parse_page(html.decode("utf-8", "replace")), table)


def parse_page(html: str) -> dict[str, str]:
    """Return the data of the HTML by the names of "show info"."""
    text = " ".join(_TAG.sub(" ", html[:65536]).split())
    info = {name: match[1] for name, label in _NUMBERS if (match := re.search(label + _DIGITS, text, re.ASCII))}
    if version := _VERSION.search(text):
        info["Version"] = version[1]
    if uptime := _UPTIME.search(text):
        days, hours, minutes, seconds = map(int, uptime.groups())
        info["Uptime_sec"] = str(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    return info


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
