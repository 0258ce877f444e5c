"""Which of the forms that there are does a client want? Accept and Accept-Encoding by RFC 9110, sections 12.4 and 12.5.

What is malformed counts for nothing. A client that names nothing acceptable gets the default rather than a refusal,
as with every exporter of Prometheus.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a word
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ELEMENT = re.compile(rf"(?:[^,\"]|{_QUOTED})+")
_RANGE = re.compile(rf"\s*({_TOKEN})(?:/({_TOKEN}))?\s*((?:;.*)?)", re.DOTALL)
_PARAMETER = re.compile(rf"\s*;\s*(?:({_TOKEN})\s*=\s*({_TOKEN}|{_QUOTED})\s*)?(?=;|$)")
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
# They name no other form: our text is UTF-8, and our names need no escaping under any of Prometheus 3's schemes.
_WITHOUT_MEANING = {"charset", "escaping"}


class MediaType(NamedTuple):
    """A form that is on offer: its type and its parameters, in small letters."""

    kind: str
    subtype: str
    parameters: Mapping[str, str]


class _Range(NamedTuple):
    kind: str
    subtype: str
    parameters: Mapping[str, str]
    weight: float

    def specificity(self, offer: MediaType) -> int:
        """Return how closely it names the offer: 0 not at all, 1 as anything, 2 by its type, from 3 on by name."""
        if self.kind == "*":
            return int(self.subtype == "*")
        if self.kind != offer.kind or self.subtype not in ("*", offer.subtype):
            return 0
        if self.subtype == "*":
            return 2
        if any(offer.parameters.get(name) != value for name, value in self.parameters.items()):
            return 0
        return 3 + len(self.parameters)


def preferred(accept: str, offers: Sequence[MediaType]) -> int:
    """Return the index of the offer that the header likes best, or 0 where it likes none.

    Of two with the same weight the one named more closely wins, then the one named first, then the one offered first.
    """
    ranges = list(_ranges(accept))
    best, chosen = (0.0, 0, 0), 0
    for index, offer in enumerate(offers):
        found = [(one.specificity(offer), -place, one.weight) for place, one in enumerate(ranges)]
        closest, place, weight = max(found, default=(0, 0, 0.0))
        if closest and weight and (weight, closest, place) > best:
            best, chosen = (weight, closest, place), index
    return chosen


def wants_gzip(accept_encoding: str) -> bool:
    """Return whether the client takes gzip, and likes it no less than the plain text."""
    weights = {one.kind: one.weight for one in _ranges(accept_encoding)}
    gzip = max(weights.get("gzip", -1.0), weights.get("x-gzip", -1.0))
    if gzip < 0:
        gzip = weights.get("*", 0.0)
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _ranges(header: str) -> Iterator[_Range]:
    for element in _ELEMENT.findall(header):
        match = _RANGE.fullmatch(element)
        if match is None:
            continue
        kind, subtype, rest = match.groups()
        parameters = _parameters(rest.rstrip())
        if parameters is None:
            continue
        weight = parameters.pop("q", "1")
        if _WEIGHT.fullmatch(weight) is None:
            continue
        meant = {name: value for name, value in parameters.items() if name not in _WITHOUT_MEANING}
        yield _Range(kind.lower(), (subtype or "").lower(), meant, float(weight))


def _parameters(text: str) -> dict[str, str] | None:
    """Return the parameters, or None where they are malformed."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PARAMETER.match(text, place)
        if match is None:
            return None
        name, value = match.groups()
        if name is not None:  # RFC 9110 lets a semicolon stand alone
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            found.setdefault(name.lower(), value.lower())
        place = match.end()
    return found
