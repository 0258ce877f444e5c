"""Which collectors are there? The one place where a collector is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.collectors import checks, haproxy, ipvs, vip, vrrp

if TYPE_CHECKING:
    from exporter.frame import Collector

COLLECTORS: tuple[Collector[Any], ...] = (
    vip.COLLECTOR,
    vrrp.COLLECTOR,
    checks.COLLECTOR,
    haproxy.COLLECTOR,
    ipvs.COLLECTOR,
)
