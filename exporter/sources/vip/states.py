"""How are keepalived's states on the page: those of its instances, and of the scripts that they track?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from exporter.render.words import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.sources.vip.source import Vips
    from vipwarden.node.keepalived.dump import Instance, Script

STATES = (Mark("idle", "INIT"), Mark("backup", "BACKUP"), Mark("good", "MASTER"), Mark("bad", "FAULT"))
MASTER = 2


class Keepalived(Protocol):
    """The facts of the source vrrp."""

    up: bool | None
    instances: list[Instance]
    scripts: list[Script]


def unlike_configured(vips: Vips | None, instance: Instance) -> str:
    """Return a text for an instance with ``state BACKUP`` that is MASTER: no fault, but another node is preferred."""
    is_unlike = vips is not None and instance.state == MASTER and instance.name in vips.backups
    return "configured BACKUP, is MASTER" if is_unlike else ""


def statuses(vrrp: Keepalived | None) -> Mapping[str, Mark]:
    """Return the status of each script by its name."""
    return {script.name: status(script) for script in vrrp.scripts} if vrrp else {}


def status(script: Script) -> Mark:
    """Return the status of a script."""
    if script.status is None:
        return Mark("idle", "not yet run")
    return Mark("good", "GOOD") if script.status else Mark("bad", "BAD")


def tracked(vips: Vips | None, instance: str, known: Mapping[str, Mark]) -> list[Mark]:
    """Return the scripts that an instance tracks, with their status."""
    names = [script for name, script in vips.scripts if name == instance] if vips else []
    nothing = Mark("unknown", "")
    return [Mark(known.get(name, nothing).tone, f"{name} {known.get(name, nothing).word}") for name in names]
