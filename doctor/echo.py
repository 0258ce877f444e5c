"""May checks by ICMP echo send their requests?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.agent import settings, unit
from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, Finding, at
from vipwarden.config.document import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIX = (
    'sysctl -w net.ipv4.ping_group_range="0 2147483647", and net.ipv4.ping_group_range = 0 2147483647 in '
    "/etc/sysctl.d/vipwarden.conf to keep it"
)
_CONSEQUENCE = "No echo request is sent, and the check is UNKNOWN: not even root may, where its group is left out."


@rule("icmp-group", ERROR)
def icmp_group(case: Case) -> Findings:
    """ICMP echo checks whose group may send no requests."""
    allowed = case.host.numbers("sys/net/ipv4/ping_group_range")
    if len(allowed) != 2:
        return
    if _lacks(allowed, group := _agent_group(case)):
        for line, entry, check in settings(case, "check"):
            if check == "icmp_echo":
                yield Finding(PATH, line, _what(entry, group, allowed), _CONSEQUENCE, _FIX)
    for command in case.commands:
        if command.argv and command.argv[0].rpartition("/")[2] in ("chk_icmp_echo", "check_icmp_echo"):
            user = case.user(command)
            if user is not None and _lacks(allowed, user[1]):
                yield at(command.block, _what(command.owner, user[1], allowed), _CONSEQUENCE, _FIX)


def _agent_group(case: Case) -> int | None:
    """Return the group of the agent, root's by default; None where it is not known."""
    users, groups = unit(case, "User"), unit(case, "Group")
    if groups and groups[-1]:
        return int(groups[-1]) if groups[-1].isdecimal() else case.host.group(groups[-1])
    account = case.host.user(users[-1]) if users and users[-1] else (0, 0)
    return None if account is None else account[1]


def _lacks(allowed: Sequence[int], group: int | None) -> bool:
    return group is not None and not allowed[0] <= group <= allowed[1]


def _what(owner: str, group: int | None, allowed: Sequence[int]) -> str:
    return (
        f"{owner} sends ICMP echo requests as group {group}, and net.ipv4.ping_group_range is {allowed[0]} {allowed[1]}"
    )
