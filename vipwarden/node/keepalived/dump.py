"""What is there to know of keepalived's VRRP instances and scripts, whichever dump tells it?

The dumps hold auth_pass in clear text: what has no place here never leaves their readers, not even in an error.
"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.node.keepalived.vips import plain_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

STATES = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}  # vrrp.h
STATUSES = {"BAD": 0, "GOOD": 1, "INIT/FAILED": 0}  # the last until 2.1.5; init_fail
RUNS = {"idle": 0, "running": 1, "requested termination": 2, "forcing termination": 3}
COUNTERS = {  # by their names in json; where the same number stands in stats
    "advert_rcvd": ("Advertisements", "Received"),
    "advert_sent": ("Advertisements", "Sent"),
    "become_master": ("", "Became master"),
    "release_master": ("", "Released master"),
    "packet_len_err": ("Packet Errors", "Length"),
    "ip_ttl_err": ("Packet Errors", "TTL"),
    "invalid_type_rcvd": ("Packet Errors", "Invalid Type"),
    "advert_interval_err": ("Packet Errors", "Advertisement Interval"),
    "addr_list_err": ("Packet Errors", "Address List"),
    "invalid_authtype": ("Authentication Errors", "Invalid Type"),
    "authtype_mismatch": ("Authentication Errors", "Type Mismatch"),
    "auth_failure": ("Authentication Errors", "Failure"),
    "pri_zero_rcvd": ("Priority Zero", "Received"),
    "pri_zero_sent": ("Priority Zero", "Sent"),
}
WITHOUT_AUTH = {"authtype_mismatch", "auth_failure"}  # missing where keepalived was built without authentication
_MOST_NAME = 200


class DumpError(Exception):
    """A dump is not whole, or not understood; the text never quotes it."""


class Instance:
    """A VRRP instance. None, or a counter that is missing, is what the dump does not tell.

    ``interface`` is the one that it speaks on, a VMAC's own where it has one; ``vips`` and ``excluded`` are pairs of
    address and interface. ``changed`` is when its state last changed, in seconds of the epoch; ``delay`` how long
    after becoming MASTER it sends gratuitous ARP again, in seconds.
    """

    __slots__ = (
        *("base_priority", "changed", "counters", "delay", "effective_priority", "excluded", "group", "interface"),
        *("name", "state", "vips", "vrid"),
    )

    def __init__(self, name: str) -> None:
        self.name = shown(name)
        self.vrid = self.interface = self.group = ""
        self.state: int | None = None
        self.base_priority: int | None = None
        self.effective_priority: int | None = None
        self.changed: float | None = None
        self.delay: float | None = None
        self.vips: list[tuple[str, str]] = []
        self.excluded: list[tuple[str, str]] = []
        self.counters: dict[str, int] = {}


class Script:
    """A vrrp_script: ``status`` of STATUSES, None until it has run; ``run`` of RUNS, None where not told."""

    __slots__ = ("name", "run", "status", "waits")

    def __init__(self, name: str) -> None:
        self.name = shown(name)
        self.status: int | None = None
        self.run: int | None = None
        self.waits = False


def vip_of(text: str) -> tuple[str, str] | None:
    """Return address and interface of ``192.0.2.1/24 brd 192.0.2.255 dev vrrp.51@eth0 scope global set``."""
    words = text.split()
    address = plain_address(words[0]) if words else ""
    if not address or "dev" not in words[1:-1]:
        return None
    return address, shown(words[words.index("dev") + 1].partition("@")[0])


def shown(name: str) -> str:
    """Return a name as it may be shown, on one line."""
    return one_line(name, _MOST_NAME)


def lacks(counters: Container[str]) -> bool:
    """Return whether one is missing that every dump has."""
    return any(name not in counters for name in COUNTERS.keys() - WITHOUT_AUTH)
