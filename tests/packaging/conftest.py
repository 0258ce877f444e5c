"""What the tests of the packages share: built once, removed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging import building, roots

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def built() -> Iterator[None]:
    """Begin with the roots, which take longest, and remove at the end what was built."""
    roots.prepare()
    yield
    building.forget()
