"""What is the state of each VRRP instance? From keepalived's dumps or, without the right to ask, notify's records."""

from __future__ import annotations

from contextlib import suppress
from os import sysconf
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from exporter.source import AbsentError, Source
from exporter.sources.vrrp.moves import Moves
from exporter.sources.vrrp.series import Vrrp, series
from vipwarden.node.keepalived import vrrp_state
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.dump import STATES, DumpError, Instance
from vipwarden.node.keepalived.dump_ask import Places, ask
from vipwarden.node.keepalived.find import find
from vipwarden.node.keepalived.lines import ConfError, ConfMissingError
from vipwarden.node.keepalived.process import CannotAskError, NoProcessError
from vipwarden.node.keepalived.vips import configured, interfaces
from vipwarden.node.netlink.addresses import AddressesError, own_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.settings import Settings
    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.keepalived.process import Keepalived
    from vipwarden.node.keepalived.vips import Vip

_MOST_SECONDS = 2.0  # for keepalived's answer
_STILL = 3.0  # seconds for which an answer counts although addresses moved
_MOVED = object()  # in place of the addresses at an answer


class _Memory:
    """The last answer of keepalived, for scrapes before it may be asked again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[object, tuple[float, tuple[int, int], Vrrp, object]] = {}
        self._moves: dict[object, Moves] = {}

    def of(self, settings: Settings, conf: Block | None) -> Vrrp:
        """Return the state of keepalived; raises NoProcessError and CannotAskError.

        An answer counts for keepalived_interval, and after some seconds only while no address has moved: also one that
        went and came again was a change of state.
        """
        key = (settings.keepalived_conf, settings.keepalived_pidfile, settings.keepalived_states)
        with self._lock, find(settings.keepalived_conf, settings.proc, settings.keepalived_pidfile or "") as keepalived:
            when, who, known, held = self._known.get(key, (-settings.keepalived_interval, None, None, None))
            age = monotonic() - when
            if known is not None and who is not None and held is not _MOVED and held != _held():
                held = _MOVED
                self._known[key] = when, who, known, held
            if (
                known is None
                or who != keepalived.identity
                or age >= settings.keepalived_interval
                or (age > _STILL and held is _MOVED)
            ):
                held = _held()  # before the request: a move in between is seen next time
                known = _ask(keepalived, settings, conf)
                known.moves = self._moves.setdefault(key, Moves()).take(known.instances)
                self._known[key] = monotonic(), keepalived.identity, known, held
            return known


def _held() -> object:
    """Return the kernel's addresses for comparison, or something unique if they cannot be read."""
    try:
        return frozenset(map(repr, own_addresses()))
    except AddressesError:
        return object()


_MEMORY = _Memory()


def read(settings: Settings) -> Vrrp:
    """Ask keepalived, or read notify's records."""
    conf: Block | None = None
    try:
        conf = parse(settings.keepalived_conf)
    except ConfMissingError as error:
        raise AbsentError(error) from None
    except ConfError:  # the dumps suffice, and the collector of VIPs reports the error
        pass
    if conf is not None and not any(conf.named("vrrp_instance")):
        raise AbsentError(f"{settings.keepalived_conf} has no vrrp_instance")
    if settings.proc != "/proc":
        raise AbsentError(f"with {settings.proc} in place of /proc no keepalived can be asked")
    try:
        return _MEMORY.of(settings, conf)
    except NoProcessError as error:
        return Vrrp(up=False, failure=str(error))
    except CannotAskError as error:
        return _by_notify(str(error), None, settings, conf)


def _ask(keepalived: Keepalived, settings: Settings, conf: Block | None) -> Vrrp:
    try:
        dump = ask(keepalived, Places(keepalived, conf), min(_MOST_SECONDS, settings.timeout * 0.8))
    except DumpError as error:
        return Vrrp(up=False, failure=str(error))
    except CannotAskError as error:
        return _by_notify(str(error), keepalived, settings, conf)
    return Vrrp(up=True, instances=dump.instances, scripts=dump.scripts, source=dump.source)


def _by_notify(why: str, keepalived: Keepalived | None, settings: Settings, conf: Block | None) -> Vrrp:
    """Return notify's records, and why keepalived could not be asked."""
    up = True if keepalived is not None else None
    start = keepalived.start / sysconf("SC_CLK_TCK") if keepalived is not None else 0.0
    recorded = _recorded(start, settings.keepalived_states, conf)
    if recorded:
        return Vrrp(up, recorded, source="notify", why=why)
    return Vrrp(up, failure=f"{why}; nor has notify recorded a state in {' or '.join(settings.keepalived_states)}")


def _recorded(start: float, folders: Sequence[str], conf: Block | None) -> list[Instance]:
    """Return the records since ``start``, in seconds after boot, completed by the configuration."""
    states = {
        state.name: state
        for path in reversed(folders)
        for state in vrrp_state.read_all(path)
        if state.kind == "INSTANCE" and state.order[0] >= start
    }
    vips: list[Vip] = []
    known: dict[str, tuple[str, str]] = {}
    if conf is not None:
        known = interfaces(conf)
        with suppress(ConfError):
            vips = configured(conf)
    instances = []
    for state in states.values():
        instance = Instance(state.name)
        instance.state = STATES.get(state.state, 0)  # 0 for STOP and DELETED
        instance.effective_priority = state.priority or None
        instance.changed = state.since
        instance.interface, instance.vrid = known.get(state.name, ("", ""))
        instance.vips = [(vip.address, vip.interface) for vip in vips if vip.instance == state.name]
        instances.append(instance)
    return instances


SOURCE = Source("vrrp", read, series, bothered=True, title="VRRP", place=20)
