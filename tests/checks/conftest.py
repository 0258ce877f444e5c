"""What the tests of several files about one check begin with."""

from __future__ import annotations

import os
import posix
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set MYSQL_PWD, at first to the password of all accounts."""

    def use(text: str) -> None:
        monkeypatch.setitem(posix.environ, b"MYSQL_PWD", text.encode())

    use("secret")
    return use


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set PGPASSWORD, at first to the password of all accounts."""

    def use(text: str) -> None:
        monkeypatch.setitem(posix.environ, b"PGPASSWORD", text.encode())

    use("secret")
    return use


@pytest.fixture
def name() -> str:
    """Return a name that no other process has."""
    return "vw" + os.urandom(5).hex()
