"""Which nodes does a rehearsal have, and which changes of them, by its command line?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.change import Change, change
from vipwarden.core.options import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_NODES = 8


class NodeConf(tuple[str, str]):
    """``NAME=PATH``: a node, and its keepalived.conf, its /etc or its root."""

    __slots__ = ()

    def __new__(cls, text: str) -> NodeConf:
        """Build it from its text; raises ValueError with the expected form."""
        name, _, path = str(text).partition("=")
        if not name or not path or "/" in name:
            raise ValueError("a node is NAME=PATH, the path of its keepalived.conf, its /etc or its root")
        return tuple.__new__(cls, (name, path))


class WhatIf(Change):
    """A change of the configurations as text."""

    __slots__ = ()

    def __new__(cls, text: str) -> WhatIf:
        """Build it from its text; raises ValueError with the expected form."""
        return tuple.__new__(cls, change(text))


def names_of(nodes: Sequence[NodeConf]) -> list[str]:
    """Return their names; raises UsageError where there are not two to eight, each with a name of its own."""
    names = [name for name, _ in nodes]
    if len({*names}) < len(names) or not 1 < len(names) <= _MOST_NODES:
        raise UsageError(f"a rehearsal has 2 to {_MOST_NODES} nodes, each with a name of its own")
    return names
