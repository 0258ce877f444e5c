"""The entries of a configuration, or what is said of one that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vipwarden.config.document import ConfigError, Document
from vipwarden.config.entries import checks

if TYPE_CHECKING:
    from vipwarden.config.entry import Entry


PORT = "check: port, port: 1, host: h"


def entries(*lines: str) -> dict[str, Entry]:
    """Return the entries of a configuration by name."""
    return {entry.name: entry for entry in checks(Document("a.yaml", "\n  ".join(["checks:", *lines])))}


def refused(*lines: str) -> str:
    """Return what is said of a configuration that cannot be."""
    with pytest.raises(ConfigError) as error:
        entries(*lines)
    return str(error.value)
