"""In which state is each VRRP instance, since when, and what has it seen?

Names and labels are those of mehdy/keepalived-exporter, so that dashboards made for it work; addresses come without
their prefix length, as in keepalived_vip_held. keepalived is asked for its dumps or, where this process has no right
to ask, what notify recorded is told.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from os import sysconf
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from checks.node import vrrp_state
from checks.node.keepalived_conf import parse
from checks.node.keepalived_dump import STATES, DumpError, Instance, Script
from checks.node.keepalived_dump_ask import Places, ask
from checks.node.keepalived_lines import ConfError, ConfMissingError
from checks.node.keepalived_process import CannotAskError, NoProcessError, find
from checks.node.vips import configured, interfaces
from exporter.exposition import Family
from exporter.frame import AbsentError, Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checks.node.keepalived_conf import Block
    from checks.node.keepalived_process import Keepalived
    from checks.node.vips import Vip
    from exporter.exposition import Metric
    from exporter.settings import Settings

_BY = ("iname", "intf", "vrid")
_MOST_SECONDS = 2.0  # for keepalived's answer
_STATE = "State of the VRRP instance of a VIP: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT."
_COUNTERS = (
    ("advert_rcvd", "advertisements_received", "Advertisements received."),
    ("advert_sent", "advertisements_sent", "Advertisements sent."),
    ("become_master", "become_master", "How often the instance became MASTER."),
    ("release_master", "release_master", "How often the instance ceased to be MASTER."),
    ("packet_len_err", "packet_length_errors", "Packets of a wrong length."),
    ("advert_interval_err", "advertisements_interval_errors", "Packets with another advertisement interval."),
    ("ip_ttl_err", "ip_ttl_errors", "Packets whose TTL was not 255."),
    ("invalid_type_rcvd", "invalid_type_received", "Packets of an unknown type."),
    ("addr_list_err", "address_list_errors", "Packets with other virtual addresses."),
    ("invalid_authtype", "authentication_invalid", "Packets with an unknown type of authentication."),
    ("authtype_mismatch", "authentication_mismatch", "Packets with another type of authentication."),
    ("auth_failure", "authentication_failure", "Packets with a wrong password."),
    ("pri_zero_rcvd", "priority_zero_received", "Packets of priority 0, by which a MASTER says good-bye, received."),
    ("pri_zero_sent", "priority_zero_sent", "Packets of priority 0, by which a MASTER says good-bye, sent."),
)


@dataclass(frozen=True, slots=True)
class Vrrp:
    """What is known of keepalived; ``source`` is json, stats or notify, and ``why`` tells why it is not a dump."""

    up: bool
    instances: list[Instance] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    source: str = ""
    why: str = ""
    failure: str = ""


class _Memory:
    """What one keepalived said last, for scrapes that come sooner than it may be asked again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[object, tuple[float, tuple[int, int], Vrrp]] = {}

    def of(self, settings: Settings, conf: Block | None) -> Vrrp:
        """Return what the keepalived of these settings says; raises NoProcessError and CannotAskError."""
        key = (settings.keepalived_conf, settings.keepalived_pidfile, settings.keepalived_states)
        with self._lock, find(settings.keepalived_conf, settings.proc, settings.keepalived_pidfile or "") as keepalived:
            when, who, known = self._known.get(key, (-settings.keepalived_interval, None, None))
            if known is None or who != keepalived.identity or monotonic() - when >= settings.keepalived_interval:
                known = _ask(keepalived, settings, conf)
                self._known[key] = monotonic(), keepalived.identity, known
            return known


_MEMORY = _Memory()


def read(settings: Settings) -> Vrrp:
    """Ask keepalived, or read what notify recorded."""
    conf: Block | None = None
    try:
        conf = parse(settings.keepalived_conf)
    except ConfMissingError as error:
        raise AbsentError(error) from None
    except ConfError:  # its dumps tell it all, and the collector of VIPs what is wrong
        pass
    if conf is not None and not any(conf.named("vrrp_instance")):
        raise AbsentError(f"{settings.keepalived_conf} has no vrrp_instance")
    if settings.proc != "/proc":
        raise AbsentError(f"with {settings.proc} in place of /proc no keepalived can be asked")
    try:
        return _MEMORY.of(settings, conf)
    except NoProcessError as error:
        return Vrrp(up=False, failure=str(error))


def _ask(keepalived: Keepalived, settings: Settings, conf: Block | None) -> Vrrp:
    try:
        dump = ask(keepalived, Places(keepalived, conf), min(_MOST_SECONDS, settings.timeout * 0.8))
    except DumpError as error:
        return Vrrp(up=False, failure=str(error))
    except CannotAskError as error:
        recorded = _recorded(keepalived, settings.keepalived_states, conf)
        if recorded:
            return Vrrp(up=True, instances=recorded, source="notify", why=str(error))
        advice = f"; nor has notify recorded a state in {' or '.join(settings.keepalived_states)}"
        return Vrrp(up=True, failure=f"{error}{advice}")
    return Vrrp(up=True, instances=dump.instances, scripts=dump.scripts, source=dump.source)


def _recorded(keepalived: Keepalived, folders: Sequence[str], conf: Block | None) -> list[Instance]:
    """Return what notify recorded since this keepalived started; the configuration tells the rest."""
    states = {
        state.name: state
        for path in reversed(folders)
        for state in vrrp_state.read_all(path)
        if state.kind == "INSTANCE" and state.order[0] >= keepalived.start / sysconf("SC_CLK_TCK")
    }
    vips: list[Vip] = []
    known: dict[str, tuple[str, str]] = {}
    if conf is not None:
        known = interfaces(conf)
        with suppress(ConfError):
            vips = configured(conf)
    found = []
    for state in states.values():
        instance = Instance(state.name)
        instance.state = STATES.get(state.state, 0)  # STOP and DELETED: there is nothing before its next word
        instance.effective_priority = state.priority or None
        instance.changed = state.since
        instance.interface, instance.vrid = known.get(state.name, ("", ""))
        instance.vips = [(vip.address, vip.interface) for vip in vips if vip.instance == state.name]
        found.append(instance)
    return found


def families(facts: Vrrp) -> Iterator[Metric]:
    """Yield whether keepalived is up, its instances and its scripts."""
    up = Family("keepalived_up", "gauge", "Whether keepalived runs and, where it may be asked, answers.")
    up.add(facts.up)
    yield up
    if facts.source:
        source = Family(
            "keepalived_source_info",
            "gauge",
            "Where the states come from: the dumps (json, stats) or what notify recorded; the value is always 1.",
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
    excluded = Family("keepalived_vrrp_excluded_state", "gauge", f"{_STATE} Of those excluded.", by_vip)
    base = Family("keepalived_vrrp_base_priority", "gauge", "Priority that is configured.", _BY)
    effective = Family(
        "keepalived_vrrp_effective_priority", "gauge", "Priority that the weights of what is tracked leave.", _BY
    )
    changed = Family("keepalived_vrrp_last_transition_timestamp_seconds", "gauge", "When the state last changed.", _BY)
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


COLLECTOR = Collector("vrrp", read, families)
