"""How do metric families become the text that Prometheus reads?

The text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family:
    """A metric and its samples; a sample with the same labels as one before takes its place."""

    __slots__ = ("help", "kind", "labels", "name", "samples")

    def __init__(self, name: str, kind: Literal["counter", "gauge"], text: str, labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.kind = kind
        self.help = text
        self.labels = labels
        self.samples: dict[tuple[str, ...], float] = {}

    def add(self, value: float, *labels: str) -> None:
        """Add a sample with the values of its labels in the order of their names."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {labels}")
        self.samples[labels] = value


def render(families: Iterable[Family]) -> bytes:
    """Return the text of the families that have samples."""
    return "".join(line for family in families for line in _lines(family)).encode("utf-8", "replace")


def _lines(family: Family) -> Iterator[str]:
    if not family.samples:
        return
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n"
    for labels, value in family.samples.items():
        pairs = ",".join(f'{name}="{escape(text)}"' for name, text in zip(family.labels, labels, strict=True))
        yield f"{family.name}{{{pairs}}} {number(value)}\n" if pairs else f"{family.name} {number(value)}\n"


def escape(text: str) -> str:
    """Return the value of a label as it stands between its quotes."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number(value: float) -> str:
    """Return a value in Go's syntax, without a needless fraction."""
    if isinstance(value, int):
        return str(int(value))
    if value != value:  # noqa: PLR0124 - that is what NaN is
        return "NaN"
    if value in (inf, -inf):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")
