"""Does SELinux stop the scripts or HAProxy?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import WARNING, Finding
from vipwarden.node.haproxy.cfg import binds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.haproxy.cfg import Line, Section

_UNCONFINED = "keepalived_unconfined_script_exec_t"
_PLACE = "/usr/libexec/keepalived/"
# http_port_t and http_cache_port_t of the reference policy, and what haproxy_t adds
_PORTS = frozenset({80, 81, 443, 488, 5000, 8008, 8009, 8080, 8118, 8123, 8443, 9000, *range(10001, 10011)})


@rule("selinux-script-confined", WARNING)
def selinux_script_confined(case: Case) -> Findings:
    """Scripts that SELinux confines to what keepalived itself may do."""
    if not case.host.is_enforcing or case.host.boolean("keepalived_connect_any"):
        return
    for program in case.programs:
        label = case.host.label(program.real) if program.real else ""
        if label and label != _UNCONFINED and not program.real.startswith(_PLACE):
            what = f"{program.real} has the SELinux type {label}"
            consequence = (
                "It runs as keepalived_t: only connects to a few ports are allowed, no systemctl and no D-Bus."
            )
            fix = f"Install it in {_PLACE}, with restorecon; for connects alone: setsebool -P keepalived_connect_any 1"
            yield program.command.finding(what, consequence, fix)


@rule("selinux-label-wrong", WARNING)
def selinux_label_wrong(case: Case) -> Findings:
    """Scripts in /usr/libexec/keepalived with another label."""
    if not case.host.is_enforcing:
        return
    for program in case.programs:
        label = case.host.label(program.real) if program.real.startswith(_PLACE) else ""
        if label and label != _UNCONFINED:
            what = f"{program.real} has the SELinux type {label}, not {_UNCONFINED}"
            consequence = "It was moved there, not copied: keepalived may not run it, or runs it confined."
            yield program.command.finding(what, consequence, f"restorecon -v {program.real}")


@rule("selinux-haproxy-ports", WARNING)
def selinux_haproxy_ports(case: Case) -> Findings:
    """Ports in haproxy.cfg that SELinux denies to HAProxy."""
    if not case.host.is_enforcing or case.host.boolean("haproxy_connect_any") is not False:
        return
    for section in case.haproxy:
        for line, port in _ports(section):
            if port not in _PORTS:
                what = f"HAProxy uses port {port}, and the SELinux boolean haproxy_connect_any is off"
                consequence = "Unless the policy has this port, HAProxy cannot bind it, or marks all its servers down."
                fix = f"semanage port -a -t http_port_t -p tcp {port}, or setsebool -P haproxy_connect_any 1"
                yield Finding(case.haproxy_conf, line.number, what, consequence, fix)


def _ports(section: Section) -> Iterator[tuple[Line, int]]:
    for bind in binds(section):
        if bind.port.isdigit():
            yield bind.line, int(bind.port)
    for line in section.starting("server"):
        port = line.words[2].rpartition(":")[2] if len(line.words) > 2 and ":" in line.words[2] else ""
        if port.isascii() and port.isdigit():
            yield line, int(port)
