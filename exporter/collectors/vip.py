"""Which VIPs does the kernel of this node hold?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.node.addresses import own_addresses
from checks.node.keepalived_conf import parse
from checks.node.keepalived_lines import ConfMissingError
from checks.node.vips import configured
from exporter.exposition import Family
from exporter.frame import AbsentError, Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.node.vips import Vip
    from exporter.settings import Settings


@dataclass(frozen=True, slots=True)
class Vips:
    """The VIPs of keepalived.conf, and whether this node holds each of them."""

    held: list[tuple[Vip, bool]]


def read(settings: Settings) -> Vips:
    """Compare keepalived.conf with the kernel's addresses."""
    try:
        vips = configured(parse(settings.keepalived_conf))
    except ConfMissingError as error:
        raise AbsentError(error) from None
    own = own_addresses()
    return Vips([(vip, vip.is_held(own)) for vip in vips])


def families(facts: Vips) -> Iterator[Family]:
    """Yield 0 or 1 for each VIP."""
    held = Family(
        "keepalived_vip_held",
        "gauge",
        "Whether the kernel of this node holds the VIP on the interface that keepalived.conf gives it.",
        ("iname", "vrid", "intf", "ip_address"),
    )
    for vip, is_held in facts.held:
        held.add(is_held, vip.instance, vip.vrid, vip.interface, vip.address)
    yield held


COLLECTOR = Collector("vip", read, families)
