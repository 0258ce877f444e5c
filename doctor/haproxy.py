"""Can anybody reach HAProxy's statistics and stats sockets?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, WARNING, Finding
from vipwarden.node.haproxy.cfg import Bind, Section, binds

if TYPE_CHECKING:
    from collections.abc import Iterator

# those of the tutorials; an empty password and the name of the user count as well
_KNOWN = frozenset({
    "123", "1234", "12345", "123456", "12345678", "123456789", "123123", "111111", "000000", "abc123", "admin",
    "admin1", "admin123", "admin888", "changeme", "default", "guest", "haproxy", "haproxy123", "letmein",
    "manager", "monitor", "p@ssw0rd", "pass", "pass123", "passw0rd", "password", "password1", "password123",
    "q1w2e3", "qwe123", "qwerty", "redhat", "root", "root123", "secret", "stats", "statistics", "superman", "test",
    "test123", "user", "welcome", "yourpassword", "yourpasswd", "mypassword", "password_here",
})  # fmt: skip
_ENDS = {"deny", "reject", "auth", "silent-drop", "tarpit"}  # of a request


def _stats(case: Case) -> Iterator[tuple[Section, Bind]]:
    """Yield the sections whose statistics other nodes can reach."""
    for section in case.haproxy:
        words = ("enable", "uri", "auth", "admin", "realm", "scope")
        if any(any(section.all_starting("stats", word)) for word in words) and section.kind in ("listen", "frontend"):
            bind = next((bind for bind in binds(section) if _is_open(bind)), None)
            if bind is not None:
                yield section, bind


def _is_open(bind: Bind) -> bool:
    """Return whether other nodes can connect, without a certificate."""
    options = dict(pairwise(bind.line.words))
    return not (bind.is_loopback or options.get("interface") == "lo" or options.get("verify") == "required")


def _has_rule(section: Section) -> bool:
    """Return whether rules besides stats auth limit access; for whom, their conditions say."""
    kinds = (("http-request",), ("tcp-request",), ("stats", "http-request"))
    return any(_ENDS & set(line.words[1:3]) for kind in kinds for line in section.all_starting(*kind))


@rule("haproxy-stats-password", ERROR)
def haproxy_stats_password(case: Case) -> Findings:
    """Statistics open to the world with a well-known password."""
    for section, bind in _stats(case):
        for line in section.all_starting("stats", "auth"):
            user, _, password = (line.words[2] if len(line.words) > 2 else "").partition(":")
            if password.lower() in _KNOWN or password.lower() == user.lower() or not password:
                what = f"{section.kind} {section.name}: a well-known password opens its statistics on port {bind.port}"
                consequence = "Who reaches the port sees all servers, and with stats admin disables them."
                fix = "Bind it to 127.0.0.1, or choose another password and http-request deny unless { src ... }."
                severity = WARNING if _has_rule(section) else ""
                yield Finding(case.haproxy_conf, line.number, what, consequence, fix, severity=severity)


@rule("haproxy-stats-open", WARNING)
def haproxy_stats_open(case: Case) -> Findings:
    """Statistics open to the world without a password."""
    for section, bind in _stats(case):
        if not any(section.all_starting("stats", "auth")) and not _has_rule(section):
            admin = any(section.all_starting("stats", "admin"))
            what = f"{section.kind} {section.name} shows its statistics on port {bind.port} to everybody"
            consequence = "Who reaches the port sees all servers" + (", and can disable them." if admin else ".")
            place = next(section.all_starting("stats"))
            fix = "Bind it to 127.0.0.1, or add stats auth USER:PASSWORD and http-request deny unless { src ... }."
            yield Finding(case.haproxy_conf, place.number, what, consequence, fix, severity=ERROR if admin else "")


@rule("haproxy-socket-open", ERROR)
def haproxy_socket_open(case: Case) -> Findings:
    """Stats sockets on the network."""
    for section in case.haproxy:
        for line in section.starting("stats", "socket"):
            address = line.words[2] if len(line.words) > 2 else ""
            host = address.rpartition("@")[2].rpartition(":")[0].strip("[]")
            is_network = ":" in address and not address.startswith(("/", "unix@", "abns@", "fd@", "sockpair@"))
            if is_network and not (host.startswith("127.") or host in ("::1", "localhost")):
                level = "admin" if "admin" in line.words else "operator" if "operator" in line.words else "user"
                what = f"the stats socket listens on {address} with level {level}, without a password"
                consequence = "Who reaches it reads the state of HAProxy, and from level operator on changes it."
                fix = "stats socket /run/haproxy/admin.sock mode 660 level admin"
                yield Finding(case.haproxy_conf, line.number, what, consequence, fix)
