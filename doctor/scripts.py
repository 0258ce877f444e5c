"""Can keepalived run its commands, as which user, and can other users change them?"""

from __future__ import annotations

from doctor.case import DEFAULT_USER, Case, Findings, rule
from doctor.commands import CHECKER, NOTIFY, TRACK
from doctor.finding import ERROR, NOTE, WARNING, at
from doctor.program import ENV, UNNAMED, start_failure

_DROPPED = {
    TRACK: "keepalived drops the script and holds the VIP whatever happens.",
    CHECKER: "keepalived drops the check: the real server stays in the pool, dead or alive.",
    NOTIFY: "keepalived never runs it.",
}
_SUCCESS = {
    TRACK: "The exec fails, which keepalived counts as success: it holds the VIP whatever happens.",
    CHECKER: "The exec fails, which keepalived counts as success: the real server stays in the pool, dead or alive.",
    NOTIFY: "The exec fails: nothing is run when the state changes.",
}


@rule("script-missing", ERROR)
def script_missing(case: Case) -> Findings:
    """Scripts that do not exist."""
    for program in case.programs:
        command = program.command
        if program.missing:
            fix = "Install it there, or correct the path; vipwarden's scripts are in /usr/libexec/keepalived."
            yield command.finding(program.missing, _DROPPED[command.kind], fix)
        elif program.is_hidden:
            what = f"{program.given} is not visible to this user"
            yield command.finding(what, "Whether it exists and is safe is not known.", "Run it as root.", NOTE)


@rule("script-not-executable", ERROR)
def script_not_executable(case: Case) -> Findings:
    """Scripts that their user may not execute."""
    for program in case.programs:
        if not program.missing and not program.is_executable:
            what = f"{program.given} is not executable by uid {program.uid}, gid {program.gid}"
            yield program.command.finding(what, _DROPPED[program.command.kind], f"chmod 755 {program.real}")


@rule("script-insecure", ERROR)
def script_insecure(case: Case) -> Findings:
    """Scripts run as root that others can change, at any element of the path."""
    for program in case.programs:
        for element, how in program.unsafe.items():
            what = f"{element} {how}" + (f", on the path of {program.given}" if element != program.real else "")
            consequence = "Who can write there becomes root: keepalived runs it as root."
            if case.is_secure:
                consequence = f"Unsafe permissions: {_DROPPED[program.command.kind]}"
            fix = f"chown root:root {element}; chmod go-w {element}; or install the script in /usr/libexec/keepalived."
            yield program.command.finding(what, consequence, fix, "" if case.is_secure else WARNING)


@rule("script-not-a-file", ERROR)
def script_not_a_file(case: Case) -> Findings:
    """Scripts that are not files, or have a link on their path that keepalived refuses."""
    for program in case.programs:
        if program.odd:
            is_link = program.odd != program.real
            kind = f"is a link on the path of {program.given}" if is_link else "is not a file"
            fix = f"Write the path without links: {program.real}" if is_link else "Name a file."
            what = f"{program.odd} {kind}: wrong type of file for {case.running}"
            yield program.command.finding(what, _DROPPED[program.command.kind], fix)


def _start_failures(case: Case, *, unnamed: bool) -> Findings:
    for program in case.programs:
        failure = start_failure(case.host, program) if program.is_executable and not program.odd else None
        if failure is not None and (failure[0] == UNNAMED) is unnamed:
            consequence = _SUCCESS[program.command.kind]
            if unnamed:
                consequence = f"sh runs it where keepalived is built with libmagic, else: {consequence}"
            elif failure[0] == ENV:
                consequence = "env exits 127 each time: keepalived sees nothing but failures."
            yield program.command.finding(failure[1], consequence, failure[2])


@rule("interpreter-missing", ERROR)
def interpreter_missing(case: Case) -> Findings:
    """Scripts whose interpreter cannot be run."""
    return _start_failures(case, unnamed=False)


@rule("interpreter-unnamed", ERROR)
def interpreter_unnamed(case: Case) -> Findings:
    """Scripts without a #! line."""
    return _start_failures(case, unnamed=True)


@rule("script-unquoted", ERROR)
def script_unquoted(case: Case) -> Findings:
    """Commands whose arguments keepalived ignores."""
    for command in case.commands:
        if len(command.block.text.split()) > 1 and not command.argv:
            what = f"a quote or a backslash has no end in {command.block.text}"
            yield command.finding(what, _DROPPED[command.kind], "Close the quote.")
        elif command.extra:
            what = f"the command is {command.argv[0]} alone, without {' '.join(command.extra)}"
            consequence = "keepalived takes the first word, or what is in quotes, and ignores the rest."
            yield command.finding(what, consequence, 'Put both in one pair of quotes: "COMMAND ARGUMENT".')


@rule("script-path-searched", WARNING)
def script_path_searched(case: Case) -> Findings:
    """Scripts without a full path."""
    for program in case.programs:
        name = program.command.argv[0]
        if "/" not in name and not program.missing:
            consequence = "Which program runs depends on the PATH that keepalived was started with."
            yield program.command.finding(f"{name} is searched for in PATH", consequence, f"Write {program.given}")


@rule("script-security-off", WARNING)
def script_security_off(case: Case) -> Findings:
    """Scripts that run without enable_script_security."""
    command = next((command for command in case.commands if command.is_file), None)
    if command is not None and not case.is_secure:
        consequence = "keepalived runs scripts as root that others may have changed, and logs SECURITY VIOLATION."
        fix = "Put enable_script_security and script_user into global_defs."
        yield command.finding("enable_script_security is not set", consequence, fix)


@rule("script-user-unset", ERROR)
def script_user_unset(case: Case) -> Findings:
    """Scripts with no user set."""
    if case.setting("script_user") is not None or case.host.user(DEFAULT_USER) is not None:
        return
    command = next((command for command in case.commands if command.is_file and not command.user), None)
    if command is not None:
        what = f"no user is set: there is neither script_user nor a user {DEFAULT_USER} on this node"
        consequence = f"With enable_script_security, {_DROPPED[command.kind]}"
        if not case.is_secure:
            consequence = "It runs as root, and so does whatever it starts."
        fix = "Put script_user root into global_defs, or add a user: useradd --system --shell /sbin/nologin"
        yield command.finding(what, consequence, f"{fix} {DEFAULT_USER}", "" if case.is_secure else WARNING)


@rule("script-user-unknown", ERROR)
def script_user_unknown(case: Case) -> Findings:
    """Users of scripts that do not exist."""
    setting = case.setting("script_user")
    if setting is not None and case.account(setting.words[1:3] or [""]) is None:
        what = f"{' '.join(setting.words)}: this node has no such user or group"
        yield at(setting, what, f"For each script without a user of its own: {_DROPPED[TRACK]}", "Add the user.")
    for command in case.commands:
        if command.user and case.account(command.user) is None:
            what = f"this node has no user {' '.join(command.user)}"
            fix = "Add the user; if it was meant as an argument, put command and arguments in one pair of quotes."
            yield command.finding(what, _DROPPED[command.kind], fix)
