"""What the tests of several files begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands import program
from tests.keepalived_scripts.realserver import Server
from tests.keepalived_scripts.service import Asked, must_come
from tests.keepalived_scripts.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Give a site, and wait for its workers."""
    made = Site(tmp_path)
    yield made
    if (tmp_path / "run/notify/outbox").exists():
        must_come(made.idle)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Give chk_service with folders of its own."""
    return Asked(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a real server to be."""
    program("ip")
    made = Server(tmp_path)
    try:
        yield made
    finally:
        made.close()
