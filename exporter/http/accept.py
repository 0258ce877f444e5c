"""Which format does a client prefer? Accept and Accept-Encoding as Prometheus, browsers and curl send them.

Malformed elements are ignored; without a match the default is sent, as by every exporter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def preferred(accept: str, offers: Sequence[tuple[str, str]]) -> int:
    """Return the index of the offer (media type and version) of the greatest weight, or 0.

    Of equal weights the first element wins; ``*/*`` is the first offer.
    """
    for kind, version, weight in sorted(_elements(accept), key=lambda element: -element[2]):
        for index, (name, known) in enumerate(offers):
            if weight and ((kind == name and version in ("", known)) or kind == "*/*"):
                return index
    return 0


def wants_gzip(accept_encoding: str) -> bool:
    """Return whether the client accepts gzip."""
    weights = {kind: weight for kind, _, weight in _elements(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _elements(header: str) -> Iterator[tuple[str, str, float]]:
    """Yield name, version and weight of each element."""
    for element in header.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        values = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        weight = values.get("q", "1")
        if weight.replace(".", "", 1).isdecimal() and 0 <= float(weight) <= 1:
            yield name, values.get("version", "").strip('"'), float(weight)
