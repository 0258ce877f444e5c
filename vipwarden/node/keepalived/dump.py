"""What do keepalived's dumps tell of its VRRP instances and scripts?

The dumps hold auth_pass in clear text: only what has a field here leaves their readers, also in an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vipwarden.core.result import one_line

STATES = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}  # vrrp.h
STATUSES = {"BAD": 0, "GOOD": 1, "INIT/FAILED": 0}  # the last until 2.1.5; init_fail
RUNS = {"idle": 0, "running": 1, "requested termination": 2, "forcing termination": 3}
COUNTERS = {  # the names in json, and where the same number is in stats
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
NEEDED = COUNTERS.keys() - {"authtype_mismatch", "auth_failure"}  # which a build without authentication lacks
_MOST_NAME = 200


class DumpError(Exception):
    """A dump is not whole, or not understood; the text never quotes it."""


def shown(name: str) -> str:
    """Return a name on one line, of a bounded length."""
    return one_line(name, _MOST_NAME)


@dataclass(slots=True)
class Instance:
    """A VRRP instance. Values and counters that the dump lacks are None or missing.

    ``interface`` is that of its adverts, which may be a VMAC; ``vips`` and ``excluded`` are pairs of address and
    interface. ``changed`` is the last change of state in seconds of the epoch; ``delay`` the seconds
    between becoming MASTER and the second gratuitous ARP.
    """

    name: str
    vrid: str = ""
    interface: str = ""
    group: str = ""
    state: int | None = None
    base_priority: int | None = None
    effective_priority: int | None = None
    changed: float | None = None
    delay: float | None = None
    vips: list[tuple[str, str]] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Script:
    """A vrrp_script: ``status`` of STATUSES, None before its first run; ``run`` of RUNS, None where unknown."""

    name: str
    status: int | None = None
    run: int | None = None
    waits: bool = False
