"""Which series does a keepalived have?

Names and labels are those of mehdy/keepalived-exporter, so that dashboards made for it work; addresses come without
their prefix length, as in keepalived_vip_held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.render.exposition import Family

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.render.exposition import Metric
    from vipwarden.node.keepalived.dump import Instance, Script

_BY = ("iname", "intf", "vrid")
_STATE = "State of the VRRP instance of a VIP: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT."
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


@dataclass(frozen=True, slots=True)
class Vrrp:
    """What is known of keepalived: whether it is ``up``, None where that cannot be seen, and the rest.

    ``source`` is json, stats or notify, and ``why`` tells why it is not a dump.
    """

    up: bool | None
    instances: list[Instance] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    source: str = ""
    why: str = ""
    failure: str = ""


def series(facts: Vrrp) -> Iterator[Metric]:
    """Yield whether keepalived is up, its instances and its scripts."""
    up = Family("keepalived_up", "gauge", "Whether keepalived runs and, where it may be asked, answers.")
    if facts.up is not None:
        up.add(facts.up)
    yield up
    if facts.source:
        source = Family(
            "keepalived_source_info",
            "gauge",
            "Source of the states: keepalived's dumps (json, stats), or the records of notify; the value is always 1.",
            ("source",),
        )
        source.add(1, facts.source)
        yield source
    yield from _instances(facts.instances)
    for name, metric, text in _COUNTERS:
        counter = Family(f"keepalived_{metric}_total", "counter", text, _BY)
        for one in facts.instances:
            if name in one.counters:
                counter.add(one.counters[name], one.name, one.interface, one.vrid)
        yield counter
    status = Family("keepalived_script_status", "gauge", "Status of a vrrp_script: 0 BAD, 1 GOOD.", ("name",))
    run = Family(
        "keepalived_script_state",
        "gauge",
        "What a vrrp_script is doing: 0 idle, 1 running, 2 told to end, 3 killed.",
        ("name",),
    )
    for script in facts.scripts:
        if script.status is not None:
            status.add(script.status, script.name)
        if script.run is not None:
            run.add(script.run, script.name)
    yield from (status, run)


def _instances(instances: Sequence[Instance]) -> Iterator[Metric]:
    by_vip = (*_BY, "ip_address")
    state = Family("keepalived_vrrp_state", "gauge", _STATE, by_vip)
    excluded = Family("keepalived_vrrp_excluded_state", "gauge", f"{_STATE} For virtual_ipaddress_excluded.", by_vip)
    base = Family("keepalived_vrrp_base_priority", "gauge", "Configured priority.", _BY)
    effective = Family(
        "keepalived_vrrp_effective_priority",
        "gauge",
        "Priority after the weights of what is tracked.",
        _BY,
    )
    changed = Family(
        "keepalived_vrrp_last_transition_timestamp_seconds",
        "gauge",
        "Last state change, in seconds of the epoch.",
        _BY,
    )
    # the name is known to dashboards; it is configured, no counter
    delay = Family(
        "keepalived_gratuitous_arp_delay_total",
        "untyped",
        "Seconds from becoming MASTER to the second round of gratuitous ARP, as configured.",
        _BY,
    )
    for one in instances:
        labels = (one.name, one.interface, one.vrid)
        if one.state is not None:
            for address, interface in one.vips or [("", one.interface)]:
                state.add(one.state, one.name, interface, one.vrid, address)
            for address, interface in one.excluded:
                excluded.add(one.state, one.name, interface, one.vrid, address)
        for family, value in (
            (base, one.base_priority),
            (effective, one.effective_priority),
            (changed, one.changed),
            (delay, one.delay),
        ):
            if value is not None:
                family.add(value, *labels)
    yield from (state, excluded, base, effective, changed, delay)
