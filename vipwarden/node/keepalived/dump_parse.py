"""What do the dumps json, data and stats say?

json (vrrp_json.c) has all of the instances and nothing of scripts and sync groups; not every build has it. data
(dump_vrrp and dump_vscript of vrrp_data.c) has all but the counters, which stats (vrrp_print.c) has.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any

from vipwarden.node.keepalived.dump import COUNTERS, NEEDED, RUNS, STATES, STATUSES, DumpError, Instance, Script, shown
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PARTIAL = "not all is there"
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_PLACES = {place: name for name, place in COUNTERS.items()}


def _vips(texts: Iterable[object]) -> list[tuple[str, str]]:
    """Return address and interface of lines like ``192.0.2.1/24 dev vrrp.51@eth0 scope global set``."""
    vips = []
    for text in texts:
        words = _text(text).split()
        address = plain_address(words[0]) if words else ""
        if address and "dev" in words[1:-1]:
            vips.append((address, shown(words[words.index("dev") + 1].partition("@")[0])))
    return vips


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise ValueError("no number")
    return value


def _real(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError("no number")
    return float(value)


_JSON: dict[str, tuple[str, Callable[[Any], object]]] = {
    "vrid": ("vrid", lambda value: str(_whole(value))),
    "state": ("state", lambda value: _whole(value) if value in STATES.values() else None),
    "base_priority": ("base_priority", _whole),
    "effective_priority": ("effective_priority", _whole),
    "last_transition": ("changed", _real),
    "garp_delay": ("delay", _real),
}


def parse_json(dump: bytes) -> list[Instance]:
    """Return the instances with their counters, in either form ([...] or {"vrrp": [...]}); raises DumpError."""
    try:
        top = json.loads(dump.decode("utf-8", "replace"))
        instances = [
            _of_json(entry["data"], entry["stats"]) for entry in (top["vrrp"] if isinstance(top, dict) else top)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DumpError(f"{_PARTIAL}, or it is no JSON of keepalived's") from None
    if not instances:
        raise DumpError("it has no VRRP instance")
    return instances


def _of_json(data: dict[str, Any], stats: dict[str, Any]) -> Instance:
    instance = Instance(shown(_text(data["iname"])), interface=shown(_text(data.get("ifp_ifname", ""))))
    for key, (attribute, read) in _JSON.items():
        setattr(instance, attribute, read(data[key]))
    instance.vips, instance.excluded = _vips(data.get("vips", ())), _vips(data.get("evips", ()))
    instance.counters = {name: _whole(stats[name]) for name in COUNTERS if name in stats}
    if not instance.counters.keys() >= NEEDED:
        raise ValueError("no counters")
    return instance


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _time(text: str) -> float | None:
    match = _TIME.match(text)
    return float(match[0]) if match else None


def _interface(text: str) -> str:
    return "" if text == "not configured" else shown(text.partition(",")[0])


_DATA: dict[str, tuple[str, Callable[[str], object]]] = {
    "State": ("state", STATES.get),
    "Virtual Router ID": ("vrid", lambda text: text if _NUMBER.fullmatch(text) else ""),
    **dict.fromkeys(("Interface", "Listening device", "Running on device"), ("interface", _interface)),  # up to 1.4
    "Sync group": ("group", shown),
    "Priority": ("base_priority", _number),
    "Effective priority": ("effective_priority", _number),
    "Gratuitous ARP delay": ("delay", _number),
    "Last transition": ("changed", _time),
}
_SCRIPT: dict[str, tuple[str, Callable[[str], object]]] = {
    "Status": ("status", STATUSES.get),
    "State": ("run", RUNS.get),
    "Init state": ("waits", "INIT".__eq__),
}


def parse_data(dump: bytes) -> tuple[list[Instance], list[Script]]:
    """Return instances without counters, and scripts; raises DumpError."""
    instances: dict[str, Instance] = {}
    scripts: dict[str, Script] = {}
    section = ""
    block: Instance | Script | None = None
    vips: list[tuple[str, str]] | None = None
    for line in dump.decode("utf-8", "replace").split("\n"):
        if line.startswith("------<"):
            section, block, vips = line, None, None
        elif section == "------< VRRP Topology >------" and line.startswith(" VRRP Instance = "):
            name, vips = shown(line[17:]), None
            block = instances[name] = Instance(name)
        elif section == "------< VRRP Scripts >------" and line.startswith(" VRRP Script = "):
            name = shown(line[15:])
            block = scripts[name] = Script(name)
        elif line.startswith("     "):
            if vips is not None:
                vips += _vips([line])
        elif line.startswith("   ") and block is not None:
            key, _, value = line.strip().partition(" = ")
            attribute, read = (_DATA if isinstance(block, Instance) else _SCRIPT).get(key, ("", str))
            if attribute:
                setattr(block, attribute, read(value))
            if isinstance(block, Instance):  # "Virtual IP (2):", or "Virtual IP Excluded :"
                excluded = key.startswith("Virtual IP Excluded")
                vips = block.excluded if excluded else block.vips if key.startswith("Virtual IP") else None
    # keepalived 1.3 does not tell the effective priority
    if not instances or any(not it.vrid or it.base_priority is None for it in instances.values()):
        raise DumpError("no VRRP instance is there, or not all of one")
    for script in scripts.values():
        script.status = None if script.waits else script.status
    return list(instances.values()), list(scripts.values())


def parse_stats(dump: bytes) -> dict[str, dict[str, int]]:
    """Return the counters of each instance; raises DumpError."""
    if not dump.endswith(b"\n"):
        raise DumpError(_PARTIAL)
    instances: dict[str, dict[str, int]] = {}
    counters: dict[str, int] = {}
    section = ""
    for line in dump.decode("utf-8", "replace").split("\n"):
        key, _, value = line.strip().partition(":")
        if line.startswith("VRRP Instance: "):
            counters = instances.setdefault(shown(line[15:]), {})
        elif not line.startswith("    "):
            section = "" if value else key
        name = _PLACES.get((section if line.startswith("    ") else "", key))
        number = _number(value.strip())
        if name is not None and number is not None:
            counters[name] = number
    if not instances or not all(known.keys() >= NEEDED for known in instances.values()):
        raise DumpError(_PARTIAL)
    return instances
