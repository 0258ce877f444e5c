"""What cannot be rehearsed with real keepalived, on this machine or at all?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rehearse.model.cluster import PROCESS
from rehearse.model.faults import START
from rehearse.stage.apart import PROGRAMS, StageError
from rehearse.stage.connector import is_possible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault

_MOST_FAULTS = 200
_MOST_VIPS = 1000  # keepalived takes seconds to lay out more, and the times would say nothing
_RIGHTS = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin"


def refuse_faults(faults: Sequence[Fault]) -> None:
    """Raise StageError where there are too many faults, or none to be seen."""
    if not 1 <= len(faults) <= _MOST_FAULTS:
        raise StageError(f"{len(faults)} faults at once: from 1 to {_MOST_FAULTS} can be rehearsed, see --faults")
    if all(it.kind == START for it in faults):
        raise StageError("the start is seen with any other fault, see --faults")


def refuse(cluster: Cluster) -> None:
    """Raise StageError where the machine or the configuration cannot be rehearsed."""
    if os.geteuid() != 0:
        raise StageError("only root may make namespaces; --dry needs no rights")
    lacking = [name for name, bit in _RIGHTS.items() if not _effective() >> bit & 1]
    if lacking:
        raise StageError(f"root has no {' and no '.join(lacking)} here, as in a container; --dry needs no rights")
    missing = [it for it in PROGRAMS if shutil.which(it, path=_PATH) is None]
    if missing:
        raise StageError(f"not installed: {', '.join(missing)}; --dry needs none of them")
    for node in cluster.nodes:
        vips = sum(len(it.vips) for it in node.instances)
        if vips > _MOST_VIPS:
            raise StageError(f"{node.name} has {vips} VIPs: up to {_MOST_VIPS} can be rehearsed so; see --dry")
        held = [*(it.links for it in node.instances), *(it.links for it in node.groups)]
        if any(link.kind == PROCESS for entries in held for link in entries) and not is_possible():
            raise StageError(
                f"{node.name} has a vrrp_track_process: the kernel reports no processes in namespaces, and lets nobody "
                "do it in its place (seccomp's notifications, Linux 5.9, x86_64 or aarch64); see --dry"
            )


def _effective() -> int:
    """Return the rights of this process (capabilities(7))."""
    lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
