"""What is the director's own path to a real server, to those who connect by it? vipwarden.node.ipvs makes paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _socket import socket


class Path(Protocol):
    """What leads packets for a VIP to one real server, whose address is ``real``."""

    real: str

    def prepare(self, sock: socket, vip: str, source: str | None) -> None:
        """Let the packets of a socket to the VIP take this path, from a local address; raises NetError."""

    def trouble(self, vip: str, *, failed: bool) -> str | None:
        """Return None where the path stood to the end of an attempt, nothing where it is gone and can be made again.

        Else the reason for which no server can be asked by it, and what helps. An attempt that ``failed`` may have
        failed for settings of this node.
        """


class Paths(Protocol):
    """What makes paths."""

    def path(self, kind: str, real: str) -> Path:
        """Return a path to the address of a real server, by dr or tun; raises NetError where none can be built."""


class OwnPaths(Paths, Protocol):
    """What makes paths for one run."""

    def close(self) -> None:
        """Remove them; never raises."""
