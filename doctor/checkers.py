"""Do the checkers of the real servers tell the dead from the living?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.commands import CHECKER, services
from doctor.rule import ERROR, WARNING, Finding, at, rule
from doctor.timing import seconds
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from doctor.commands import Command
    from vipwarden.node.keepalived.conf import Block

DELAY_LOOP = 60  # keepalived's default
_PLUGINS = ("/nagios/plugins/", "/monitoring-plugins/", "/nagios/libexec/", "/icinga/", "/centreon/")
_OWN = "chk_"
_DEADLINE = 0.9


def _misc(case: Case) -> Iterator[tuple[Command, float, Block | None]]:
    """Yield each MISC_CHECK with the delay_loop that it runs by and its misc_timeout."""
    loops = {}
    for service in services(case.conf):
        outer = seconds(service.value("delay_loop"), DELAY_LOOP)
        for server in service.named("real_server"):
            middle = seconds(server.value("delay_loop"), outer)
            for checker in server.named("MISC_CHECK"):
                loops[id(checker)] = seconds(checker.value("delay_loop"), middle)
    for command in case.commands:
        if command.kind == CHECKER and command.argv:
            yield command, loops[id(command.scope)], command.scope.last("misc_timeout")


def _base(command: Command) -> str:
    return command.argv[0].rpartition("/")[2]


def _is_dynamic(command: Command) -> bool:
    return command.scope.last("misc_dynamic") is not None


@rule("misc-dynamic-nagios", ERROR)
def misc_dynamic_nagios(case: Case) -> Iterator[Finding]:
    """Find Nagios plugins whose exit codes misc_dynamic reads as weights."""
    for command, _, _ in _misc(case):
        paths = (command.argv[0], case.host.real(command.argv[0]) or "")
        if _is_dynamic(command) and any(folder in path for path in paths for folder in _PLUGINS):
            yield at(
                command.block,
                f"{command.owner}: {_base(command)} is a Nagios plugin, and misc_dynamic is set",
                "WARNING (1) takes the server out, CRITICAL (2) means up with weight 0, UNKNOWN (3) up with weight 1.",
                "Use chk_ with --misc-dynamic in its place, or take misc_dynamic out: then all but OK is a failure.",
            )


@rule("misc-timeout", WARNING)
def misc_timeout(case: Case) -> Iterator[Finding]:
    """Find checks that may hang for long."""
    for command, loop, timeout in _misc(case):
        if _base(command).startswith(_OWN):  # they have a deadline of their own
            continue
        if timeout is None and loop >= 10:
            what = f"{command.owner} has no misc_timeout"
            consequence = (
                f"A check that hangs is ended after delay_loop, {loop:g} s: the dead server stays in for as long."
            )
            yield at(command.scope, what, consequence, "misc_timeout 3")
        elif timeout is not None and seconds(timeout.name, 0) > loop:
            what = f"{command.owner}: misc_timeout {timeout.name} is longer than delay_loop, {loop:g} s"
            consequence = "While one check hangs no other is started: the dead server stays in the pool for longer."
            yield at(timeout, what, consequence, f"Keep misc_timeout below {loop:g}.")


@rule("misc-dynamic-timeout", WARNING)
def misc_dynamic_timeout(case: Case) -> Iterator[Finding]:
    """Find checks with misc_dynamic that may run into a time-out after which keepalived counts wrong."""
    if not case.is_version("2.2.8", "2.4.3"):
        return
    for command, loop, timeout in _misc(case):
        limit = seconds(timeout.name, loop) if timeout is not None else loop
        if _is_dynamic(command) and not (_base(command).startswith(_OWN) and _deadline(command) < limit):
            what = (
                f"{command.owner} has misc_dynamic, and nothing that ends it before keepalived does, after {limit:g} s"
            )
            consequence = f"{case.running}: in versions 2.2.8 to 2.4.3 the weight grows with each time-out."
            yield at(
                command.block, what, consequence, "Use a chk_ command: its deadline of 0.9 s comes before any time-out."
            )


def _deadline(command: Command) -> float:
    """Return the seconds after which a chk_ command ends by itself."""
    for flag, value in zip(command.argv, [*command.argv[1:], ""], strict=True):
        if flag in ("-t", "--timeout"):
            return seconds(value, DELAY_LOOP)
        if flag.startswith("--timeout="):
            return seconds(flag.partition("=")[2], DELAY_LOOP)
    return _DEADLINE


@rule("misc-dynamic-zero", WARNING)
def misc_dynamic_zero(case: Case) -> Iterator[Finding]:
    """Find weight 0 where keepalived makes it 1."""
    if case.version is None or case.version > Version("2.1.5"):
        return
    for command, _, _ in _misc(case):
        words = " ".join(command.argv).replace("=", " ")
        if _is_dynamic(command) and f"{words} ".find("--warning-weight 0 ") >= 0:
            what = f"{command.owner} answers weight 0"
            consequence = f"keepalived {case.version} makes it 1: the server goes on getting connections."
            yield at(command.block, what, consequence, "Leave --misc-dynamic out: then a WARNING takes the server out.")


@rule("misc-dynamic-unused", WARNING)
def misc_dynamic_unused(case: Case) -> Iterator[Finding]:
    """Find a check and its block that do not agree on misc_dynamic."""
    for command, _, _ in _misc(case):
        if _base(command).startswith(_OWN) and ("--misc-dynamic" in command.argv) is not _is_dynamic(command):
            one, other = ("misc_path has --misc-dynamic", "misc_dynamic is not set")
            if _is_dynamic(command):
                one, other = ("misc_dynamic is set", "the command has no --misc-dynamic")
            consequence = "A WARNING takes the server out in place of giving it a smaller weight."
            yield at(command.block, f"{command.owner}: {one}, but {other}", consequence, "Use both or none.")


_CHECKERS = ("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK", "UDP_CHECK", "PING_CHECK")


@rule("real-server-unchecked", WARNING)
def real_server_unchecked(case: Case) -> Iterator[Finding]:
    """Find real servers that nobody checks."""
    for service in services(case.conf):
        for server in service.named("real_server"):
            if server.last(*_CHECKERS, "FILE_CHECK", "BFD_CHECK") is None:
                what = f"real_server {' '.join(server.words[1:3])} has no checker"
                consequence = "It stays in the pool, dead or alive."
                fix = 'MISC_CHECK { misc_path "/usr/libexec/keepalived/chk_port -H ADDRESS -p PORT" }, or a TCP_CHECK.'
                yield at(server, what, consequence, fix)


@rule("dr-port", ERROR)
def dr_port(case: Case) -> Iterator[Finding]:
    """Find real servers of direct routing with another port than their virtual service."""
    for service in services(case.conf):
        kind = service.value("lb_kind") or service.value("lvs_method")
        port = service.words[2] if len(service.words) > 2 and service.name not in ("group", "fwmark") else ""
        for server in service.named("real_server"):
            own = server.value("lvs_method") or kind
            if own in ("DR", "TUN") and port and len(server.words) > 2 and server.words[2] != port:
                what = f"real_server {' '.join(server.words[1:3])} has another port than its virtual_server, {port}"
                consequence = f"{own} leaves packets as they are: they arrive at port {port} of the real server."
                yield at(server, what, consequence, f"Let the real server listen on {port}, or use lb_kind NAT.")
