"""Which VRRP instances has this node handed over to a peer, and since when?

Each has a track file of its name in the runtime folder. A value other than 0 in it is a FAULT for keepalived; 0 or a
missing file changes nothing, and the folder does not survive a reboot.
"""

from __future__ import annotations

import posix

from vipwarden.state import files, paths

# with weight 0 any value but 0 is a fault (process_update_track_file_status() of keepalived's track_file.c)
FAULT, NORMAL = -254, 0
_MOST_BYTES = 64


class Handover:
    """A hand-over in force: the ``instance``, and ``since`` when, in seconds of the epoch."""

    __slots__ = ("instance", "since")

    def __init__(self, instance: str, since: float) -> None:
        self.instance = instance
        self.since = since


def path(instance: str, top: str = "") -> str:
    """Return the path of the track file of an instance."""
    return f"{paths.handover(top)}/{paths.file_name(instance)}"


def read_all(top: str = "") -> list[Handover]:
    """Return the hand-overs in force below a runtime folder, by default those of this user and of root."""
    folders = (paths.handover(top),) if top else dict.fromkeys((paths.handover(), paths.handover(paths.ROOT)))
    return [found for folder in folders for found in files.whole(folder, _read)]


def _read(path: str, by: tuple[int, ...]) -> Handover | None:
    try:
        text = files.read(path, _MOST_BYTES, by)
        if int(text or b"0") == NORMAL:
            return None
        return Handover(paths.name_of(path.rpartition("/")[2]), posix.stat(path).st_mtime)
    except (OSError, ValueError):
        return None
