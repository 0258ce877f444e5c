"""Verdicts for tests: published ones, and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.core.result import OK, Metric, Result, State
from vipwarden.state.paths import file_name
from vipwarden.state.publish import publish

if TYPE_CHECKING:
    from pathlib import Path


def held(place: Path) -> list[str]:
    """Return the names of all files in a folder, hidden ones as well."""
    return sorted(path.name for path in place.iterdir())


def put(
    place: Path, name: str = "web", state: State = OK, text: str = "fine", measured: tuple[Metric, ...] = ()
) -> str:
    """Publish a verdict and return its path."""
    publish(str(place), name, "port", Result(state, text, measured), 0.25)
    return f"{place}/{file_name(name)}"
