"""Can keepalived run the commands that it is told to run, and does it get an answer out of them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.commands import CHECKER, NOTIFY, TRACK
from doctor.rule import ERROR, NOTE, WARNING, Finding, at, rule
from doctor.shebang import Trouble, trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case

DROPPED = {
    TRACK: "keepalived drops the script and holds the VIP whatever happens to what it should watch.",
    CHECKER: "keepalived removes the check: the real server stays in the pool, dead or alive.",
    NOTIFY: "keepalived never runs it: what it should do when the state changes is not done.",
}
_SUCCESS = {
    TRACK: "The exec fails, and keepalived counts that as success: the VIP is held whatever happens.",
    CHECKER: "The exec fails, and keepalived counts that as success: the real server stays in the pool, dead or alive.",
    NOTIFY: "The exec fails: what it should do when the state changes is not done.",
}


@rule("script-missing", ERROR)
def script_missing(case: Case) -> Iterator[Finding]:
    """Find scripts that are not where the configuration says."""
    for program in case.programs:
        if program.missing:
            command = program.command
            fix = "Install it there, or correct the path; vipwarden's scripts are in /usr/libexec/keepalived."
            yield at(command.block, f"{command.owner}: {program.missing}", DROPPED[command.kind], fix)
        elif program.is_hidden:
            what = f"{program.command.owner}: {program.given} may not be looked at by this user"
            yield at(
                program.command.block, what, "Whether it is there and sound is not known.", "Run it as root.", NOTE
            )


@rule("script-not-executable", ERROR)
def script_not_executable(case: Case) -> Iterator[Finding]:
    """Find scripts that the user they run as may not execute."""
    for program in case.programs:
        if not program.missing and not program.is_executable:
            command = program.command
            what = f"{command.owner}: {program.given} may not be executed by uid {program.uid}, gid {program.gid}"
            yield at(command.block, what, DROPPED[command.kind], f"chmod 755 {program.real}")


@rule("script-insecure", ERROR)
def script_insecure(case: Case) -> Iterator[Finding]:
    """Find scripts run as root that others can change, anywhere along their path."""
    for program in case.programs:
        command = program.command
        for element, how in program.unsafe.items():
            what = f"{command.owner}: {element} {how}"
            if element != program.real:
                what += f", on the path of {program.given}"
            worse = "Who can write there becomes root, for keepalived runs it as root."
            consequence = f"Unsafe permissions: {DROPPED[command.kind]}" if case.is_secure else worse
            fix = f"chown root:root {element}; chmod go-w {element}; or install the script in /usr/libexec/keepalived."
            yield at(command.block, what, consequence, fix, "" if case.is_secure else WARNING)


@rule("script-not-a-file", ERROR)
def script_not_a_file(case: Case) -> Iterator[Finding]:
    """Find scripts that are no file, or in folders that keepalived does not take for such."""
    for program in case.programs:
        if program.odd:
            command = program.command
            kind = "is no file" if program.odd == program.real else f"is a link on the path of {program.given}"
            what = f"{command.owner}: {program.odd} {kind}: a wrong type of file to {case.running}"
            fix = f"Write the path without links: {program.real}" if program.odd != program.real else "Name a file."
            yield at(command.block, what, DROPPED[command.kind], fix)


@rule("interpreter-missing", ERROR)
def interpreter_missing(case: Case) -> Iterator[Finding]:
    """Find scripts whose first line names an interpreter that cannot be run."""
    for program in case.programs:
        found = trouble(case.host, program) if program.is_executable and not program.odd else None
        if found is not None and found.kind != Trouble.NONE_NAMED:
            command = program.command
            consequence = _SUCCESS[command.kind]
            if found.kind == Trouble.ENV:
                consequence = "env exits 127 each time: keepalived sees nothing but failures."
            yield at(command.block, f"{command.owner}: {found.text}", consequence, found.fix)


@rule("interpreter-unnamed", ERROR)
def interpreter_unnamed(case: Case) -> Iterator[Finding]:
    """Find scripts that do not begin with a #! line."""
    for program in case.programs:
        found = trouble(case.host, program) if program.is_executable and not program.odd else None
        if found is not None and found.kind == Trouble.NONE_NAMED:
            command = program.command
            consequence = f"Where keepalived is built with libmagic sh runs it, else: {_SUCCESS[command.kind]}"
            yield at(command.block, f"{command.owner}: {found.text}", consequence, found.fix)


@rule("script-unquoted", ERROR)
def script_unquoted(case: Case) -> Iterator[Finding]:
    """Find commands whose arguments keepalived does not take as such."""
    for command in case.commands:
        block = command.block
        if len(block.text.split()) > 1 and not command.argv:
            what = f"{command.owner}: a quote or a backslash has no end in {block.text}"
            yield at(block, what, DROPPED[command.kind], "Close the quote.")
        elif command.extra:
            what = f"{command.owner}: the command is {command.argv[0]} alone, without {' '.join(command.extra)}"
            consequence = "keepalived takes the first word, or what stands in quotes, and passes over the rest."
            yield at(block, what, consequence, 'Put command and arguments in one pair of quotes: "COMMAND ARGUMENT".')


@rule("script-path-searched", WARNING)
def script_path_searched(case: Case) -> Iterator[Finding]:
    """Find scripts that are searched for in PATH."""
    for program in case.programs:
        command = program.command
        if "/" not in command.argv[0] and not program.missing:
            what = f"{command.owner}: {command.argv[0]} is searched for in PATH"
            consequence = "Which program runs depends on the environment that keepalived was started with."
            yield at(command.block, what, consequence, f"Write {program.given}")
