"""When is a check that flaps held down, and when is it believed again? The numbers of BGP's route flap dampening.

RFC 2439 (4.2) has the figure of merit and its decay; the penalty of 1000 for a flap, suppress 2000 and reuse 750 are
those that routers have by default.
"""

from __future__ import annotations

from math import log2

from vipwarden.core.result import number

FLAP = 1000.0  # penalty of a healthy check that fails
_SUPPRESS, _REUSE, _HALF_LIVES = 2000.0, 750.0, 4.0
_MOST = 1e6  # penalty, and seconds
_KNOWN = ("half_life", "suppress", "reuse", "longest")
_WANTED = "half_life=60 is wanted, in seconds, with suppress=2000, reuse=750 and longest=240 where these should differ"


class Dampen:
    """Each flap costs 1000; above ``suppress`` a check is held down, until its penalty is at most ``reuse``.

    The penalty halves in ``half_life`` seconds. It never grows above ``ceiling``: so a check that no longer fails is
    believed ``longest`` seconds after its last flap at the latest.
    """

    __slots__ = ("ceiling", "half_life", "longest", "reuse", "suppress", "text")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        self.text = text
        given: dict[str, float] = {}
        for term in text.split(","):
            name, equals, value = (part.strip() for part in term.partition("="))
            if not equals or name not in _KNOWN:
                raise ValueError(_WANTED)
            if name in given:
                raise ValueError(f"{name} is given twice")
            given[name] = number(value)
            if not 0 < given[name] <= _MOST:
                raise ValueError(f"{name} is a number above 0, and at most {_MOST:.0f}")
        if "half_life" not in given:
            raise ValueError(_WANTED)
        self.half_life = given["half_life"]
        self.suppress = given.get("suppress", _SUPPRESS)
        self.reuse = given.get("reuse", _REUSE)
        if self.reuse >= self.suppress:
            raise ValueError(f"reuse ({self.reuse:g}) has to be below suppress ({self.suppress:g})")
        self.longest = given.get("longest", _HALF_LIVES * self.half_life)
        least = self.half_life * log2(self.suppress / self.reuse)
        if self.longest <= least:
            text = f"longest ({self.longest:g} s) has to be above {least:.1f} s, or no penalty ever reaches suppress"
            raise ValueError(text)
        self.ceiling = self.reuse * 2 ** min(self.longest / self.half_life, 64.0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dampen) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
