"""Which series has keepalived? Names and labels of mehdy/keepalived-exporter, for its dashboards.

Addresses have no prefix length, as in keepalived_vip_held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING

from exporter.render.exposition import Family, measured, sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from exporter.render.exposition import Kind, Metric
    from vipwarden.node.keepalived.dump import Instance, Script

_BY = ("iname", "intf", "vrid")
_STATE = "State of the VRRP instance of a VIP: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT."
_SOURCE = "Source of the states: keepalived's dumps (json, stats), or the records of notify; the value is always 1."
_RUN = "What a vrrp_script is doing: 0 idle, 1 running, 2 told to end, 3 killed."
# attribute of an instance, metric, type, help
_NUMBERS: tuple[tuple[str, str, Kind, str], ...] = (
    ("base_priority", "vrrp_base_priority", "gauge", "Configured priority."),
    ("effective_priority", "vrrp_effective_priority", "gauge", "Priority after the weights of what is tracked."),
    ("changed", "vrrp_last_transition_timestamp_seconds", "gauge", "Last state change, in seconds of the epoch."),
    # dashboards know the name; it is configured, no counter
    ("delay", "gratuitous_arp_delay_total", "untyped", "Seconds from MASTER to the second round of gratuitous ARP."),
)
_COUNTERS = (
    ("advert_rcvd", "advertisements_received", "Advertisements received."),
    ("advert_sent", "advertisements_sent", "Advertisements sent."),
    ("become_master", "become_master", "Transitions to MASTER."),
    ("release_master", "release_master", "Transitions from MASTER."),
    ("packet_len_err", "packet_length_errors", "Packets of a wrong length."),
    ("advert_interval_err", "advertisements_interval_errors", "Packets with another advertisement interval."),
    ("ip_ttl_err", "ip_ttl_errors", "Packets whose TTL was not 255."),
    ("invalid_type_rcvd", "invalid_type_received", "Packets of an unknown type."),
    ("addr_list_err", "address_list_errors", "Packets with other virtual addresses."),
    ("invalid_authtype", "authentication_invalid", "Packets with an unknown type of authentication."),
    ("authtype_mismatch", "authentication_mismatch", "Packets with another type of authentication."),
    ("auth_failure", "authentication_failure", "Packets with a wrong password."),
    ("pri_zero_rcvd", "priority_zero_received", "Packets of priority 0 (the MASTER stops) received."),
    ("pri_zero_sent", "priority_zero_sent", "Packets of priority 0 (the MASTER stops) sent."),
)


@dataclass(slots=True)
class Vrrp:
    """The state of keepalived; ``up`` is None if that cannot be seen.

    ``source`` is json, stats or notify, ``why`` the reason for notify. ``moves`` are the changes of state in the last
    hour by instance: when, in seconds of the epoch, and the new state.
    """

    up: bool | None
    instances: list[Instance] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    source: str = ""
    why: str = ""
    failure: str = ""
    moves: Mapping[str, Sequence[tuple[float, int]]] = field(default_factory=dict)


def series(facts: Vrrp) -> Iterator[Metric]:
    """Yield the state of keepalived, of its instances and of its scripts."""
    if facts.up is not None:
        yield sample("keepalived_up", "gauge", "Whether keepalived runs and, where it may be asked, answers.", facts.up)
    if facts.source:
        yield sample("keepalived_source_info", "gauge", _SOURCE, 1, source=facts.source)
    yield from _states(facts.instances)
    rows = [((it.name, it.interface, it.vrid), it) for it in facts.instances]
    numbers = [(f"keepalived_{name}", kind, text, attrgetter(key)) for key, name, kind, text in _NUMBERS]
    yield from measured(_BY, rows, *numbers)
    counters = [(labels, it.counters) for labels, it in rows]
    for key, name, text in _COUNTERS:
        yield from measured(_BY, counters, (f"keepalived_{name}_total", "counter", text, methodcaller("get", key)))
    yield from measured(
        ("name",),
        [((script.name,), script) for script in facts.scripts],
        ("keepalived_script_status", "gauge", "Status of a vrrp_script: 0 BAD, 1 GOOD.", attrgetter("status")),
        ("keepalived_script_state", "gauge", _RUN, attrgetter("run")),
    )


def _states(instances: list[Instance]) -> Iterator[Family]:
    labels = ("iname", "intf", "vrid", "ip_address")
    state = Family("keepalived_vrrp_state", "gauge", _STATE, labels)
    excluded = Family("keepalived_vrrp_excluded_state", "gauge", f"{_STATE} For virtual_ipaddress_excluded.", labels)
    for it in instances:
        if it.state is not None:
            for address, interface in it.vips or [("", it.interface)]:
                state.add(it.state, it.name, interface, it.vrid, address)
            for address, interface in it.excluded:
                excluded.add(it.state, it.name, interface, it.vrid, address)
    yield from (state, excluded)
