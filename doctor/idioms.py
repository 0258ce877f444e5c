"""Which idioms of tutorials do the commands and scripts use, and which check replaces them?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.commands import CHECKER, NOTIFY, TRACK
from doctor.finding import ERROR, WARNING, Finding
from doctor.shell import MOST_LINE, code_of, lines_of
from doctor.tracking import number
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.commands import Command
    from doctor.program import Program

_MOST_BYTES = 65536
_FOLDER = "/usr/libexec/keepalived"
_DAEMONS = {
    "haproxy": ("chk_haproxy", "chk_process and chk_port stay healthy while HAProxy is stopped"),
    **dict.fromkeys(
        ("mysqld", "mariadbd", "mysql", "mariadb"),
        ("chk_mysql_ping -H 127.0.0.1 -f /etc/vipwarden/mysql.cnf", "it logs in and asks"),
    ),
    **dict.fromkeys(
        ("nginx", "httpd", "apache2"),
        ("chk_http_digest -H 127.0.0.1 -u / --status 200", "it asks for a page; chk_port -p 80 only connects"),
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a command (``number`` 0) or of its script."""

    command: Command
    text: str
    path: str
    number: int

    def finding(self, what: str, consequence: str, fix: str) -> Finding:
        """Return a finding about this line."""
        if not self.number:
            return self.command.finding(what, consequence, fix)
        return Finding(self.path, self.number, f"{self.command.owner}: {what}", consequence, fix)


def _lines(case: Case) -> Iterator[Line]:
    """Yield the commands and the lines that their scripts run, each script once."""
    seen = {""}
    for command in case.commands:
        yield Line(command, command.line[:MOST_LINE], "", 0)
    for program in case.programs:
        for path in (program.real, _read_by_shell(program)):
            head = b"" if path in seen else case.host.read(path, _MOST_BYTES) or b""
            seen.add(path)
            if b"\0" in head or not (head.startswith(b"#!") or path != program.real):
                continue
            for index, text in lines_of(head.decode("utf-8", "replace")):
                yield Line(program.command, text, path, index)


def _read_by_shell(program: Program) -> str:
    """Return the script in a command such as ``/bin/bash /etc/keepalived/check.sh``, or nothing."""
    words = [word for word in program.command.argv[1:] if not word.startswith("-")]
    is_shell = program.command.argv[0].rpartition("/")[2] in ("sh", "bash", "dash", "ksh", "zsh")
    return words[0] if is_shell and words and words[0].startswith("/") else ""


def _matching(case: Case, pattern: str, *, notify: bool = True) -> Iterator[tuple[Line, re.Match[str]]]:
    for line in _lines(case):
        match = re.search(pattern, code_of(line.text))
        if match is not None and (notify or line.command.kind != NOTIFY):
            yield line, match


def _check_of(command: Command, name: str) -> str:
    """Return the check that replaces the search for a process of this name."""
    if command.kind == CHECKER:
        return f'misc_path "{_FOLDER}/chk_port -H ADDRESS -p PORT": a process here says nothing of a real server'
    default = (f"chk_process -C {name}", "a hung daemon shows only to a check that asks it, such as chk_port")
    check, reason = _DAEMONS.get(name, default)
    return f'script "{_FOLDER}/{check}": {reason}'


_START = r"(?:^|[\s;&|(`\"'/])"  # where a command may begin


@rule("idiom-killall", WARNING)
def idiom_killall(case: Case) -> Findings:
    """Scripts that look for a daemon by killall -0, pkill -0, pidof or pgrep."""
    pattern = _START + r"(killall5?\s+-0|pkill\s+-0|pidof|pgrep)\b\s*(?:-\S+\s+)*([\w.@-]+)?"
    for line, match in _matching(case, pattern, notify=False):
        what = f"{' '.join(match[1].split())} only tells that a process of that name exists"
        consequence = "A zombie, a hung process and one inside a container count as healthy."
        yield line.finding(what, consequence, _check_of(line.command, match[2] or "NAME"))


@rule("idiom-ps-count", WARNING)
def idiom_ps_count(case: Case) -> Findings:
    """Scripts that count a daemon with ps and wc or grep."""
    pattern = _START + r"ps\s[^|]*(?:\|[^|]*)*\|\s*(?:wc\s+-l|grep\s+(?:-\w*c|-v\s+grep))"
    for line, _ in _matching(case, pattern, notify=False):
        named = re.search(rf"\b({'|'.join(_DAEMONS)})\b", line.text) or re.search(r"\s-C\s*([\w.@-]+)", line.text)
        consequence = "Zombies, containers, editors and the script itself count as the service, and each run is slow."
        fix = _check_of(line.command, named[1] if named else "NAME")
        yield line.finding("counts processes with ps", consequence, fix)


@rule("idiom-stops-keepalived", ERROR)
def idiom_stops_keepalived(case: Case) -> Findings:
    """Scripts that stop keepalived to release the VIP."""
    pattern = (
        _START + r"(?:systemctl\s+(?:-\S+\s+)*(?:stop|kill|disable)\s+keepalived|service\s+keepalived\s+stop"
        r"|init\.d/keepalived\s+stop|(?:killall|pkill)\s+(?:-\S+\s+)*keepalived)(?:\.service)?(?![\w-])"
    )
    for line, _ in _matching(case, pattern):
        yield line.finding(
            f"stops keepalived itself: {one_line(line.text, 60)}",
            "The shutdown kills this script, the node stays out until somebody starts keepalived, and two such nodes "
            "leave no VIP at all.",
            "Use exit 1 instead: with weight 0 keepalived goes to FAULT, releases the VIP, and comes back by itself.",
        )


@rule("idiom-nmap", WARNING)
def idiom_nmap(case: Case) -> Findings:
    """Ports checked with nmap."""
    for line, _ in _matching(case, _START + r"nmap\s"):
        consequence = "It costs a hundred times a connect, has no deadline, and its output changes between versions."
        fix = f'misc_path "{_FOLDER}/chk_port -H ADDRESS -p PORT"'
        yield line.finding("nmap checks a port", consequence, fix)


@rule("idiom-mysqladmin", WARNING)
def idiom_mysqladmin(case: Case) -> Findings:
    """Databases checked with mysqladmin, or with a password on the command line."""
    for line, _ in _matching(case, _START + r"(?:mysqladmin|mariadb-admin)\b|" + _START + r"mysql\s(?:.*\s)?-p\S"):
        yield line.finding(
            "checks a database with its command-line client",
            "mysqladmin ping reports a server alive that refuses the login, it may wait for ever, and everybody can "
            "read a password on a command line.",
            f'misc_path "{_FOLDER}/chk_mysql_ping -H ADDRESS -f /etc/vipwarden/mysql.cnf"',
        )


@rule("script-sleeps", WARNING)
def script_sleeps(case: Case) -> Findings:
    """Scripts that sleep for their interval or longer."""
    for line, match in _matching(case, _START + r"sleep\s+([0-9]+)(?:\.[0-9]+)?s?\b"):
        interval = number(line.command.scope.value("interval"), 1)
        if line.command.kind == TRACK and number(match[1], 0) >= interval:
            consequence = "keepalived kills it at its timeout, or starts another beside it."
            fix = "chk_service restarts a service and gives it time without ever waiting."
            yield line.finding(f"sleeps {match[1]} s of an interval of {interval} s", consequence, fix)
