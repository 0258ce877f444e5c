"""Does anything keep the clock of this node?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import NOTE, Finding

if TYPE_CHECKING:
    from doctor.host import Host

_CHRONY = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
# they keep the clock without a word to the kernel
_SILENT = ("/etc/openntpd/ntpd.conf", "/usr/bin/vmtoolsd", "/usr/sbin/VBoxService", "/usr/sbin/ptp4l")


@rule("clock-unsynchronised", NOTE)
def clock_unsynchronised(case: Case) -> Findings:
    """Nodes whose kernel says that nothing keeps the clock."""
    if case.host.clock_is_kept is False and not _may_be_kept(case.host):
        consequence = "Its logs do not fit those of the peers, and certificates fail once the clock is wrong."
        fix = "timedatectl, or chronyc tracking, tells why; without either: install chrony."
        yield Finding("/etc/adjtime", 0, "the kernel's clock is not synchronised", consequence, fix)


def _may_be_kept(host: Host) -> bool:
    """Return whether a program may keep the clock that does not tell the kernel: chrony does so with rtcsync."""
    chrony = [text for path in _CHRONY if (text := host.read(path)) is not None]
    tells = any(line.split()[:1] == [b"rtcsync"] for text in chrony for line in text.splitlines())
    return (bool(chrony) and not tells) or any(host.real(path) is not None for path in _SILENT)
