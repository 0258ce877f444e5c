"""What is wrong with keepalived.conf on this node? It reports file and line, and changes nothing.

Exit codes: 0 clean or notes only, 1 warnings, 2 errors, 3 an unreadable configuration or option.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from cli.arguments import built
from doctor.case import Case
from doctor.host import Host
from doctor.report import UNREADABLE, as_json, as_text, examine, exit_code
from doctor.rules import RULES
from doctor.tested import test
from doctor.tracking import PeerPriority, Peers
from vipwarden.core.result import one_line
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError, ConfMissingError
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.node.keepalived.conf import Block


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, and exit with a code that is no finding's."""
        self.exit(UNREADABLE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Report the findings and return the exit code."""
    try:
        given = _parser().parse_args(arguments)
    except SystemExit as end:  # argparse has said all
        return int(end.code or 0)
    if given.rules:
        sys.stdout.writelines(f"{rule.name:<26}{rule.severity:<9}{rule.about}\n" for rule in RULES.values())
        return 0
    host = Host(given.root, given.proc, given.addresses)
    path = given.configuration or f"{host.root}/etc/keepalived/keepalived.conf"
    try:
        conf = _parse(path, host.root, given.config_id)
        peers = Peers(given.peer_priority, [_parse(peer, host.root, None) for peer in given.peer])
    except ConfError as error:
        sys.stderr.write(f"vipwarden doctor: {one_line(str(error))}\n")
        return UNREADABLE
    version = given.keepalived_version or (installed() if host.is_live else None)
    output = test(path, given.config_id, installed()) if host.is_live else ""
    case = Case(conf, host, version, peers, given.haproxy_conf or f"{host.root}/etc/haproxy/haproxy.cfg", output)
    findings = examine(case, given.ignore)
    if given.json:
        sys.stdout.write(as_json(case, findings))
    else:
        sys.stdout.write(as_text(case, findings, colour=sys.stdout.isatty()))
    return exit_code(findings)


def _parse(path: str, root: str, config_id: str | None) -> Block:
    try:
        return parse(path, root=root, config_id=config_id)
    except ConfMissingError:
        raise ConfError(f"{path} does not exist; the path of a keepalived.conf is expected") from None


def _parser() -> _Parser:
    parser = _Parser(
        "vipwarden doctor",
        description="Say what is wrong with keepalived.conf on this node. It changes nothing.",
        epilog="Exit codes: 0 clean, 1 warnings, 2 errors, 3 the configuration or an option cannot be read.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("configuration", nargs="?", default="", help="by default /etc/keepalived/keepalived.conf")
    add("--peer", action="append", default=[], metavar="FILE", help="keepalived.conf of a peer (may be repeated)")
    add(
        "--peer-priority",
        action="append",
        default=[],
        type=built(PeerPriority),
        metavar="[INSTANCE=]N",
        help="priority that a peer has, in one instance or in all (may be repeated)",
    )
    add("--ignore", action="append", default=[], choices=sorted(RULES), metavar="RULE", help="leave a rule out")
    add("--rules", action="store_true", help="list the rules and what they find")
    add("--json", action="store_true", help="print the findings as one JSON object")
    add("--keepalived-version", type=built(Version), metavar="X.Y.Z", help="in place of the installed one")
    add("--haproxy-conf", default="", metavar="FILE", help="by default /etc/haproxy/haproxy.cfg")
    add("--config-id", metavar="ID", help="as keepalived's own option; by default the name of the node")
    add("--root", default="", metavar="DIR", help="a folder in place of the node's /")
    add("--proc", default="", metavar="DIR", help="a folder in place of /proc, by default that of the root")
    add("--addresses", default="", metavar="FILE", help="what `ip -o address` says, in place of the kernel's answer")
    return parser
