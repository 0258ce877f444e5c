"""Does this node send or receive IPVS's connections? The sync daemons, by generic netlink; needs CAP_NET_ADMIN.

Numbers of linux/ip_vs.h; ip_vs_genl_dump_daemons() in net/netfilter/ipvs/ip_vs_ctl.c.
"""

from __future__ import annotations

import sys

from vipwarden.node.ipvs.netlink import NetlinkClosedError, family_id, request
from vipwarden.node.ipvs.table import IpvsError
from vipwarden.node.netlink.socket import DUMP, GENERIC, Netlink, attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_GET_DAEMON, _DAEMON = 11, 3
_STATE, _INTERFACE, _SYNC_ID = 1, 2, 3
_STATES = {1: "master", 2: "backup"}  # IP_VS_STATE_MASTER sends, IP_VS_STATE_BACKUP receives


class Daemon:
    """A sync daemon: ``state`` is master or backup; ``interface`` is where it multicasts."""

    __slots__ = ("interface", "state", "syncid")

    def __init__(self, state: str, interface: str, syncid: int) -> None:
        self.state = state
        self.interface = interface
        self.syncid = syncid

    def __str__(self) -> str:
        return f"{self.state} on {self.interface} with syncid {self.syncid}"


def daemons(timeout: float) -> list[Daemon]:
    """Return those that run, at most one of each state; raises IpvsError, and NetlinkClosedError without the right."""
    try:
        with Netlink(GENERIC, timeout) as netlink:
            bodies = netlink.ask(family_id(netlink), DUMP, request(_GET_DAEMON))
    except PermissionError:
        raise NetlinkClosedError("the state of the sync daemon is told to CAP_NET_ADMIN only") from None
    except OSError as error:
        raise IpvsError(f"cannot read the state of the sync daemon: {error.args[-1]}") from None
    return [daemon_of(attributes(attributes(body, 4).get(_DAEMON, b""))) for body in bodies]


def daemon_of(fields: Mapping[int, bytes]) -> Daemon:
    """Return the daemon that the fields of a message are of; raises IpvsError."""
    state, syncid = (int.from_bytes(fields.get(name, b"")[:4], sys.byteorder) for name in (_STATE, _SYNC_ID))
    if state not in _STATES or _SYNC_ID not in fields:
        raise IpvsError("the kernel tells of a sync daemon that is not understood")
    interface = fields.get(_INTERFACE, b"").partition(b"\0")[0].decode("utf-8", "replace")
    return Daemon(_STATES[state], interface, syncid)
