"""What does the doctor say of the nodes of a rehearsal, and how is its page written?"""

from __future__ import annotations

import glob
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.case import Case
from doctor.finding import NOTE
from doctor.host import Host
from doctor.rules import RULES
from doctor.tracking import Peers
from rehearse.page.report import Report, page
from vipwarden import VERSION
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.state.files import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doctor.finding import Finding
    from rehearse.change import Change
    from rehearse.report import Both
    from rehearse.rows import Line
    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.keepalived.version import Version

_SUBJECTS = ("doctor.weights", "doctor.handover", "doctor.starting", "doctor.pairs")


def findings(confs: Sequence[tuple[str, Block]], version: Version | None) -> list[Finding]:
    """Return what the doctor's rules about weights and peers find."""
    chosen = [rule for rule in RULES.values() if rule.look.__module__ in _SUBJECTS]
    cases = [
        Case(conf, Host("", "", ""), version, Peers([], [other for _, other in confs if other is not conf]))
        for _, conf in confs
    ]
    return [it for case in cases for rule in chosen for it in rule.findings(case) if it.severity != NOTE]


def by_place(confs: Sequence[tuple[str, Block]], findings: Sequence[Finding]) -> dict[tuple[str, int], list[str]]:
    """Return the names of their rules by path and line, those of a virtual_ipaddress by its instance."""
    inside = {
        (line.path, line.number): (it.path, it.number)
        for _, conf in confs
        for it in conf.named("vrrp_instance")
        for line in it.blocks
    }
    found: dict[tuple[str, int], list[str]] = {}
    for finding in findings:
        place = (finding.path, finding.line)
        found.setdefault(inside.get(place, place), []).append(finding.rule)
    return found


def writable(path: str) -> None:
    """Raise ConfError where a file cannot be written, before what may last for minutes."""
    place = Path(path)
    folder, why = place.parent, ""
    try:
        if place.is_symlink() or (place.exists() and not place.is_file()):  # such as a device
            why = "it is no plain file"
        elif not folder.is_dir() or not os.access(folder, os.W_OK):
            why = "it cannot be written there"
    except OSError as error:
        why = str(error.strerror)
    if why:
        raise ConfError(f"--html {path}: {why}; nothing was run")
    for aside in folder.glob(f".*.{glob.escape(place.name)}"):  # of a run that was killed while it wrote
        writer = aside.name[1:].partition(".")[0]
        if writer.isdecimal() and not Path("/proc", writer).exists():
            aside.unlink(missing_ok=True)


def write_page(path: str, what: Report) -> None:
    """Write the page whole; raises ConfError."""
    try:
        write(str(Path(path).absolute()), page(what).encode("utf-8", "replace"))
    except OSError as error:
        raise ConfError(f"--html {path}: {error.strerror}") from None


def report(
    names: list[str],
    found: list[Line],
    both: Both,
    findings: list[Finding],
    version: Version | None,
    *,
    dry: bool,
    what_if: Sequence[Change],
    told: Sequence[str] = (),
) -> Report:
    """Return what the page shows."""
    means = "Computed by a model; the slowest case is drawn." if dry else "Seen with real keepalived in namespaces."
    means += "".join(f" {it[0].upper()}{it[1:]}." for it in told)
    changed = f" As if {', '.join(map(str, what_if))}." if what_if else ""
    running = "keepalived (version not known)" if version is None else f"keepalived {version}"
    time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    versions = f"{running}, vipwarden {VERSION}"
    return Report(names, means + changed, versions, time, found, both, [*findings], is_changed=bool(what_if))
