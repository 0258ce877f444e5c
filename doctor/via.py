"""Can checks with via reach real servers by the director's own path?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from doctor.agent import UNIT, settings, unit
from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, WARNING, Finding, at
from vipwarden.config.document import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.commands import Command

_DROP_IN = f"/usr/share/vipwarden/systemd/{UNIT}.d/via.conf"


class _Use(NamedTuple):
    """An entry of the agent, or a command, whose option via is ``text``."""

    path: str
    line: int
    what: str
    text: str
    command: Command | None


def _uses(case: Case) -> Iterator[_Use]:
    for line, entry, text in settings(case, "via"):
        yield _Use(PATH, line, entry, text, None)
    for command in case.commands:
        for flag, value in zip(command.argv, [*command.argv[1:], ""], strict=True):
            text = value if flag == "--via" else flag.removeprefix("--via=") if flag.startswith("--via=") else ""
            if text:
                yield _Use(command.block.path, command.block.number, command.owner, text, command)


@rule("via-accept-local", WARNING)
def via_accept_local(case: Case) -> Findings:
    """Paths of checks with via that a director which holds the VIP cannot use."""
    settings = [case.host.effective("accept_local", name) for name in sorted(case.host.interfaces - {"lo"})]
    if not settings or any(settings) or None in settings:
        return
    for use in _uses(case):
        if use.text.count(":") > 1:  # IPv6 has no need of it
            continue
        what = f"{use.what} has via {use.text}, and accept_local is 0 on all interfaces"
        consequence = "While this node holds the VIP the kernel drops what real servers reply from it: UNKNOWN."
        fix = "sysctl -w net.ipv4.conf.all.accept_local=1, and the same line in /etc/sysctl.d/vipwarden.conf to keep it"
        yield Finding(use.path, use.line, what, consequence, fix)


@rule("via-rights", ERROR)
def via_rights(case: Case) -> Findings:
    """Paths of checks with via that cannot be built without CAP_NET_ADMIN."""
    is_confined = _is_confined(case)
    for use in _uses(case):
        consequence = "No packet can be marked, and no path be made: UNKNOWN."
        if use.command is None and is_confined:
            what = f"{use.what} has via {use.text}, and the unit of the agent has no CAP_NET_ADMIN"
            fix = f"Copy {_DROP_IN} to /etc/systemd/system/{UNIT}.d/, systemctl daemon-reload, restart the agent."
            yield Finding(use.path, use.line, what, consequence, fix)
        elif use.command is not None and (user := case.user(use.command)) is not None and user[0]:
            what = f"{use.what} has via {use.text}, and keepalived runs it as a user that is not root"
            yield at(use.command.block, what, consequence, "Run it as root, or let the agent ask, and use chk_verdict.")


def _is_confined(case: Case) -> bool:
    """Return whether the agent has a unit, of this package, that bounds its capabilities without CAP_NET_ADMIN."""
    bounds = unit(case, "CapabilityBoundingSet")
    return bool(bounds) and not any("CAP_NET_ADMIN" in bound for bound in bounds)
