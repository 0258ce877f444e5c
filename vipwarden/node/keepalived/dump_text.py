"""What do the dumps data and stats say, which keepalived writes for people?

data (dump_vrrp and dump_vscript of keepalived's vrrp_data.c) alone knows of scripts and sync groups, stats
(vrrp_print.c) has the counters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.dump import (
    COUNTERS,
    RUNS,
    STATES,
    STATUSES,
    DumpError,
    Instance,
    Script,
    lacks,
    shown,
    vip_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACES = {place: name for name, place in COUNTERS.items()}
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


def parse_data(dump: bytes) -> tuple[list[Instance], list[Script]]:
    """Return instances without counters, and scripts; raises DumpError."""
    instances: dict[str, Instance] = {}
    scripts: dict[str, Script] = {}
    section = ""
    instance: Instance | None = None
    script: Script | None = None
    vips: list[tuple[str, str]] | None = None
    for line in _lines(dump):
        if line.startswith("------<"):
            section, instance, script = line, None, None
        elif section == "------< VRRP Topology >------" and line.startswith(" VRRP Instance = "):
            instance = Instance(line[17:])
            instances[instance.name], vips = instance, None
        elif section == "------< VRRP Scripts >------" and line.startswith(" VRRP Script = "):
            script = Script(line[15:])
            scripts[script.name] = script
        elif line.startswith("     "):
            if instance is not None and vips is not None and (vip := vip_of(line)) is not None:
                vips.append(vip)
        elif line.startswith("   "):
            key, _, value = line.strip().partition(" = ")
            if instance is not None:
                vips = _list_of(instance, key)
                _tell_instance(instance, key, value)
            elif script is not None:
                _tell_script(script, key, value)
    # keepalived 1.3 does not tell the effective priority
    if not instances or any(not one.vrid or one.base_priority is None for one in instances.values()):
        raise DumpError("no VRRP instance is there, or not all of one")
    for one in scripts.values():
        if one.waits:
            one.status = None
    return list(instances.values()), list(scripts.values())


def _list_of(instance: Instance, key: str) -> list[tuple[str, str]] | None:
    """Return the list that the lines below ``Virtual IP (2):``, or ``Virtual IP Excluded :``, belong to."""
    if not key.startswith("Virtual IP"):
        return None
    return instance.excluded if key.startswith("Virtual IP Excluded") else instance.vips


def _tell_instance(instance: Instance, key: str, value: str) -> None:
    if key == "State":
        instance.state = STATES.get(value)
    elif key == "Virtual Router ID":
        instance.vrid = value if _NUMBER.fullmatch(value) else ""
    elif key in ("Interface", "Listening device", "Running on device"):  # the last two up to 1.3 and 1.4
        instance.interface = "" if value == "not configured" else shown(value.partition(",")[0])
    elif key == "Sync group":
        instance.group = shown(value)
    elif key == "Priority":
        instance.base_priority = _whole(value)
    elif key == "Effective priority":
        instance.effective_priority = _whole(value)
    elif key == "Gratuitous ARP delay":
        instance.delay = _whole(value)
    elif key == "Last transition" and (match := _TIME.match(value)):
        instance.changed = float(match[0])


def _tell_script(script: Script, key: str, value: str) -> None:
    if key == "Status":
        script.status = STATUSES.get(value)
    elif key == "State":
        script.run = RUNS.get(value)
    elif key == "Init state":
        script.waits = value == "INIT"


def parse_stats(dump: bytes) -> dict[str, dict[str, int]]:
    """Return the counters of each instance; raises DumpError."""
    if not dump.endswith(b"\n"):
        raise DumpError("not all is there")
    found: dict[str, dict[str, int]] = {}
    counters: dict[str, int] = {}
    section = ""
    for line in _lines(dump):
        key, _, value = line.strip().partition(":")
        if line.startswith("VRRP Instance: "):
            counters = found.setdefault(shown(line[15:]), {})
        elif not line.startswith("    "):
            section = "" if value else key
        name = _PLACES.get((section if line.startswith("    ") else "", key))
        number = _whole(value.strip())
        if name is not None and number is not None:
            counters[name] = number
    if not found or any(map(lacks, found.values())):
        raise DumpError("not all is there")
    return found


def _lines(dump: bytes) -> Iterator[str]:
    return iter(dump.decode("utf-8", "replace").split("\n"))


def _whole(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
