"""Do real servers that are judged by a file fail closed, and can keepalived reach their quorum?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.commands import services
from doctor.rule import ERROR, WARNING, Finding, at, rule
from doctor.tracking import everywhere, number, track_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block

_FIX = 'MISC_CHECK { misc_path "/usr/libexec/keepalived/chk_verdict NAME" and alpha }, which asks the agent.'


def _weight(case: Case, check: Block) -> tuple[int, bool]:
    """Return the weight of a FILE_CHECK, its own or that of its track file, and whether it is reversed."""
    name = check.value("track_file")
    inherited = next((block for block in track_files(case.conf) if block.name == name), None)
    line = check.last("weight") or (inherited.last("weight") if inherited is not None else None)
    words = line.words[1:3] if line is not None else []
    return number(words[0], 1) if words else 1, words[1:] == ["reverse"]


def _adds(case: Case, check: Block) -> int:
    """Return what the file of a FILE_CHECK adds to the weight now."""
    weight, reverse = _weight(case, check)
    name = check.value("track_file")
    path = next((block.value("file") for block in track_files(case.conf) if block.name == name), "")
    text = (case.host.read(path, 16) or b"") if path else b""
    return number(text.strip().decode("ascii", "replace"), 0) * (-weight if reverse else weight)


def _own(service: Block, server: Block) -> int:
    return number(server.value("weight") or service.value("weight"), 1)


@rule("file-check-reverse", ERROR)
def file_check_reverse(case: Case) -> Iterator[Finding]:
    """Find FILE_CHECKs that keepalived takes the wrong way round (check_file.c, set_track_file_checkers_down())."""
    for check in everywhere(case.conf, "FILE_CHECK"):
        if _weight(case, check) == (0, True):
            yield at(
                check.last("weight") or check,
                f"FILE_CHECK of {check.value('track_file')}: weight 0 reverse",
                "Starting and reloading, keepalived takes 1 for the fault, and lets in servers whose file says 0.",
                _FIX,
            )


@rule("file-check-sorry", ERROR)
def file_check_sorry(case: Case) -> Iterator[Finding]:
    """Find sorry servers that take all for ever (check_data.c, validate_check_config())."""
    for service in services(case.conf):
        servers = list(service.named("real_server"))
        checked = any(server.named("FILE_CHECK") for server in servers)
        sorry = service.last("sorry_server")
        if sorry is not None and checked and not any(_own(service, server) for server in servers):
            yield at(
                sorry,
                "a sorry_server, and every real server has weight 0 besides what a FILE_CHECK adds",
                "keepalived takes 0 for the quorum and 4294967295 for its hysteresis: all go to the sorry server.",
                _FIX,
            )


@rule("file-check-open", WARNING)
def file_check_open(case: Case) -> Iterator[Finding]:
    """Find real servers that stay in when the file of their FILE_CHECK is lost."""
    for service in services(case.conf):
        for server in service.named("real_server"):
            checks = list(server.named("FILE_CHECK"))
            weights = [_weight(case, check) for check in checks]
            own = _own(service, server)
            if not checks or own <= 0 or (0, True) in weights:
                continue
            # one file that takes the own weight away for good, and another that gives one: it may be lost
            less = sum(min(0, _adds(case, check)) for check in checks)
            if own + less > 0 or not any(weight > 0 for weight, reverse in weights if not reverse):
                yield at(
                    server,
                    f"real_server {' '.join(server.words[1:3])} has weight {own} besides what its FILE_CHECK adds",
                    "A file that is missing, empty or no number reads as 0: the server stays in, dead or alive.",
                    _FIX,
                )
