"""Which sources are there? Each folder in exporter/sources/ is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.source import Source

FOLDER = Path(__file__).parent / "sources"


@cache
def sources() -> tuple[Source[Any], ...]:
    """Import and return all sources in the order of the page."""
    names = (path.parent.name for path in FOLDER.glob("*/source.py"))
    known: list[Source[Any]] = [import_module(f"exporter.sources.{name}.source").SOURCE for name in names]
    return tuple(sorted(known, key=lambda source: (source.place, source.name)))
