"""Who runs a pair of keepalived for those who only look?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.exporter.sources.pair import pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.exporter.sources.pair import Node


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Run a pair for those who only look."""
    with pair(tmp_path_factory.mktemp("pair")) as both:
        yield both
