"""What do the peers say of a VIP: split brain, no owner, or all is well?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import CHECK, Problem, joined
from exporter.render.words import Mark, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.peers import Sight
    from vipwarden.node.keepalived.vips import Vip

SPLIT = "split brain"
_ALONE = (
    "Only peers or Prometheus see split brain (alert VipSplitBrain), a VIP that no node holds (VipWithoutOwner) and "
    "keepalived down on another node (KeepalivedDown)."
)
_WITH_PEERS = "Only Prometheus sees keepalived down on a peer (alert KeepalivedDown)."


class Cluster:
    """This node and its peers."""

    def __init__(self, node: str, peers: Sequence[Sight]) -> None:
        self._node = node
        self._peers = peers
        self._known = [peer.name for peer in peers if peer.held is not None]
        self._unknown = [peer.name for peer in peers if peer.held is None]

    def contradiction(self, vip: Vip, *, is_held: bool) -> str:
        """Return what is wrong with a VIP in the cluster, nothing where it is well or not known."""
        if not self._peers:
            return ""
        if self._holders(vip):
            return SPLIT if is_held else ""
        return "" if is_held or self._unknown else "no owner"

    def owners(self, vip: Vip, *, is_held: bool) -> str:
        """Return which other nodes hold a VIP, or that none is known to hold it."""
        if others := self._holders(vip):
            return f"{'also ' if is_held else ''}held by {', '.join(others)}"
        if is_held or not self._known:
            return ""
        unknown = f" ({', '.join(self._unknown)} not known)" if self._unknown else ""
        return f"held by nobody of {', '.join((self._node, *self._known))}{unknown}"

    def _holders(self, vip: Vip) -> list[str]:
        return [peer.name for peer in self._peers if peer.held and peer.held.get((vip.address, vip.vrid))]

    def problems(self) -> Iterator[Problem]:
        """Yield the peers that do not tell their VIPs."""
        for peer in self._peers:
            if peer.failure:
                what = "tells no VIPs" if peer.answers else "does not answer"
                text = f"{what} since {moment(peer.since)}: {peer.failure}"
                yield Problem(Mark("unknown", "not read"), f"peer {peer.name}", text, "vip", CHECK)

    def note(self) -> str:
        """Return what this page cannot see, and when the peers were read."""
        if not self._peers:
            return _ALONE
        read = ", ".join(f"{peer.name} at {moment(peer.since)[11:]}" for peer in self._peers if peer.held is not None)
        asked = ", ".join(peer.name for peer in self._peers if peer.held is None and not peer.failure)
        words = joined(f"read {read}" if read else "", f"asking {asked}" if asked else "", by=", ")
        return joined(f"Peers: {words}." if words else "", _WITH_PEERS, by=" ")
