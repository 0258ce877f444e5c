"""What the tests of the packages share: built once, removed at the end, by however many processes they are run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.packaging import building, roots


def pytest_configure(config: pytest.Config) -> None:
    """Take the folder of what is built from who started this process."""
    handed = getattr(config, "workerinput", {}).get("packages")
    if handed:
        building.scratch = lambda: Path(handed)  # type: ignore[assignment]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand it to a process that helps."""
    node.workerinput["packages"] = str(building.scratch())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what was built, when all are done."""
    if not hasattr(config, "workerinput") and building.scratch.cache_info().currsize:
        shutil.rmtree(building.scratch(), ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def prepared() -> None:
    """Begin with the roots, which take longest."""
    roots.prepare()
