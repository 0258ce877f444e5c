"""Which lines of keepalived.conf run a check? For one version of keepalived, with comments that give the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING, TypeAlias

import yaml

from keepalived_scripts.quoting import command
from vipwarden.core.options import UsageError
from vipwarden.node.keepalived.version import Version
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP, INSTANCE, SERVER = "outside of all blocks", "inside the vrrp_instance", "inside the real_server"
Parts: TypeAlias = list[tuple[str, str]]  # place in keepalived.conf, and the lines for it
_TRACKS = paths.tracks(paths.ROOT)
_FRACTIONS = Version("2.3.2")
_REVERSE, _TRACK_FILE, _ZERO_IS_ONE = map(Version, ("2.0.18", "2.1.0", "2.1.5"))
_OVERLAPS = Version("2.1.3"), Version("2.3.2")
_WEIGHT_GROWS = Version("2.2.8"), Version("2.4.3")


@dataclass(frozen=True, slots=True)
class Wish:
    """A command by its arguments, its deadline in seconds, and the settings of keepalived.

    ``weight`` None is FAULT. ``dynamic`` are additional arguments for misc_dynamic, ``checks`` the entries of the
    agent's configuration.
    """

    name: str
    argv: tuple[str, ...]
    deadline: float
    interval: float | None
    fall: int
    rise: int
    weight: int | None
    version: Version
    dynamic: tuple[str, ...] = ()
    checks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def can_fail_closed(self) -> bool:
        """Whether a track file can fail closed in that version of keepalived."""
        return bool(self.weight) or self.version >= _REVERSE


def security() -> Parts:
    """Return the global settings under which keepalived runs scripts safely."""
    lines = [
        "global_defs {",
        "    enable_script_security    # refuse scripts that users other than root can change",
        "    script_user root          # without it keepalived looks for a user keepalived_script",
        "}",
    ]
    return [(TOP, "\n".join(lines))]


def vrrp_script(wish: Wish) -> Parts:
    """Return a vrrp_script and what tracks it; raises UsageError."""
    lines = [
        f"vrrp_script {wish.name} {{",
        f"    script {command(wish.argv, wish.version)}",
        f"    interval {_interval(wish):g}    # longer than the check's deadline of {wish.deadline:g} s",
    ]
    if _OVERLAPS[0] <= wish.version <= _OVERLAPS[1]:
        lines.append(f"    # timeout <= interval: keepalived {wish.version} starts a second copy while the first runs")
    lines += [f"    fall {wish.fall}        # failures in a row; after a start the first one counts at once"]
    lines += [f"    rise {wish.rise}", *_weight(wish), "}"]
    return [(TOP, "\n".join(lines)), (INSTANCE, f"track_script {{\n    {wish.name}\n}}")]


def _interval(wish: Wish) -> float:
    """Return the interval in seconds, by default the next whole second above the deadline."""
    if wish.interval is None:
        return floor(wish.deadline) + 1
    if wish.interval != int(wish.interval) and wish.version < _FRACTIONS:
        raise UsageError(f"--interval {wish.interval:g}: keepalived {wish.version} takes whole seconds only")
    if wish.interval < 0.001 or round(wish.interval, 3) != wish.interval:
        raise UsageError(f"--interval {wish.interval}: keepalived takes at most three decimal places")
    if wish.interval <= wish.deadline:
        asked = f"--interval {wish.interval:g} is not above the deadline of the check, {wish.deadline:g} s"
        raise UsageError(f"{asked}: give a shorter --timeout")
    return wish.interval


def _weight(wish: Wish) -> list[str]:
    if not wish.weight:
        return ["    # without a weight a failure is FAULT: the VIP moves in any case"]
    change = "added while the check succeeds" if wish.weight > 0 else "subtracted while the check fails"
    return [
        f"    weight {wish.weight}    # {change}; must exceed the gap between the priorities",
        "    # in a vrrp_sync_group it counts only with sync_group_tracking_weight",
    ]


def misc_check(wish: Wish) -> Parts:
    """Return a MISC_CHECK."""
    limit = floor(wish.deadline) + 2  # a second more for a loaded node: keepalived's kill leaves no message
    lines = [
        "MISC_CHECK {",
        f"    misc_path {command((*wish.argv, *wish.dynamic), wish.version)}",
        f"    misc_timeout {limit}    # longer than the check's deadline of {wish.deadline:g} s",
    ]
    if wish.dynamic:
        lines.append(
            "    misc_dynamic      # WARNING sets a weight; without misc_dynamic any code but 0 takes the server out"
        )
        if wish.version <= _ZERO_IS_ONE:
            lines.append(f"    # keepalived {wish.version} turns weight 0 into 1: use 1 or more")
        if _WEIGHT_GROWS[0] <= wish.version <= _WEIGHT_GROWS[1]:
            lines.append(f"    # keepalived {wish.version} raises the weight with each time-out")
    return [(SERVER, "\n".join([*lines, "}"]))]


def track_file(wish: Wish) -> Parts:
    """Return a track file of the agent with its tracking."""
    if not wish.can_fail_closed:
        raise UsageError(f"keepalived {wish.version} has no reverse: a track file without weight cannot fail closed")
    keyword = "track_file" if wish.version >= _TRACK_FILE else "vrrp_track_file"
    weight = f"weight {abs(wish.weight)}" if wish.weight else "weight 0 reverse"
    why = "added while the file holds 1; a missing file adds nothing"
    if not wish.weight:
        why = "0, an empty or missing file is FAULT; without reverse it reads as healthy"
    lines = [
        "# Instead of a vrrp_script, without a process for each run: the agent runs this part of vipwarden.yaml:",
        *(f"#   {line}" for line in _entries(wish)),
        f"{keyword} {wish.name} {{",
        f"    file {_TRACKS}/{wish.name}    # the agent writes 1 for healthy, else 0",
        "    # the folder must exist when keepalived starts: otherwise it drops the file and holds the VIP",
        f"    {weight}    # {why}",
        "    # no init_file: keepalived before 2.3.3 overwrites the agent's value with it",
        "}",
    ]
    return [(TOP, "\n".join(lines)), (INSTANCE, f"track_file {{\n    {wish.name}\n}}")]


def handover(instance: str, version: Version) -> Parts:
    """Return the track file by which an instance is handed over to the peer."""
    name = f"handover_{instance}"
    lines = [
        f"# vipwarden handover {instance} writes -254; 0 or a missing file changes nothing",
        f"{'track_file' if version >= _TRACK_FILE else 'vrrp_track_file'} {name} {{",
        f"    file {paths.handover(paths.ROOT)}/{paths.file_name(instance)}",
        "    # the folder must exist when keepalived starts: otherwise it drops the file",
        "    weight 0    # any value but 0 is FAULT, also in a vrrp_sync_group and with nopreempt",
        "}",
    ]
    return [(TOP, "\n".join(lines)), (INSTANCE, f"track_file {{\n    {name}\n}}")]


def verdict_check(wish: Wish) -> Parts:
    """Return a MISC_CHECK that reads the agent's verdict."""
    # no FILE_CHECK: none of its forms handles a lost file, the start of keepalived and a sorry_server
    reader = wish.argv[0].rpartition("/")[0] + "/chk_verdict"
    lines = [
        "# Instead of another MISC_CHECK, with no process but sh: the last verdict of the agent.",
        "# A missing or old verdict takes the server out. A FILE_CHECK would let it in, or never let it in.",
        "MISC_CHECK {",
        f"    misc_path {command((reader, wish.name), wish.version)}",
        "    misc_timeout 2",
        "    alpha    # out until the first run",
        "}",
    ]
    return [(SERVER, "\n".join(lines))]


def _entries(wish: Wish) -> list[str]:
    """Return the checks for the agent's configuration."""
    text: str = yaml.safe_dump({"checks": dict(wish.checks)}, sort_keys=False, width=10_000)
    # keepalived sees a backslash at the end of a line even in a comment
    return [f"{line} " if line.endswith("\\") else line for line in text.splitlines()]


def notify(folder: str, version: Version) -> Parts:
    """Return the line that calls notify at every change of state."""
    why = "# MASTER, BACKUP, FAULT and STOP go to one program, which runs the hooks of /etc/vipwarden/notify.d in order"
    return [(INSTANCE, f"{why}\nnotify {command((f'{folder}/notify',), version)}")]


def joined(parts: Parts) -> str:
    """Return the parts as one text, by place, each once."""
    lines = []
    for place in (TOP, INSTANCE, SERVER):
        texts = dict.fromkeys(text for at, text in parts if at == place)
        if texts:
            lines += [f"# {place}:", "", *(f"{text}\n" for text in texts)]
    return "\n".join(lines)
