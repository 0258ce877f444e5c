"""Do the track files fail closed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.rule import ERROR, WARNING, Finding, at, rule
from doctor.tracking import Tracked, files, number, track_files
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block

_CLOSED = "weight 0 reverse"


def _is_closed(weight: list[str]) -> bool:
    return number(weight[0], 1) == 0 and weight[1:2] == ["reverse"]


def _closes(case: Case, tracked: Tracked) -> bool:
    """Return whether the loss of the file is a failure: FAULT, or the end of what it adds to the priority now."""
    if tracked.weight == 0 or tracked.target is None:
        return tracked.reverse
    text = (case.host.read(tracked.target.value("file"), 16) or b"").strip().decode("ascii", "replace")
    return number(text, 0) * tracked.weight * (-1 if tracked.reverse else 1) > 0


def _own_weight(block: Block) -> list[str]:
    line = block.last("weight")
    return line.words[1:3] if line is not None and len(line.words) > 1 else ["1"]


@rule("track-file-open", WARNING)
def track_file_open(case: Case) -> Iterator[Finding]:
    """Find track files that count as healthy when they are lost."""
    consequence = (
        "A file that is missing, empty, unreadable or no number reads as 0, which changes nothing: the VIP stays."
    )
    fix = f"{_CLOSED}, and write 1 for healthy: then a file that is lost is FAULT."
    for holder in (*case.instances, *case.conf.named("vrrp_sync_group")):
        for tracked in files(case.conf, holder):
            if tracked.target is not None and not _closes(case, tracked):
                what = f"{holder.name} tracks {tracked.name} with weight {tracked.weight}, not with {_CLOSED}"
                yield at(tracked.line, what, consequence, fix)


@rule("track-file-missing", WARNING)
def track_file_missing(case: Case) -> Iterator[Finding]:
    """Find track files that do not exist."""
    for block in track_files(case.conf):
        path = block.value("file")
        if not path or block.last("init_file") is not None or case.host.real(path) is not None:
            continue
        if case.host.real(path.rpartition("/")[0] or "/") is None:
            continue  # the next rule's
        closed = _is_closed(_own_weight(block))
        consequence = (
            "The instance goes to FAULT until it is written." if closed else "It reads as 0 until it is written."
        )
        fix = "Start what writes it before keepalived, or let keepalived make it: init_file 0"
        yield at(block, f"track file {block.name}: {path} does not exist", consequence, fix)


@rule("track-file-folder", ERROR)
def track_file_folder(case: Case) -> Iterator[Finding]:
    """Find track files in a folder that does not exist."""
    for block in track_files(case.conf):
        folder = block.value("file").rpartition("/")[0]
        if folder and case.host.real(folder) is None:
            what = f"track file {block.name}: there is no folder {folder}"
            consequence = (
                "keepalived drops the track file: the VIP is held whatever is written later, even by weight 0 reverse."
            )
            fix = f"Make it before keepalived starts, by tmpfiles.d: d {folder} 0755 root root"
            yield at(block, what, consequence, fix)


@rule("track-file-overwritten", WARNING)
def track_file_overwritten(case: Case) -> Iterator[Finding]:
    """Find track files that keepalived overwrites when it starts."""
    if case.version is None or not Version("2.2.8") <= case.version < Version("2.3.3"):
        return
    for block in track_files(case.conf):
        line = block.last("init_file")
        if line is not None and "overwrite" not in line.words:
            what = f"track file {block.name} has init_file"
            consequence = f"keepalived {case.version} overwrites the file at each start, though it should not."
            yield at(line, what, consequence, "Leave init_file out, and start what writes the file before keepalived.")
