"""What is wrong with keepalived.conf on this node? The doctor as a part of the command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from doctor.case import Case
from doctor.host import Host
from doctor.refused import installed as installed_haproxy
from doctor.report import UNREADABLE, as_json, as_text, examine, exit_code
from doctor.rules import RULES
from doctor.tested import test
from doctor.tracking import PeerPriority, Peers
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File, Folder  # noqa: TC001 - options() looks them up
from vipwarden.core.result import one_line
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError, ConfMissingError
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block


class RuleName(str):
    """The name of a rule."""

    __slots__ = ()

    def __new__(cls, text: str) -> RuleName:
        """Build it from its text; raises ValueError with what is wanted."""
        if text not in RULES:
            raise ValueError("there is no rule of that name, see vipwarden doctor --rules")
        return str.__new__(cls, text)


def doctor(
    configuration: str = "",
    *,
    peer: tuple[File, ...] = (),
    peer_priority: tuple[PeerPriority, ...] = (),
    ignore: tuple[RuleName, ...] = (),
    rules: bool = False,
    json: bool = False,
    keepalived_version: Version | None = None,
    haproxy_conf: File | None = None,
    config_id: str | None = None,
    root: Folder | None = None,
    proc: Folder | None = None,
    addresses: File | None = None,
) -> int:
    """Say what is wrong with keepalived.conf on this node.

    It reports file and line, and changes nothing. Exit codes: 0 clean or notes only, 1 warnings, 2 errors, 3 an
    unreadable configuration or option.

    configuration: file to examine, by default /etc/keepalived/keepalived.conf
    peer: keepalived.conf of a peer
    peer_priority: [INSTANCE=]N, priority of a peer in one instance or in all
    ignore: rule to leave out
    rules: list the rules and what they find
    json: print the findings as one JSON object
    keepalived_version: version in place of the installed one, such as 2.2.7
    haproxy_conf: configuration of HAProxy, by default /etc/haproxy/haproxy.cfg
    config_id: as keepalived's own option; by default the name of the node
    root: folder in place of the node's /
    proc: folder in place of /proc, by default that of the root
    addresses: file with the output of "ip -o address", in place of the kernel's answer
    """
    if rules:
        sys.stdout.writelines(f"{rule.name:<26}{rule.severity:<9}{rule.about}\n" for rule in RULES.values())
        return 0
    host = Host(root or "", proc or "", addresses or "")
    path = configuration or f"{host.root}/etc/keepalived/keepalived.conf"
    try:
        conf = _parse(path, host.root, config_id)
        peers = Peers([*peer_priority], [_parse(path, host.root, None) for path in peer])
    except ConfError as error:
        sys.stderr.write(f"vipwarden doctor: {one_line(str(error))}\n")
        return UNREADABLE
    version = keepalived_version or (installed() if host.is_live else None)
    output = test(path, config_id, installed()) if host.is_live else ""
    haproxy = installed_haproxy() if host.is_live else None
    case = Case(conf, host, version, peers, haproxy_conf or f"{host.root}/etc/haproxy/haproxy.cfg", output, haproxy)
    findings = examine(case, ignore)
    if json:
        sys.stdout.write(as_json(case, findings))
    else:
        sys.stdout.write(as_text(case, findings, colour=sys.stdout.isatty()))
    return exit_code(findings)


def _parse(path: str, root: str, config_id: str | None) -> Block:
    try:
        return parse(path, root=root, config_id=config_id)
    except ConfMissingError:
        raise ConfError(f"{path} does not exist; the path of a keepalived.conf is expected") from None


main = CommandLine("vipwarden doctor", doctor, refused=UNREADABLE)
