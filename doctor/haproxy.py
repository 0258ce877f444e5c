"""Is what HAProxy tells and takes about itself open to the world?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.haproxy_cfg import Bind, Section, binds
from doctor.rule import ERROR, WARNING, Finding, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case

# what the tutorials write; a password that is the user's name, or empty, counts as well
_KNOWN = frozenset({
    "123", "1234", "12345", "123456", "12345678", "123456789", "123123", "111111", "000000", "abc123", "admin",
    "admin1", "admin123", "admin888", "changeme", "default", "guest", "haproxy", "haproxy123", "letmein",
    "manager", "monitor", "p@ssw0rd", "pass", "pass123", "passw0rd", "password", "password1", "password123",
    "q1w2e3", "qwe123", "qwerty", "redhat", "root", "root123", "secret", "stats", "statistics", "superman", "test",
    "test123", "user", "welcome", "yourpassword", "yourpasswd", "mypassword", "password_here",
})  # fmt: skip


def _stats(case: Case) -> Iterator[tuple[Section, Bind]]:
    """Yield the sections with a page of statistics that others than this node can reach."""
    for section in case.haproxy:
        words = ("enable", "uri", "auth", "admin", "realm", "scope")
        if any(any(section.all_starting("stats", word)) for word in words) and section.kind in ("listen", "frontend"):
            bind = next((bind for bind in binds(section) if not bind.is_loopback), None)
            if bind is not None:
                yield section, bind


def _has_rule(section: Section) -> bool:
    """Return whether access is limited by other means than stats auth."""
    rules, ends = ("http-request", "stats", "tcp-request"), {"deny", "reject", "auth", "silent-drop"}
    return any(line.words[0] in rules and ends & set(line.words[1:]) and "if" in line.words for line in section.lines)


@rule("haproxy-stats-password", ERROR)
def haproxy_stats_password(case: Case) -> Iterator[Finding]:
    """Find a page of statistics that is open to the world with a password out of the tutorials."""
    for section, bind in _stats(case):
        for line in section.all_starting("stats", "auth"):
            user, _, password = (line.words[2] if len(line.words) > 2 else "").partition(":")
            if password.lower() in _KNOWN or password.lower() == user.lower() or not password:
                what = f"{section.kind} {section.name}: a usual password opens its statistics on port {bind.port}"
                consequence = "Whoever reaches the port sees all servers, and with stats admin takes them out."
                fix = "Bind it to 127.0.0.1, or use a password of your own and http-request deny unless { src ... }."
                yield Finding(line.path, line.number, what, consequence, fix)


@rule("haproxy-stats-open", WARNING)
def haproxy_stats_open(case: Case) -> Iterator[Finding]:
    """Find a page of statistics that is open to the world without any password."""
    for section, bind in _stats(case):
        if not any(section.all_starting("stats", "auth")) and not _has_rule(section):
            admin = any(section.all_starting("stats", "admin"))
            what = f"{section.kind} {section.name} shows its statistics on port {bind.port} to everybody"
            consequence = "Whoever reaches the port sees all servers" + (", and can take them out." if admin else ".")
            place = next(section.all_starting("stats"))
            fix = "Bind it to 127.0.0.1, or add stats auth USER:PASSWORD and http-request deny unless { src ... }."
            yield Finding(place.path, place.number, what, consequence, fix, severity=ERROR if admin else "")


@rule("haproxy-socket-open", ERROR)
def haproxy_socket_open(case: Case) -> Iterator[Finding]:
    """Find a stats socket on the network."""
    for section in case.haproxy:
        for line in section.starting("stats", "socket"):
            address = line.words[2] if len(line.words) > 2 else ""
            host = address.rpartition("@")[2].rpartition(":")[0].strip("[]")
            is_network = ":" in address and not address.startswith(("/", "unix@", "abns@", "fd@", "sockpair@"))
            if is_network and not (host.startswith("127.") or host in ("::1", "localhost")):
                level = "admin" if "admin" in line.words else "operator" if "operator" in line.words else "user"
                what = f"the stats socket listens on {address} with level {level}, and knows no password"
                consequence = "Whoever reaches it reads, and from level operator on changes, all that HAProxy does."
                fix = "stats socket /run/haproxy/admin.sock mode 660 level admin"
                yield Finding(line.path, line.number, what, consequence, fix)
