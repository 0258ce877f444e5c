"""Do the checkers notice a dead real server?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.commands import CHECKER, real_servers
from doctor.finding import ERROR, WARNING, at
from doctor.timing import seconds
from doctor.tracking import everywhere
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.commands import Command
    from vipwarden.node.keepalived.conf import Block

DELAY_LOOP = 60  # keepalived's default
_PLUGINS = ("/nagios/plugins/", "/monitoring-plugins/", "/nagios/libexec/", "/icinga/", "/centreon/")
_OWN = "chk_"
_DEADLINE = 0.9
_CONNECTION = ("connect_ip", "connect_port", "bindto", "bind_port", "bind_if", "connect_timeout", "fwmark")
_CHECKERS = ("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK", "UDP_CHECK", "PING_CHECK")


def _misc(case: Case) -> Iterator[tuple[Command, float, Block | None]]:
    """Yield each MISC_CHECK with its delay_loop and its misc_timeout."""
    loops = {}
    for service, server in real_servers(case.conf):
        for checker in server.named("MISC_CHECK"):
            loop: float = DELAY_LOOP
            for block in (service, server, checker):
                loop = seconds(block.value("delay_loop"), loop)
            loops[id(checker)] = loop
    for command in case.commands:
        if command.kind == CHECKER and command.argv:
            yield command, loops[id(command.scope)], command.scope.last("misc_timeout")


def _base(command: Command) -> str:
    return command.argv[0].rpartition("/")[2]


def _is_dynamic(command: Command) -> bool:
    return command.scope.last("misc_dynamic") is not None


@rule("misc-dynamic-nagios", ERROR)
def misc_dynamic_nagios(case: Case) -> Findings:
    """Nagios plugins with misc_dynamic, which reads their exit codes as weights."""
    for command, _, _ in _misc(case):
        paths = (command.argv[0], case.host.real(command.argv[0]) or "")
        if _is_dynamic(command) and any(folder in path for path in paths for folder in _PLUGINS):
            yield command.finding(
                f"{_base(command)} is a Nagios plugin, and misc_dynamic is set",
                "WARNING (1) takes the server out, CRITICAL (2) means up with weight 0, UNKNOWN (3) up with weight 1.",
                "Use a chk_ command with --misc-dynamic, or remove misc_dynamic: then all but OK is a failure.",
            )


@rule("misc-timeout", WARNING)
def misc_timeout(case: Case) -> Findings:
    """MISC_CHECKs that may hang for long."""
    for command, loop, timeout in _misc(case):
        if _base(command).startswith(_OWN):  # they have a deadline of their own
            continue
        if timeout is None and loop >= 10:
            consequence = f"A hung check ends after delay_loop, {loop:g} s: a dead server stays in the pool until then."
            yield at(command.scope, f"{command.owner} has no misc_timeout", consequence, "misc_timeout 3")
        elif timeout is not None and seconds(timeout.name, 0) > loop:
            what = f"{command.owner}: misc_timeout {timeout.name} is longer than delay_loop, {loop:g} s"
            consequence = "No other check starts while one hangs: the dead server stays in the pool for longer."
            yield at(timeout, what, consequence, f"Keep misc_timeout below {loop:g}.")


@rule("misc-dynamic-timeout", WARNING)
def misc_dynamic_timeout(case: Case) -> Findings:
    """MISC_CHECKs with misc_dynamic whose timeout keepalived counts wrong."""
    for command, loop, timeout in _misc(case) if case.is_version("2.2.8", "2.4.3") else ():
        limit = seconds(timeout.name, loop) if timeout is not None else loop
        if _is_dynamic(command) and not (_base(command).startswith(_OWN) and _deadline(command) < limit):
            what = f"misc_dynamic is set, and nothing ends the check before keepalived does, after {limit:g} s"
            consequence = f"{case.running}: in versions 2.2.8 to 2.4.3 the weight grows with each timeout."
            yield command.finding(what, consequence, "Use a chk_ command: its deadline of 0.9 s comes first.")


def _deadline(command: Command) -> float:
    """Return the seconds after which a chk_ command ends by itself."""
    for flag, value in zip(command.argv, [*command.argv[1:], ""], strict=True):
        if flag in ("-t", "--timeout"):
            return seconds(value, DELAY_LOOP)
        if flag.startswith("--timeout="):
            return seconds(flag.partition("=")[2], DELAY_LOOP)
    return _DEADLINE


@rule("misc-dynamic-zero", WARNING)
def misc_dynamic_zero(case: Case) -> Findings:
    """Weight 0 that keepalived changes to 1."""
    for command, _, _ in _misc(case) if case.version is not None and case.version <= Version("2.1.5") else ():
        words = f"{command.line} ".replace("=", " ")
        if _is_dynamic(command) and "--warning-weight 0 " in words:
            consequence = f"keepalived {case.version} changes it to 1: the server goes on getting connections."
            fix = "Leave --misc-dynamic out: then a WARNING takes the server out."
            yield command.finding("answers weight 0", consequence, fix)


@rule("misc-dynamic-unused", WARNING)
def misc_dynamic_unused(case: Case) -> Findings:
    """misc_dynamic without --misc-dynamic, or the reverse."""
    for command, _, _ in _misc(case):
        if _base(command).startswith(_OWN) and ("--misc-dynamic" in command.argv) is not _is_dynamic(command):
            what = "misc_path has --misc-dynamic, but misc_dynamic is not set"
            if _is_dynamic(command):
                what = "misc_dynamic is set, but the command has no --misc-dynamic"
            consequence = "A WARNING takes the server out instead of giving it a smaller weight."
            yield command.finding(what, consequence, "Use both or none.")


@rule("smtp-check-host", ERROR)
def smtp_check_host(case: Case) -> Findings:
    """SMTP_CHECKs with hosts on which keepalived hangs (check_smtp.c, smtp_check_end_handler())."""
    # it loops for each host besides the first, or besides connection settings of the SMTP_CHECK itself
    is_broken = case.version is not None and Version("2.3.0") <= case.version < Version("2.3.4")
    for check in everywhere(case.conf, "SMTP_CHECK") if is_broken else ():
        hosts = list(check.named("host"))
        if hosts and (len(hosts) > 1 or check.last(*_CONNECTION) is not None):
            consequence = f"keepalived {case.version} loops for ever while it reads this: it never starts."
            fix = "Write an SMTP_CHECK with connect_ip and connect_port for each host, or install keepalived 2.3.4."
            yield at(hosts[-1], f"SMTP_CHECK with {len(hosts)} host", consequence, fix)


@rule("real-server-unchecked", WARNING)
def real_server_unchecked(case: Case) -> Findings:
    """Real servers without a checker."""
    for _, server in real_servers(case.conf):
        if server.last(*_CHECKERS, "FILE_CHECK", "BFD_CHECK") is None:
            what = f"real_server {' '.join(server.words[1:3])} has no checker"
            fix = 'MISC_CHECK { misc_path "/usr/libexec/keepalived/chk_port -H ADDRESS -p PORT" }, or a TCP_CHECK.'
            yield at(server, what, "It stays in the pool, dead or alive.", fix)


@rule("dr-port", ERROR)
def dr_port(case: Case) -> Findings:
    """Real servers of direct routing whose port differs from their virtual server's."""
    for service, server in real_servers(case.conf):
        method = server.value("lvs_method") or service.value("lb_kind") or service.value("lvs_method")
        port = service.words[2] if len(service.words) > 2 and service.name not in ("group", "fwmark") else ""
        if method in ("DR", "TUN") and port and len(server.words) > 2 and server.words[2] != port:
            what = f"real_server {' '.join(server.words[1:3])} has another port than its virtual_server, {port}"
            consequence = f"{method} leaves packets as they are: they arrive at port {port} of the real server."
            yield at(server, what, consequence, f"Let the real server listen on {port}, or use lb_kind NAT.")
