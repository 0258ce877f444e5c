"""How do metric families become the text that Prometheus reads?

Two formats from the same families: the text format 0.0.4
(https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/). A sample is the same line in both; what differs is what
stands above the samples, and the end.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# untyped is for what others call a counter although it is none, or has no _total
Kind: TypeAlias = Literal["counter", "gauge", "untyped"]
_UNITS = ("seconds", "bytes", "percent", "ratio")


class Metric(Protocol):
    """What can be rendered: a name, a type, a help, and lines of samples as they stand in both formats."""

    name: str
    kind: Kind
    help: str

    def lines(self) -> bytes:
        """Return the samples, each with its newline; nothing where there are none."""


class Family:
    """A metric and its samples; a sample with the same labels as one before takes its place."""

    __slots__ = ("help", "kind", "labels", "name", "samples")

    def __init__(self, name: str, kind: Kind, text: str, labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.kind: Kind = kind
        self.help = text
        self.labels = labels
        self.samples: dict[tuple[str, ...], float] = {}

    def add(self, value: float, *labels: str) -> None:
        """Add a sample with the values of its labels in the order of their names."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {labels}")
        self.samples[labels] = value

    def lines(self) -> bytes:
        """Return the samples as they stand in both formats."""
        found = (
            f"{self.name}{braces(self.labels, labels)} {number(value)}\n" for labels, value in self.samples.items()
        )
        return "".join(found).encode("utf-8", "replace")


class Lines:
    """A metric whose samples are written by columns, see exporter/render/columns.py.

    ``lines`` are parts of them, or what writes such a part once it is asked for: so a large table is not there twice,
    as lines of each metric and as the whole text.
    """

    __slots__ = ("_lines", "help", "kind", "name")

    def __init__(self, name: str, kind: Kind, text: str, *lines: bytes | Callable[[], bytes]) -> None:
        self.name = name
        self.kind: Kind = kind
        self.help = text
        self._lines = lines

    def lines(self) -> bytes:
        """Return the samples."""
        return b"".join([one if isinstance(one, bytes) else one() for one in self._lines])


def render(families: Iterable[Metric], *, openmetrics: bool = False) -> bytes:
    """Return the text of the families that have samples, in the format 0.0.4 or in OpenMetrics."""
    head = _openmetrics if openmetrics else _text
    parts = []
    for family in families:
        if lines := family.lines():
            parts += [head(family), lines]
    if openmetrics:
        parts.append(b"# EOF\n")
    return b"".join(parts)


def _text(family: Metric) -> bytes:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n".encode("utf-8", "replace")


def _openmetrics(family: Metric) -> bytes:
    """Return the metadata: a counter is named without its _total, which stands at its samples."""
    name = family.name
    kind = "unknown" if family.kind == "untyped" else family.kind
    if kind == "counter":
        name, total, _ = name.rpartition("_total")
        if not total:  # no counter of this format may be without; the name is what dashboards know
            name, kind = family.name, "unknown"
    unit = name.rpartition("_")[2]
    said = f"# UNIT {name} {unit}\n" if unit in _UNITS else ""
    return f"# TYPE {name} {kind}\n{said}# HELP {name} {escape(family.help)}\n".encode("utf-8", "replace")


def braces(names: Iterable[str], values: Iterable[str]) -> str:
    """Return the labels of a sample as they stand behind its name; nothing where there are none."""
    pairs = ",".join(f'{name}="{escape(text)}"' for name, text in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


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
