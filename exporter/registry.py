"""Which collectors are there? The one place where a collector is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.sources.checks import source as checks
from exporter.sources.haproxy import source as haproxy
from exporter.sources.ipvs import source as ipvs
from exporter.sources.vip import source as vip
from exporter.sources.vrrp import source as vrrp

if TYPE_CHECKING:
    from exporter.frame import Collector

COLLECTORS: tuple[Collector[Any], ...] = (
    vip.COLLECTOR,
    vrrp.COLLECTOR,
    checks.COLLECTOR,
    haproxy.COLLECTOR,
    ipvs.COLLECTOR,
)
