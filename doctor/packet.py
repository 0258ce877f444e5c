"""Would a firewall let an advert of VRRP in? What the readers of its rules share.

Only what can be told for sure is told: a rule that may or may not match leaves the answer open, unless what comes
after it would have the same effect.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

ACCEPT, DROP, OPEN = "accept", "drop", "open"
YES, NO, MAYBE = "yes", "no", "maybe"
VRRP = ("vrrp", "112")
_GROUPS = {"ip": "224.0.0.18", "ip6": "ff02::12"}


@dataclass(frozen=True, slots=True)
class Packet:
    """An advert of a peer: ``family`` is ip or ip6; ``source`` is empty where it is not known."""

    family: str
    interface: str
    source: str = ""
    destination: str = ""

    @property
    def target(self) -> str:
        """Where it goes to: VRRP's group unless it is a unicast."""
        return self.destination or _GROUPS[self.family]


def within(address: str, networks: list[str]) -> str:
    """Return whether an address is in one of the networks; MAYBE where either cannot be told."""
    if not address:
        return MAYBE
    try:
        found = any(
            ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False) for network in networks
        )
    except ValueError:
        return MAYBE
    return YES if found else NO


def inverted(match: str) -> str:
    """Return the answer of a match that was negated."""
    return {YES: NO, NO: YES}.get(match, MAYBE)


def all_of(matches: list[str]) -> str:
    """Return whether all matches hold."""
    return NO if NO in matches else MAYBE if MAYBE in matches else YES


class Walk:
    """The way of a packet: what it may have met on it."""

    __slots__ = ("maybe", "steps")
    MOST = 100_000

    def __init__(self) -> None:
        self.maybe: set[str] = set()
        self.steps = 0

    def step(self) -> bool:
        """Count a rule, and return whether there may be more of them: chains may lead round in circles."""
        self.steps += 1
        return self.steps < self.MOST

    def end(self, verdict: str) -> str:
        """Return the verdict, or OPEN where a rule that may have matched says otherwise."""
        if self.steps >= self.MOST or self.maybe - {verdict}:
            return OPEN
        return verdict
