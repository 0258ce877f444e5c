"""With which priority would the peers take over?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doctor.tracking import family, priority, raised

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block


class PeerPriority(tuple[str, int]):
    """``[INSTANCE=]N``: the priority of a peer, in one instance or in all."""

    __slots__ = ()

    def __new__(cls, text: str) -> PeerPriority:
        """Build it from its text; raises ValueError with what is wanted."""
        instance, _, number = str(text).rpartition("=")
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 255):
            raise ValueError("the priority of a peer is [INSTANCE=]N with N from 1 to 255")
        return tuple.__new__(cls, (instance, int(number)))


@dataclass(slots=True)
class Peers:
    """What is known of them: priorities as given, and their configurations."""

    priorities: list[PeerPriority] = field(default_factory=list)
    configurations: list[Block] = field(default_factory=list)

    def of(self, instance: Block, bonus: int) -> int | None:
        """Return the highest priority of a healthy peer in an instance, or None where nothing is known.

        A priority that was given is the configured one: the peer is taken to track the same scripts, which add
        ``bonus`` to it. A configuration tells by itself.
        """
        found = [number + bonus for name, number in self.priorities if name in ("", instance.name)]
        for conf in self.configurations:
            found += [priority(other) + raised(conf, other) for other in counterparts(conf, instance)]
        return max(found, default=None)


def counterparts(conf: Block, instance: Block) -> list[Block]:
    """Return the instances of a peer that mean the same virtual router.

    The number and the family have to be the same; where several networks use one number, name or interface tell.
    """
    vrid = instance.value("virtual_router_id")
    found = [
        other
        for other in conf.named("vrrp_instance")
        if vrid and vrid == other.value("virtual_router_id") and family(instance) == family(other)
    ]
    if len(found) < 2:
        return found
    named = [other for other in found if other.name == instance.name]
    return named or [other for other in found if other.value("interface") == instance.value("interface")]
