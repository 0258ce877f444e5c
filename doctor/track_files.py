"""Do track files and FILE_CHECKs fail closed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.commands import real_servers, services
from doctor.finding import ERROR, WARNING, at
from doctor.tracking import everywhere, files, number, track_files
from vipwarden.node.keepalived.version import Version
from vipwarden.state import paths

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

_CLOSED = "weight 0 reverse"
_MISC = 'MISC_CHECK { misc_path "/usr/libexec/keepalived/chk_verdict NAME" and alpha }, which asks the agent.'


def _weight(line: Block | None) -> tuple[int, bool]:
    """Return a weight and whether it is reversed: 1 by default."""
    words = line.words[1:3] if line is not None else []
    return number(words[0], 1) if words else 1, words[1:] == ["reverse"]


def _value(case: Case, path: str) -> int:
    """Return the number in a track file now: 0 where there is none."""
    text = (case.host.read(path, 16) or b"") if path else b""
    return number(text.strip().decode("ascii", "replace"), 0)


def _is_handover(block: Block) -> bool:
    """Return whether it is the track file of ``vipwarden handover``, whose loss is no fault."""
    return block.value("file").startswith(f"{paths.handover(paths.ROOT)}/")


@rule("track-file-open", WARNING)
def track_file_open(case: Case) -> Findings:
    """Track files whose loss counts as healthy."""
    consequence = "A missing, empty, unreadable or invalid file reads as 0, which changes nothing: the VIP stays."
    for holder in case.holders:
        for line in files(case.conf, holder):
            # it fails closed by FAULT, or by the end of what it adds to the priority now
            if line.target is None or (line.reverse and not line.weight) or _is_handover(line.target):
                continue
            if _value(case, line.target.value("file")) * line.weight * (-1 if line.reverse else 1) <= 0:
                what = f"{holder.name} tracks {line.name} with weight {line.weight}, not with {_CLOSED}"
                yield at(line.line, what, consequence, f"{_CLOSED}, and write 1 for healthy: a lost file is FAULT.")


@rule("track-file-missing", WARNING)
def track_file_missing(case: Case) -> Findings:
    """Track files that do not exist."""
    for block in track_files(case.conf):
        path = block.value("file")
        has_folder = case.host.real(path.rpartition("/")[0] or "/") is not None  # else track-file-folder reports it
        is_lost = block.last("init_file") is None and case.host.real(path) is None
        if path and has_folder and is_lost and not _is_handover(block):
            until = "The instance is in FAULT" if _weight(block.last("weight")) == (0, True) else "It reads as 0"
            fix = "Start its writer before keepalived, or let keepalived create it: init_file 0"
            what = f"track file {block.name}: {path} does not exist"
            yield at(block, what, f"{until} until it is written.", fix)


@rule("track-file-folder", ERROR)
def track_file_folder(case: Case) -> Findings:
    """Track files in a folder that does not exist."""
    for block in track_files(case.conf):
        folder = block.value("file").rpartition("/")[0]
        if folder and case.host.real(folder) is None:
            what = f"track file {block.name}: there is no folder {folder}"
            consequence = f"keepalived drops the track file and holds the VIP whatever is written, even with {_CLOSED}."
            fix = f"Create it before keepalived starts, by tmpfiles.d: d {folder} 0755 root root"
            yield at(block, what, consequence, fix)


@rule("track-file-overwritten", WARNING)
def track_file_overwritten(case: Case) -> Findings:
    """Track files that keepalived overwrites when it starts."""
    if case.version is None or not Version("2.2.8") <= case.version < Version("2.3.3"):
        return
    for block in track_files(case.conf):
        line = block.last("init_file")
        if line is not None and "overwrite" not in line.words:
            consequence = f"keepalived {case.version} overwrites the file at each start, though it should not."
            fix = "Leave init_file out, and start the writer of the file before keepalived."
            yield at(line, f"track file {block.name} has init_file", consequence, fix)


def _track_file(case: Case, check: Block) -> Block | None:
    name = check.value("track_file")
    return next((block for block in track_files(case.conf) if block.name == name), None)


def _check_weight(case: Case, check: Block) -> tuple[int, bool]:
    """Return weight and reverse of a FILE_CHECK: its own, or those of its track file."""
    file = _track_file(case, check)
    return _weight(check.last("weight") or (file.last("weight") if file is not None else None))


def _adds(case: Case, check: Block) -> int:
    """Return what a FILE_CHECK adds to the weight of its server now."""
    weight, reverse = _check_weight(case, check)
    file = _track_file(case, check)
    return _value(case, file.value("file") if file is not None else "") * (-weight if reverse else weight)


def _own(service: Block, server: Block) -> int:
    return number(server.value("weight") or service.value("weight"), 1)


@rule("file-check-reverse", ERROR)
def file_check_reverse(case: Case) -> Findings:
    """FILE_CHECKs that keepalived reverses (check_file.c, set_track_file_checkers_down())."""
    for check in everywhere(case.conf, "FILE_CHECK"):
        if _check_weight(case, check) == (0, True):
            what = f"FILE_CHECK of {check.value('track_file')}: {_CLOSED}"
            consequence = "At start and reload keepalived takes 1 for the fault, and admits servers whose file says 0."
            yield at(check.last("weight") or check, what, consequence, _MISC)


@rule("file-check-sorry", ERROR)
def file_check_sorry(case: Case) -> Findings:
    """Sorry servers that are never left (check_data.c, validate_check_config())."""
    for service in services(case.conf):
        servers = list(service.named("real_server"))
        checked = any(True for server in servers for _ in server.named("FILE_CHECK"))
        sorry = service.last("sorry_server")
        if sorry is not None and checked and not any(_own(service, server) for server in servers):
            what = "a sorry_server, and every real server has weight 0 besides what a FILE_CHECK adds"
            consequence = "keepalived uses quorum 0 and hysteresis 4294967295: all clients go to the sorry server."
            yield at(sorry, what, consequence, _MISC)


@rule("file-check-open", WARNING)
def file_check_open(case: Case) -> Findings:
    """Real servers that stay in the pool when the file of their FILE_CHECK is lost."""
    for service, server in real_servers(case.conf):
        checks = list(server.named("FILE_CHECK"))
        weights = [_check_weight(case, check) for check in checks]
        own = _own(service, server)
        if not checks or own <= 0 or (0, True) in weights:
            continue
        # a file that takes the own weight away for good, and another that gives one, may be lost
        less = sum(min(0, _adds(case, check)) for check in checks)
        if own + less > 0 or not any(weight > 0 for weight, reverse in weights if not reverse):
            what = f"real_server {' '.join(server.words[1:3])} has weight {own} besides what its FILE_CHECK adds"
            consequence = "A missing, empty or invalid file reads as 0: the server stays in, dead or alive."
            yield at(server, what, consequence, _MISC)
