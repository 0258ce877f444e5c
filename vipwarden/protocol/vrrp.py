"""What does a VRRP advert say? Versions 2 (RFC 3768) and 3 (RFC 5798)."""

from __future__ import annotations

NUMBER = 112  # of the protocol, for IPv4 and IPv6
GROUPS = {4: "224.0.0.18", 6: "ff02::12"}
_ADVERT = 1
_LEAST = 8  # bytes


class Advert:
    """An advert: its version, its VRID, and the priority of its sender, 0 where the sender gives up its VIPs.

    ``interval`` is that of its sender's adverts in seconds.
    """

    __slots__ = ("interval", "priority", "version", "vrid")

    def __init__(self, version: int, vrid: int, priority: int, interval: float) -> None:
        self.version = version
        self.vrid = vrid
        self.priority = priority
        self.interval = interval


def parse(packet: bytes, *, has_header: bool) -> Advert | None:
    """Return the advert in a packet, with its IPv4 header (``has_header``) as a raw socket gives it; None without."""
    if has_header:
        packet = packet[(packet[0] & 15) * 4 :] if packet else b""
    if len(packet) < _LEAST or packet[0] & 15 != _ADVERT or packet[0] >> 4 not in (2, 3):
        return None
    version = packet[0] >> 4
    # whole seconds in version 2, in version 3 hundredths in the last 12 bits of a word
    interval = packet[5] if version == 2 else ((packet[4] & 15) << 8 | packet[5]) / 100
    return Advert(version, packet[1], packet[2], interval)
