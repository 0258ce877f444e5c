"""What do keepalived's dumps say of its VRRP instances and scripts?

``data`` is for people (dump_vrrp and dump_vscript of keepalived's vrrp_data.c) and alone knows of scripts and sync
groups; ``stats`` has the counters (vrrp_print.c), and so has ``json`` (vrrp_json.c) where keepalived was built with
it. They hold auth_pass in clear text: what is not named here never leaves the readers, not even in an error.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any

from checks.core.result import one_line
from checks.node.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STATES = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}  # vrrp.h
STATUSES = {"BAD": 0, "GOOD": 1}
RUNS = {"idle": 0, "running": 1, "requested termination": 2, "forcing termination": 3}
COUNTERS = {  # names in json, and where the same number stands in stats
    "advert_rcvd": ("Advertisements", "Received"),
    "advert_sent": ("Advertisements", "Sent"),
    "become_master": ("", "Became master"),
    "release_master": ("", "Released master"),
    "packet_len_err": ("Packet Errors", "Length"),
    "ip_ttl_err": ("Packet Errors", "TTL"),
    "invalid_type_rcvd": ("Packet Errors", "Invalid Type"),
    "advert_interval_err": ("Packet Errors", "Advertisement Interval"),
    "addr_list_err": ("Packet Errors", "Address List"),
    "invalid_authtype": ("Authentication Errors", "Invalid Type"),
    "authtype_mismatch": ("Authentication Errors", "Type Mismatch"),
    "auth_failure": ("Authentication Errors", "Failure"),
    "pri_zero_rcvd": ("Priority Zero", "Received"),
    "pri_zero_sent": ("Priority Zero", "Sent"),
}
_WITHOUT_AUTH = {"authtype_mismatch", "auth_failure"}  # missing where keepalived was built without authentication
_PLACES = {place: name for name, place in COUNTERS.items()}
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_MOST_NAME = 200


class DumpError(Exception):
    """A dump is not whole, or not understood; the text never quotes it."""


class Instance:
    """A VRRP instance. None, or a counter that is missing, is what the dump does not tell.

    ``interface`` is the one that it speaks on, a VMAC's own where it has one; ``vips`` and ``excluded`` are pairs of
    address and interface. ``changed`` is when its state last changed, in seconds of the epoch; ``delay`` how long
    after becoming MASTER it sends gratuitous ARP again, in seconds.
    """

    __slots__ = (
        *("base_priority", "changed", "counters", "delay", "effective_priority", "excluded", "group", "interface"),
        *("name", "state", "vips", "vrid"),
    )

    def __init__(self, name: str) -> None:
        self.name = one_line(name, _MOST_NAME)
        self.vrid = self.interface = self.group = ""
        self.state: int | None = None
        self.base_priority: int | None = None
        self.effective_priority: int | None = None
        self.changed: float | None = None
        self.delay: float | None = None
        self.vips: list[tuple[str, str]] = []
        self.excluded: list[tuple[str, str]] = []
        self.counters: dict[str, int] = {}


class Script:
    """A vrrp_script: ``status`` of STATUSES, None until it has run; ``run`` of RUNS, None where not told."""

    __slots__ = ("name", "run", "status", "waits")

    def __init__(self, name: str) -> None:
        self.name = one_line(name, _MOST_NAME)
        self.status: int | None = None
        self.run: int | None = None
        self.waits = False


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
            if instance is not None and vips is not None and (vip := _vip(line)) is not None:
                vips.append(vip)
        elif line.startswith("   "):
            key, _, value = line.strip().partition(" = ")
            if instance is not None:
                vips = _list_of(instance, key)
                _tell_instance(instance, key, value)
            elif script is not None:
                _tell_script(script, key, value)
    if not instances or any(not one.vrid or one.effective_priority is None for one in instances.values()):
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
    elif key == "Interface":
        instance.interface = one_line(value.partition(",")[0], _MOST_NAME)
    elif key == "Sync group":
        instance.group = one_line(value, _MOST_NAME)
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
            counters = found.setdefault(one_line(line[15:], _MOST_NAME), {})
        elif not line.startswith("    "):
            section = "" if value else key
        name = _PLACES.get((section if line.startswith("    ") else "", key))
        number = _whole(value.strip())
        if name is not None and number is not None:
            counters[name] = number
    if not found or any(COUNTERS.keys() - _WITHOUT_AUTH - one.keys() for one in found.values()):
        raise DumpError("not all is there")
    return found


def parse_json(dump: bytes) -> list[Instance]:
    """Return the instances with their counters, in either form ([...] or {"vrrp": [...]}); raises DumpError."""
    try:
        told = json.loads(dump.decode("utf-8", "replace"))
        if isinstance(told, dict):
            told = told["vrrp"]
        found = [_of_json(one["data"], one["stats"]) for one in told]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DumpError("not all is there, or it is no JSON of keepalived's") from None
    if not found:
        raise DumpError("nothing is there: it has no VRRP instance")
    return found


def _of_json(data: dict[str, Any], stats: dict[str, Any]) -> Instance:
    instance = Instance(_text(data["iname"]))
    instance.vrid = str(_known(data["vrid"]))
    instance.interface = one_line(_text(data.get("ifp_ifname", "")), _MOST_NAME)
    instance.state = _known(data["state"]) if data["state"] in STATES.values() else None
    instance.base_priority = _known(data["base_priority"])
    instance.effective_priority = _known(data["effective_priority"])
    instance.changed = _float(data["last_transition"])
    instance.delay = _float(data["garp_delay"])
    instance.vips = _vips(data.get("vips", ()))
    instance.excluded = _vips(data.get("evips", ()))
    instance.counters = {name: _known(stats[name]) for name in COUNTERS if name in stats}
    if COUNTERS.keys() - _WITHOUT_AUTH - instance.counters.keys():
        raise ValueError("no counters")
    return instance


def _vips(texts: Iterable[object]) -> list[tuple[str, str]]:
    return [vip for text in texts if (vip := _vip(_text(text))) is not None]


def _vip(text: str) -> tuple[str, str] | None:
    """Return address and interface of ``192.0.2.1/24 brd 192.0.2.255 dev vrrp.51@eth0 scope global set``."""
    words = text.split()
    address = plain_address(words[0]) if words else ""
    if not address or "dev" not in words[1:-1]:
        return None
    return address, one_line(words[words.index("dev") + 1].partition("@")[0], _MOST_NAME)


def _lines(dump: bytes) -> Iterator[str]:
    return iter(dump.decode("utf-8", "replace").split("\n"))


def _whole(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _known(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise ValueError("no number")
    return value


def _float(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError("no number")
    return float(value)
