"""How do metric families become text for Prometheus? Samples are the same lines in both formats, metadata differs.

Text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
OpenMetrics 1.0.0: https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# untyped: others call it a counter, although it is none or has no _total
Kind: TypeAlias = Literal["counter", "gauge", "untyped"]
_UNITS = ("seconds", "bytes", "percent", "ratio")
Item = TypeVar("Item")


class Metric(Protocol):
    """Name, type, help and samples of a metric."""

    name: str
    kind: Kind
    help: str

    def lines(self) -> bytes:
        """Return the samples, a line each."""


class Family:
    """A metric and its samples by their labels."""

    __slots__ = ("help", "kind", "labels", "name", "samples")

    def __init__(self, name: str, kind: Kind, text: str, labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.kind: Kind = kind
        self.help = text
        self.labels = labels
        self.samples: dict[tuple[str, ...], float] = {}

    def add(self, value: float, *labels: str) -> None:
        """Add a sample, with the values of its labels in order, in place of one with the same labels."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {labels}")
        self.samples[labels] = value

    def lines(self) -> bytes:
        """Return the samples, a line each."""
        lines = [f"{self.name}{braces(self.labels, values)} {number(it)}\n" for values, it in self.samples.items()]
        return "".join(lines).encode("utf-8", "replace")


def sample(name: str, kind: Kind, text: str, value: float, **labels: str) -> Family:
    """Return a family of one sample."""
    family = Family(name, kind, text, tuple(labels))
    family.add(value, *labels.values())
    return family


def measured(
    labels: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], Item]],
    *metrics: tuple[str, Kind, str, Callable[[Item], float | None]],
) -> Iterator[Family]:
    """Yield a family for each metric: name, type, help, and what returns the value of a row or None for no sample.

    A row is the values of its labels and an item.
    """
    for name, kind, text, value in metrics:
        family = Family(name, kind, text, labels)
        for values, item in rows:
            if (number_ := value(item)) is not None:
                family.add(number_, *values)
        yield family


class Lines:
    """A metric written by columns, see exporter/render/columns.py.

    ``lines`` are parts of its samples, or callables that write a part when it is needed, which saves memory.
    """

    __slots__ = ("_lines", "help", "kind", "name")

    def __init__(self, name: str, kind: Kind, text: str, *lines: bytes | Callable[[], bytes]) -> None:
        self.name = name
        self.kind: Kind = kind
        self.help = text
        self._lines = lines

    def lines(self) -> bytes:
        """Return the samples."""
        return b"".join([part if isinstance(part, bytes) else part() for part in self._lines])


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
    """Return the metadata, in which the name of a counter has no _total."""
    name = family.name
    kind = "unknown" if family.kind == "untyped" else family.kind
    if kind == "counter":
        name, total, _ = name.rpartition("_total")
        if not total:  # no counter in this format; dashboards know the name
            name, kind = family.name, "unknown"
    unit = name.rpartition("_")[2]
    line = f"# UNIT {name} {unit}\n" if unit in _UNITS else ""
    return f"# TYPE {name} {kind}\n{line}# HELP {name} {escape(family.help)}\n".encode("utf-8", "replace")


def braces(names: Iterable[str], values: Iterable[str]) -> str:
    """Return the labels of a sample in braces, "" without labels."""
    pairs = ",".join(f'{name}="{escape(text)}"' for name, text in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def escape(text: str) -> str:
    """Return the value of a label for its place between quotes."""
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
