"""What do rules of nftables do with a packet? As ``nft -j list ruleset`` writes them (libnftables-json(5))."""

from __future__ import annotations

import json
from typing import Any

from doctor.packet import ACCEPT, DROP, MAYBE, NO, OPEN, VRRP, YES, Packet, Walk, inverted, within

_DEPTH = 20
_PASSING = frozenset({"counter", "log", "comment", "mangle", "notrack", "limit_log", "meter_log"})
_IPTABLES = frozenset({"ip", "ip6"})


class Ruleset:
    """The base chains at the hook input, and all chains by family, table and name."""

    def __init__(self, text: str, *, but_iptables: bool = False) -> None:
        """Read the text; raises ValueError. ``but_iptables`` leaves out the tables that iptables-nft keeps."""
        try:
            objects = json.loads(text)["nftables"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError("not the rules of nftables") from None
        self.bases: list[tuple[tuple[str, str, str], str]] = []
        self.chains: dict[tuple[str, str, str], list[Any]] = {}
        self.sets: dict[tuple[str, str, str], Any] = {}
        for one in objects if isinstance(objects, list) else []:
            kind, body = next(iter(one.items())) if isinstance(one, dict) and one else ("", {})
            if kind not in ("chain", "rule", "set") or not isinstance(body, dict):
                continue
            family, table = str(body.get("family")), str(body.get("table"))
            if but_iptables and family in _IPTABLES and table == "filter":
                continue
            if kind == "rule":
                self.chains.setdefault((family, table, str(body.get("chain"))), []).append(body.get("expr"))
            elif kind == "set":
                self.sets[family, table, f"@{body.get('name')}"] = body.get("elem", [])
            elif body.get("hook") == "input":
                self.bases.append(((family, table, str(body.get("name"))), str(body.get("policy", "accept"))))

    def verdict(self, packet: Packet) -> str:
        """Return what becomes of a packet for this node: each base chain has to let it through."""
        found = [self._base(key, policy, packet) for key, policy in self.bases if key[0] in ("inet", packet.family)]
        return DROP if DROP in found else OPEN if OPEN in found else ACCEPT

    def _base(self, key: tuple[str, str, str], policy: str, packet: Packet) -> str:
        walk = Walk()
        return walk.end(self._chain(key, packet, walk, 0) or (DROP if policy == "drop" else ACCEPT))

    def _chain(self, key: tuple[str, str, str], packet: Packet, walk: Walk, depth: int) -> str | None:
        for rule in self.chains.get(key, []):
            if not walk.step() or depth > _DEPTH:
                return OPEN
            match = YES
            for expression in rule if isinstance(rule, list) else [None]:
                kind, body = _parts(expression)
                if kind in ("accept", "drop", "reject", "return", "jump", "goto"):
                    found = self._act(kind, body, key, packet, walk, depth)
                    if match == YES and (found is not None or kind in ("return", "goto")):
                        return found
                    if match == MAYBE:
                        walk.maybe |= {ACCEPT, DROP} if kind == "return" else {found} if found else set()
                elif kind not in _PASSING:
                    this = self._match(body, packet, key) if kind == "match" else MAYBE
                    if this == NO:
                        break
                    if kind == "vmap":  # any of its verdicts may be the one
                        walk.maybe |= {ACCEPT, DROP}
                    match = MAYBE if MAYBE in (match, this) else YES
        return None

    def _match(self, body: Any, packet: Packet, key: tuple[str, str, str]) -> str:
        """Return whether ``left op right`` holds; a set of its own name is one of the same table."""
        if not isinstance(body, dict) or body.get("op") not in ("==", "!=", "in"):
            return MAYBE
        right = body.get("right")
        if isinstance(right, str) and right.startswith("@"):
            right = self.sets.get((*key[:2], right), right)
        answers = [_one(body.get("left"), one, packet) for one in _values(right)]
        found = YES if YES in answers else MAYBE if MAYBE in answers else NO
        return inverted(found) if body["op"] == "!=" else found

    def _act(
        self, kind: str, body: Any, key: tuple[str, str, str], packet: Packet, walk: Walk, depth: int
    ) -> str | None:
        if kind in ("jump", "goto"):
            target = str(body.get("target")) if isinstance(body, dict) else ""
            return self._chain((*key[:2], target), packet, walk, depth + 1)
        return {"accept": ACCEPT, "drop": DROP, "reject": DROP}.get(kind)


def _parts(expression: Any) -> tuple[str, Any]:
    return next(iter(expression.items())) if isinstance(expression, dict) and expression else ("", None)


def _values(right: Any) -> list[Any]:
    values = right.get("set", right) if isinstance(right, dict) else right
    values = values if isinstance(values, list) else [values]
    return [value.get("elem", {}).get("val") if _is_element(value) else value for value in values]


def _is_element(value: Any) -> bool:
    """Return whether it is an element of a set with a counter, a comment or a time beside it."""
    return isinstance(value, dict) and isinstance(value.get("elem"), dict)


def _one(left: Any, right: Any, packet: Packet) -> str:
    kind, body = _parts(left)
    key = body.get("key") if isinstance(body, dict) else None
    if kind == "meta" and key in ("l4proto", "iifname", "iif", "nfproto", "pkttype"):
        return _meta(key, str(right), packet)
    if kind == "ct" and key == "state":
        return YES if right == "new" else NO
    if kind == "ct" and key == "status":
        return NO
    if kind == "payload" and isinstance(body, dict):
        protocol, field = body.get("protocol"), body.get("field")
        if protocol in ("ip", "ip6") and protocol != packet.family:
            return NO
        if field in ("protocol", "nexthdr"):
            return YES if str(right) in VRRP else NO
        if protocol in ("ip", "ip6") and field in ("daddr", "saddr"):
            return within(packet.target if field == "daddr" else packet.source, [_network(right)])
        if protocol in ("tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "th", "esp", "ah", "igmp"):
            return NO
    return MAYBE


def _meta(key: str, right: str, packet: Packet) -> str:
    if key == "l4proto":
        return YES if right in VRRP else NO
    if key == "nfproto":
        return YES if right == {"ip": "ipv4", "ip6": "ipv6"}[packet.family] else NO
    if key == "pkttype":
        return MAYBE if packet.destination else YES if right == "multicast" else NO
    fits = packet.interface.startswith(right[:-1]) if right.endswith("*") else packet.interface == right
    return YES if fits else NO


def _network(right: Any) -> str:
    kind, body = _parts(right)
    if kind == "prefix" and isinstance(body, dict):
        return f"{body.get('addr')}/{body.get('len')}"
    return right if isinstance(right, str) else ""
