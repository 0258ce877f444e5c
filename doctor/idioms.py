"""Which habits of the tutorials are in the commands and the scripts, and what takes their place?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doctor.commands import NOTIFY, TRACK
from doctor.rule import ERROR, WARNING, Finding, at, rule
from doctor.tracking import number
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from doctor.commands import Command
    from doctor.program import Program

_MOST_BYTES, _MOST_LINE = 65536, 1000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a command or of the script that it runs; ``number`` is 0 for the command itself."""

    command: Command
    text: str
    path: str
    number: int

    def finding(self, what: str, consequence: str, fix: str) -> Finding:
        """Return a finding about this line."""
        if not self.number:
            return at(self.command.block, f"{self.command.owner}: {what}", consequence, fix)
        return Finding(self.path, self.number, f"{self.command.owner}: {what}", consequence, fix)


def _lines(case: Case) -> Iterator[Line]:
    """Yield the commands and the lines of their scripts, each script once, without comments."""
    seen = {""}
    for command in case.commands:
        yield Line(command, command.line[:_MOST_LINE], "", 0)
    for program in case.programs:
        for path in (program.real, _read_by_shell(program)):
            head = b"" if path in seen else case.host.read(path, _MOST_BYTES) or b""
            seen.add(path)
            if b"\0" in head or not (head.startswith(b"#!") or path != program.real):
                continue
            for index, text in enumerate(head.decode("utf-8", "replace").splitlines(), 1):
                if text.strip() and not text.lstrip().startswith("#"):
                    yield Line(program.command, text[:_MOST_LINE], path, index)


def _read_by_shell(program: Program) -> str:
    """Return the script in a command such as ``/bin/bash /etc/keepalived/check.sh``, or nothing."""
    words = [word for word in program.command.argv[1:] if not word.startswith("-")]
    is_shell = program.command.argv[0].rpartition("/")[2] in ("sh", "bash", "dash", "ksh", "zsh")
    return words[0] if is_shell and words and words[0].startswith("/") else ""


def _matching(case: Case, pattern: str) -> Iterator[tuple[Line, re.Match[str]]]:
    for line in _lines(case):
        match = re.search(pattern, line.text)
        if match is not None:
            yield line, match


_START = r"(?:^|[\s;&|(`\"'/])"  # where a command may begin


@rule("idiom-killall", WARNING)
def idiom_killall(case: Case) -> Iterator[Finding]:
    """Find processes that are looked for by killall -0, pkill -0, pidof or pgrep."""
    pattern = _START + r"(killall5?\s+-0|pkill\s+-0|pidof|pgrep)\b\s*(?:-\S+\s+)*([\w.@-]+)?"
    for line, match in _matching(case, pattern):
        if line.command.kind != NOTIFY:
            name = match[2] or "NAME"
            yield line.finding(
                f"{' '.join(match[1].split())} tells that a process of that name is there",
                "A zombie, a hung process and one inside a container count as healthy.",
                f'script "/usr/libexec/keepalived/chk_process -C {name}", or chk_service to restart it as well',
            )


@rule("idiom-ps-count", WARNING)
def idiom_ps_count(case: Case) -> Iterator[Finding]:
    """Find processes that are counted with ps and wc or grep."""
    pattern = _START + r"ps\s[^|]*(?:\|[^|]*)*\|\s*(?:wc\s+-l|grep\s+(?:-\w*c|-v\s+grep))"
    for line, _ in _matching(case, pattern):
        if line.command.kind != NOTIFY:
            yield line.finding(
                "processes are counted with ps",
                "Zombies, containers, editors and the script itself are taken for the service, and each run is slow.",
                "chk_process -C NAME, or chk_service (chk_haproxy), which restarts it once and else gives the VIP up",
            )


@rule("idiom-stops-keepalived", ERROR)
def idiom_stops_keepalived(case: Case) -> Iterator[Finding]:
    """Find scripts that stop keepalived to give the VIP up."""
    pattern = (
        _START + r"(?:systemctl\s+(?:-\S+\s+)*(?:stop|kill|disable)\s+keepalived|service\s+keepalived\s+stop"
        r"|init\.d/keepalived\s+stop|(?:killall|pkill)\s+(?:-\S+\s+)*keepalived)\b"
    )
    for line, _ in _matching(case, pattern):
        yield line.finding(
            f"it stops keepalived itself: {one_line(line.text, 60)}",
            "The shutdown kills the very script, the node stays out until somebody starts keepalived, and two nodes "
            "that do so leave no VIP at all.",
            "Leave with exit 1: with weight 0 keepalived goes to FAULT, gives the VIP up, and comes back by itself.",
        )


@rule("idiom-nmap", WARNING)
def idiom_nmap(case: Case) -> Iterator[Finding]:
    """Find ports that are tried with nmap."""
    for line, _ in _matching(case, _START + r"nmap\s"):
        yield line.finding(
            "nmap tries a port",
            "It costs a hundred times what a connect costs, has no deadline of its own, and its words change.",
            'misc_path "/usr/libexec/keepalived/chk_port -H ADDRESS -p PORT"',
        )


@rule("idiom-mysqladmin", WARNING)
def idiom_mysqladmin(case: Case) -> Iterator[Finding]:
    """Find databases that are tried with mysqladmin, or with a password in the command."""
    for line, _ in _matching(case, _START + r"(?:mysqladmin|mariadb-admin)\b|" + _START + r"mysql\s(?:.*\s)?-p\S"):
        yield line.finding(
            "a database is tried with its command line client",
            "mysqladmin ping says alive though the login is refused, it may wait for ever, and a password in a command "
            "line is for everybody to read.",
            'misc_path "/usr/libexec/keepalived/chk_mysql_ping -H ADDRESS -f /etc/vipwarden/mysql.cnf"',
        )


@rule("script-sleeps", WARNING)
def script_sleeps(case: Case) -> Iterator[Finding]:
    """Find checks that sleep for as long as their interval."""
    for line, match in _matching(case, _START + r"sleep\s+([0-9]+)(?:\.[0-9]+)?s?\b"):
        if line.command.kind == TRACK:
            interval = number(line.command.scope.value("interval"), 1)
            if number(match[1], 0) >= interval:
                yield line.finding(
                    f"it sleeps {match[1]} s of an interval of {interval} s",
                    "keepalived kills it for its time-out, or starts the next one beside it.",
                    "chk_service restarts a service and gives it grace without ever waiting.",
                )
