"""What do rules of iptables do with a packet? As ``iptables -S`` and ``iptables-save`` write them."""

from __future__ import annotations

import shlex

from doctor.packet import (
    ACCEPT,
    DROP,
    MAYBE,
    NO,
    OPEN,
    VRRP,
    YES,
    Packet,
    Walk,
    all_of,
    inverted,
    within,
)

_DEPTH = 20
_ENDS = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP}
_PASSING = ("LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "AUDIT", "TRACE", "CT", "NOTRACK")
_IGNORED = (
    "--comment",
    "--reject-with",
    "--log-prefix",
    "--log-level",
    "--set-xmark",
    "--nflog-prefix",
    "--nflog-group",
)


class Rules:
    """The filter table: its chains with their rules, and the policies of the built-in ones."""

    def __init__(self, text: str) -> None:
        """Read the text; what is not understood becomes a rule that may match."""
        self.policies: dict[str, str] = {}
        self.chains: dict[str, list[list[str]]] = {}
        table = "filter"
        for line in text.splitlines():
            words = _words(line)
            if line.startswith("*"):
                table = line[1:].strip()
            elif table != "filter" or not words:
                continue
            elif words[0].startswith(":") and len(words) > 1:
                self.policies[words[0][1:]] = words[1]
            elif words[0] == "-P" and len(words) > 2:
                self.policies[words[1]] = words[2]
            elif words[0] == "-A" and len(words) > 1:
                self.chains.setdefault(words[1], []).append(words[2:])

    def verdict(self, packet: Packet) -> str:
        """Return what becomes of a packet for this node."""
        walk = Walk()
        found = self._chain("INPUT", packet, walk, 0)
        return walk.end(found or _ENDS.get(self.policies.get("INPUT", "ACCEPT"), OPEN))

    def _chain(self, name: str, packet: Packet, walk: Walk, depth: int) -> str | None:
        for rule in self.chains.get(name, []):
            if not walk.step() or depth > _DEPTH:
                return OPEN
            match, target, goes = _match(rule, packet)
            if match == NO or target in ("", *_PASSING):
                continue
            if target == "RETURN":
                if match == YES:
                    return None
                walk.maybe |= {ACCEPT, DROP}
                continue
            found = _ENDS.get(target) or (
                self._chain(target, packet, walk, depth + 1) if target in self.chains else self._end(target)
            )
            if match == YES and (found is not None or goes):
                return found
            if found is not None:
                walk.maybe.add(found)
        return None

    def _end(self, target: str) -> str | None:
        """Return what a target does that has no rules: nothing where it is an empty chain."""
        return None if target in self.policies else OPEN if target.isupper() else None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _match(rule: list[str], packet: Packet) -> tuple[str, str, bool]:
    """Return whether a rule matches, its target, and whether it goes there without coming back."""
    matches: list[str] = []
    target, goes, negated = "", False, False
    words = iter(rule)
    for word in words:
        if word == "!":
            negated = True
            continue
        if word in ("-j", "-g"):
            target, goes = next(words, ""), word == "-g"
            continue
        if word.startswith("-"):
            value = next(words, "")
            match = _one(word, value, packet)
            matches.append(inverted(match) if negated else match)
        else:
            matches.append(MAYBE)  # a further word of an option that is not known here
        negated = False
    return all_of(matches), target, goes


def _one(option: str, value: str, packet: Packet) -> str:
    if option in ("-m", *_IGNORED):
        return YES
    if option == "-p":
        return YES if value in (*VRRP, "all", "0") else NO
    if option == "-i":
        fits = packet.interface.startswith(value[:-1]) if value.endswith("+") else packet.interface == value
        return YES if fits else NO
    if option == "-d":
        return within(packet.target, [value])
    if option == "-s":
        return within(packet.source, [value])
    if option in ("--ctstate", "--state"):
        return YES if "NEW" in value.split(",") else NO
    if option in ("--dst-type", "--pkt-type") and not packet.destination:
        return YES if value.upper() == "MULTICAST" else NO
    return MAYBE
