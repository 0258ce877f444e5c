"""When are the director's own paths to real servers made and removed? On demand, and when nobody has used them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.node.ipvs import paths
from vipwarden.node.ipvs.control import Control
from vipwarden.node.ipvs.proc import must_exist
from vipwarden.node.ipvs.table import IpvsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vipwarden.config.entry import Entry


class AgentPaths(paths.Paths):
    """The paths of an agent, which other programs may use as well."""

    def __init__(self, marks: paths.Marks, say: Callable[[str], None]) -> None:
        super().__init__(marks, lasts=True)
        self._say = say

    def begin(self, entries: Iterable[Entry]) -> None:
        """Remove what was left by an agent or a command that was killed."""
        try:
            must_exist("/proc/net/ip_vs")  # to ask by netlink could load the module
            for service in Control().clear():
                reals = ", ".join(server.real for server in service.servers)
                self._say(f"removed the path of mark {service.mark} to {reals}, whose program has ended")
        except IpvsError as error:
            if any(entry.values.get("via") for entry in entries):
                self._say(f"no paths for checks with via: {error}")
