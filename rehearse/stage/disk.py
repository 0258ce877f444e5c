"""What if the file system of /run is full on a node?

Only a real run knows: keepalived itself writes nothing there while it runs, but scripts may.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from rehearse.model.faults import FULL, Fault
from rehearse.stage.held import ROOM

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster
    from rehearse.stage.node import Node


def disk_faults(cluster: Cluster) -> list[Fault]:
    """Return the fault for each node with VIPs."""
    return [Fault(FULL, (place,)) for place, node in enumerate(cluster.nodes) if node.instances]


def fill(node: Node, *, broken: bool) -> None:
    """Leave no room in /run of a node, or give it back."""
    run = node.root / "run"
    page = run / ".rehearse"
    size = ROOM
    if broken:
        page.write_bytes(b"\0")  # a tmpfs of size 0 has no bound
        it = os.statvfs(run)
        size = str((it.f_blocks - it.f_bfree) * it.f_frsize)
    command = ["mount", "-o", f"remount,size={size}", str(run)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    if not broken:
        page.unlink()
