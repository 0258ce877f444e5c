"""Which rules of the doctor speak about a node, and what they say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.node import Node

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a node whose files belong to root")


def rules(node: Node, root: Path) -> set[str]:
    """Return the names of the rules that speak."""
    return {finding.rule for finding in node.examine(root)}


def words(node: Node, root: Path, rule: str) -> str:
    """Return what one rule says, as one text."""
    return "\n".join(f"{one.what}. {one.consequence}" for one in node.examine(root) if one.rule == rule)
