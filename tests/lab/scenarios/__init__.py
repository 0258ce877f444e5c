"""The scenarios, by what breaks: one module each, one function for a scenario."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path


def load() -> None:
    """Declare all scenarios."""
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        import_module(f"{__name__}.{path.stem}")
