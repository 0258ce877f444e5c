"""Which lines of keepalived.conf run a check? Right for one version of keepalived, with comments that say why."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING

import yaml

from vipwarden.core.options import UsageError
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP, INSTANCE, SERVER = "outside of all blocks", "inside the vrrp_instance", "inside the real_server"
TRACKS = "/run/vipwarden/track"
_FRACTIONS, _REVERSE, _TRACK_FILE = Version("2.3.2"), Version("2.0.18"), Version("2.1.0")
_KEEPS_ESCAPES = Version("2.3.2")
_OVERLAPS = (Version("2.1.3"), Version("2.3.2"))
_WEIGHT_GROWS = (Version("2.2.8"), Version("2.4.3"))
_ZERO_IS_ONE = Version("2.1.5")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_")


@dataclass(frozen=True, slots=True)
class Part:
    """Lines, and where in keepalived.conf they belong."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: a command by its words, its deadline in seconds, and the settings of keepalived.

    ``weight`` None is FAULT. ``dynamic`` are the words that the command has besides for misc_dynamic, ``entry`` the
    check as the agent's configuration has it.
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
    entry: Mapping[str, object] = field(default_factory=dict)


def command(argv: tuple[str, ...], version: Version) -> str:
    r"""Return a command in the quotes that keepalived.conf wants, whatever its words hold.

    keepalived takes quotes away twice, once for the statement and once for the command, and before that knows double
    quotes alone, for comments, braces and definitions. So a word with something special stands in single quotes, and
    what those stages would see is written in octal. Up to 2.3.1 escapes are taken away twice as well: each backslash
    is doubled then. Raises UsageError for a line that is longer than keepalived reads.
    """
    words = " ".join(_word(word) for word in argv)
    line = '"' + (words if version >= _KEEPS_ESCAPES else words.replace("\\", "\\\\")) + '"'
    if len(line.encode("utf-8", "surrogateescape")) > 900:
        raise UsageError("the command is longer than the 1024 bytes that keepalived reads of a line")
    return line


def _word(word: str) -> str:
    if word and set(word) <= _PLAIN:
        return word
    octal = "\"'\\$!#{}~@"
    return "'" + "".join(f"\\{ord(c):03o}" if c in octal or c < " " or c == "\x7f" else c for c in word) + "'"


def security() -> Part:
    """Return what makes keepalived run scripts safely."""
    lines = [
        "global_defs {",
        "    enable_script_security    # scripts that others than root can change are not run",
        "    script_user root          # without it keepalived looks for a user keepalived_script",
        "}",
    ]
    return Part(TOP, "\n".join(lines))


def vrrp_script(wish: Wish) -> list[Part]:
    """Return a vrrp_script and what tracks it; raises UsageError."""
    interval = _interval(wish)
    lines = [
        f"vrrp_script {wish.name} {{",
        f"    script {command(wish.argv, wish.version)}",
        f"    interval {interval:g}    # the check ends by itself after {wish.deadline:g} s, before the next one",
    ]
    if _OVERLAPS[0] <= wish.version <= _OVERLAPS[1]:
        lines.append(f"    # no timeout above it: keepalived {wish.version} would start a second copy beside the first")
    lines += [f"    fall {wish.fall}        # failures in a row; the first run after a start counts at once"]
    lines += [f"    rise {wish.rise}", *_weight(wish), "}"]
    return [Part(TOP, "\n".join(lines)), Part(INSTANCE, f"track_script {{\n    {wish.name}\n}}")]


def _interval(wish: Wish) -> float:
    """Return the interval in seconds: as asked for, else the next whole second above the deadline."""
    if wish.interval is None:
        return floor(wish.deadline) + 1
    if wish.interval != int(wish.interval) and wish.version < _FRACTIONS:
        raise UsageError(f"--interval {wish.interval:g}: keepalived {wish.version} knows whole seconds alone")
    if wish.interval < 0.001 or round(wish.interval, 3) != wish.interval:
        raise UsageError(f"--interval {wish.interval}: keepalived knows three decimal places")
    if wish.interval <= wish.deadline:
        asked = f"--interval {wish.interval:g} is not above the deadline of the check, {wish.deadline:g} s"
        raise UsageError(f"{asked}: give a shorter --timeout")
    return wish.interval


def _weight(wish: Wish) -> list[str]:
    if not wish.weight:
        return ["    # no weight: a failure is FAULT, which gives the VIP up in any case"]
    change = "added while it succeeds" if wish.weight > 0 else "taken off while it fails"
    return [
        f"    weight {wish.weight}    # {change}: must be above the gap of the priorities, or nothing is handed over",
        "    # in a vrrp_sync_group it counts only with sync_group_tracking_weight",
    ]


