"""Who shows pages to the tests?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.exporter.render.reading import Shown

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="show")
def _show(tmp_path: Path) -> Shown:
    return Shown(tmp_path)
