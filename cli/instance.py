"""Which VRRP instance of keepalived.conf is meant, and can it be handed over?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.status import span
from doctor.tracking import files, group_of
from vipwarden.config.document import meant
from vipwarden.core.options import UsageError
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.dump_ask import Places, ask
from vipwarden.node.keepalived.find import find
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.process import CannotAskError
from vipwarden.node.keepalived.vips import configured
from vipwarden.state import handover, paths
from vipwarden.state.clock import wall

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

_DUMP = 3.0  # seconds for keepalived's dumps


class Instance:
    """An instance with its ``vips``, the ``path`` of its track file, and the ``interval`` of its adverts in seconds."""

    def __init__(self, conf: str, name: str, pidfile: str) -> None:
        """Read keepalived.conf; raises UsageError where it lacks something, NoProcessError and CannotAskError."""
        try:
            self._top = parse(conf)
        except ConfError as error:
            raise UsageError(str(error)) from None
        known = {block.name: block for block in self._top.named("vrrp_instance")}
        if name not in known:
            raise UsageError(f"{conf} has no vrrp_instance {name}{meant(name, known)}")
        self.name = name
        self.path = handover.path(name)
        self._conf, self._pidfile = conf, pidfile
        block = known[name]
        self._must_track(block)
        self.vips = [vip for vip in configured(self._top) if vip.instance == name]
        vrid, self.interface = block.value("virtual_router_id"), block.value("interface")
        if not self.vips or not vrid.isdecimal() or not self.interface:
            raise UsageError(f"the vrrp_instance {name} of {conf} has no VIP, no virtual_router_id or no interface")
        self.vrid = int(vrid)
        self.interval = _seconds(block.value("advert_int"))
        with find(conf, pidfile=pidfile) as keepalived:
            if keepalived.is_elsewhere:
                raise CannotAskError("keepalived runs in another network namespace: run this in there")

    @property
    def is_ipv6(self) -> bool:
        """Whether its adverts go by IPv6."""
        return ":" in self.vips[0].address

    @property
    def addresses(self) -> str:
        """Its VIPs in words."""
        return ", ".join(vip.address for vip in self.vips[:3])

    @property
    def handed_over(self) -> str:
        """For how long it is handed over, and what ends that, to end a sentence with; "" where it is not."""
        for it in handover.read_all(paths.runtime()):
            if it.instance == self.name:
                return (
                    f": it is handed over for {span(max(0.0, wall() - it.since))}; --back lets this node have it again"
                )
        return ""

    def _must_track(self, block: Block) -> None:
        group = group_of(self._top, block)
        for holder in (block, *([group] if group is not None else [])):
            for line in files(self._top, holder):
                if line.target is not None and line.target.value("file") == self.path:
                    if not line.weight and not line.reverse:  # a sync group drops files with a weight
                        return
                    raise UsageError(
                        f"{line.line.path}:{line.line.number}: {line.name} needs weight 0, without reverse"
                    )
        raise UsageError(
            f"{self._conf} does not track {self.path}: vipwarden snippet handover --name {self.name} prints the lines"
        )

    def has_seen_a_peer(self) -> bool:
        """Return whether keepalived has received an advert of a peer on the interface since its start.

        Also by another instance: while this one is MASTER here, its peers are silent.
        """
        with find(self._conf, pidfile=self._pidfile) as keepalived:
            dump = ask(keepalived, Places(keepalived, self._top), _DUMP)
        return any(one.counters.get("advert_rcvd", 0) for one in dump.instances if one.interface == self.interface)


def _seconds(text: str) -> float:
    """Return an advert_int, by default 1."""
    try:
        return min(max(float(text), 0.01), 255.0)
    except ValueError:
        return 1.0