def misc_check(wish: Wish) -> list[Part]:
    """Return a MISC_CHECK."""
    limit = floor(wish.deadline) + 2  # a second for a node under load: what is ended by keepalived tells less
    lines = [
        "MISC_CHECK {",
        f"    misc_path {command((*wish.argv, *wish.dynamic), wish.version)}",
        f"    misc_timeout {limit}    # never met: the check ends by itself after {wish.deadline:g} s",
    ]
    if wish.dynamic:
        lines.append(
            "    misc_dynamic      # a WARNING answers a weight; without it all but exit 0 takes the server out"
        )
        if wish.version <= _ZERO_IS_ONE:
            lines.append(f"    # keepalived {wish.version} makes weight 0 to 1: ask for 1 or more")
        if _WEIGHT_GROWS[0] <= wish.version <= _WEIGHT_GROWS[1]:
            lines.append(f"    # with keepalived {wish.version} each time-out would let the weight grow")
    return [Part(SERVER, "\n".join([*lines, "}"]))]


def track_file(wish: Wish) -> list[Part]:
    """Return a track file that the agent writes and what tracks it, and what asks the agent for a real server."""
    if wish.version < _REVERSE and not wish.weight:
        raise UsageError(f"keepalived {wish.version} has no reverse: a track file without weight cannot fail closed")
    keyword = "track_file" if wish.version >= _TRACK_FILE else "vrrp_track_file"
    weight = f"weight {abs(wish.weight)}" if wish.weight else "weight 0 reverse"
    why = "added while it is 1: a file that is lost adds nothing"
    if not wish.weight:
        why = "0, an empty and a lost file are FAULT; without reverse they read as healthy"
    lines = [
        "# In place of a vrrp_script, with no process at all: the agent runs what vipwarden.yaml says:",
        *(f"#   {line}" for line in _entry(wish)),
        f"{keyword} {wish.name} {{",
        f"    file {TRACKS}/{wish.name}    # the agent writes 1 for healthy, else 0",
        "    # the folder has to be there when keepalived starts: without it the file is dropped, and the VIP held",
        f"    {weight}    # {why}",
        "    # no init_file: with it versions before 2.3.3 overwrite what the agent wrote",
        "}",
    ]
    parts = [Part(TOP, "\n".join(lines)), Part(INSTANCE, f"track_file {{\n    {wish.name}\n}}")]
    # not by FILE_CHECK: no form of it is right for a file that is lost, at keepalived's start and with a sorry_server
    reader = wish.argv[0].rpartition("/")[0] + "/chk_verdict"
    lines = [
        "# In place of another MISC_CHECK, with no process but sh: what the agent said last.",
        "# A verdict that is lost or old takes the server out; a FILE_CHECK would let it in, or never let it in.",
        "MISC_CHECK {",
        f"    misc_path {command((reader, wish.name), wish.version)}",
        "    misc_timeout 2",
        "    alpha    # out until the first run: it begins as what is not known",
        "}",
    ]
    return [*parts, Part(SERVER, "\n".join(lines))]


def _entry(wish: Wish) -> list[str]:
    """Return the check as the agent's configuration has it."""
    text: str = yaml.safe_dump({"checks": {wish.name: dict(wish.entry)}}, sort_keys=False, width=10_000)
    # keepalived sees a backslash at the end of a line even in a comment
    return [f"{line} " if line.endswith("\\") else line for line in text.splitlines()]


def can_fail_closed(wish: Wish) -> bool:
    """Return whether a track file can, in that version of keepalived."""
    return bool(wish.weight) or wish.version >= _REVERSE


def notify(folder: str, version: Version) -> list[Part]:
    """Return what tells our notify of every change of state."""
    lines = [
        "# MASTER, BACKUP, FAULT and STOP go to one program, which runs the hooks of /etc/vipwarden/notify.d in order",
        f"notify {command((f'{folder}/notify',), version)}",
    ]
    return [Part(INSTANCE, "\n".join(lines))]


def joined(parts: list[Part]) -> str:
    """Return the parts as one text, by place, each once."""
    lines = []
    for place in (TOP, INSTANCE, SERVER):
        texts = dict.fromkeys(part.text for part in parts if part.place == place)
        if texts:
            lines += [f"# {place}:", "", *(f"{text}\n" for text in texts)]
    return "\n".join(lines)
