"""What does the dump json say? It has what programs want, but for scripts (vrrp_json.c); not every build has it."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from vipwarden.node.keepalived.dump import COUNTERS, STATES, DumpError, Instance, lacks, shown, vip_of

if TYPE_CHECKING:
    from collections.abc import Iterable


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
    instance.interface = shown(_text(data.get("ifp_ifname", "")))
    instance.state = _known(data["state"]) if data["state"] in STATES.values() else None
    instance.base_priority = _known(data["base_priority"])
    instance.effective_priority = _known(data["effective_priority"])
    instance.changed = _float(data["last_transition"])
    instance.delay = _float(data["garp_delay"])
    instance.vips = _vips(data.get("vips", ()))
    instance.excluded = _vips(data.get("evips", ()))
    instance.counters = {name: _known(stats[name]) for name in COUNTERS if name in stats}
    if lacks(instance.counters):
        raise ValueError("no counters")
    return instance


def _vips(texts: Iterable[object]) -> list[tuple[str, str]]:
    return [vip for text in texts if (vip := vip_of(_text(text))) is not None]


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
