"""As whom do the scripts run, and does keepalived guard them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import DEFAULT_USER
from doctor.commands import TRACK
from doctor.rule import ERROR, WARNING, Finding, at, rule
from doctor.scripts import DROPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case


@rule("script-security-off", WARNING)
def script_security_off(case: Case) -> Iterator[Finding]:
    """Find scripts that run without enable_script_security."""
    command = next((command for command in case.commands if command.is_file), None)
    if command is not None and not case.is_secure:
        yield at(
            command.block,
            f"{command.owner} runs, but enable_script_security is not set",
            "keepalived runs scripts as root that others may have changed, and logs SECURITY VIOLATION.",
            "Put enable_script_security and script_user into global_defs.",
        )


@rule("script-user-unset", ERROR)
def script_user_unset(case: Case) -> Iterator[Finding]:
    """Find scripts of which nobody says as whom they run."""
    if case.setting("script_user") is not None or case.host.user(DEFAULT_USER) is not None:
        return
    command = next((command for command in case.commands if command.is_file and not command.user), None)
    if command is None:
        return
    what = f"{command.owner} has no user: there is neither script_user nor a user {DEFAULT_USER} on this node"
    fix = (
        f"Put script_user root into global_defs, or make a user: useradd --system --shell /sbin/nologin {DEFAULT_USER}"
    )
    if case.is_secure:
        yield at(command.block, what, f"With enable_script_security, {DROPPED[command.kind]}", fix)
    else:
        yield at(command.block, what, "It runs as root, and so does whatever it starts.", fix, WARNING)


@rule("script-user-unknown", ERROR)
def script_user_unknown(case: Case) -> Iterator[Finding]:
    """Find users that scripts shall run as and that do not exist."""
    setting = case.setting("script_user")
    if setting is not None and case.account(setting.words[1:3] or [""]) is None:
        what = f"{' '.join(setting.words)}: this node has no such user or group"
        yield at(setting, what, f"For each script without a user of its own: {DROPPED[TRACK]}", "Make the user.")
    for command in case.commands:
        if command.user and case.account(command.user) is None:
            what = f"{command.owner}: this node has no user {' '.join(command.user)}"
            fix = "Make the user, or put command and arguments in one pair of quotes if that was meant as an argument."
            yield at(command.block, what, DROPPED[command.kind], fix)
