"""Has each virtual service of the kernel (IPVS) real servers to send clients to?

Nagios ipvs_servers!SERVICE!LEAST: -S SERVICE -c LEAST
NRPE ipvs_service: --conf /etc/keepalived/keepalived.conf
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, judge
from vipwarden.core.values import Choice, Count, Port, Seconds, endpoint, is_address
from vipwarden.net.stream import NetError
from vipwarden.node.ipvs.marked import USUAL
from vipwarden.node.ipvs.read import Tables
from vipwarden.node.ipvs.table import IpvsError, IpvsMissingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.ipvs.daemon import Daemon
    from vipwarden.node.ipvs.table import Service

    Key = tuple[str, str, int, str]  # protocol, address, port and mark

OWN_LETTERS = {"S": "service"}
_MOST_TOLD = 5
_MOST_NOTES = 100


class VirtualService:
    """ADDRESS:PORT, udp:ADDRESS:PORT, sctp:ADDRESS:PORT or fwmark:NUMBER; IPv6 in brackets."""

    __slots__ = ("key", "text")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        self.text = text
        kind, colon, rest = text.partition(":")
        if kind == "fwmark" and colon:
            self.key = "FWM", "", 0, f"{_Mark(rest):08X}"
            return
        proto, rest = (kind, rest) if kind in ("tcp", "udp", "sctp") else ("tcp", text)
        host, _, port = rest.rpartition(":")
        is_v6 = host.startswith("[") and host.endswith("]")
        address = host[1:-1] if is_v6 else host
        if not address or (":" in address) is not is_v6 or not is_address(address):
            raise ValueError("192.0.2.10:80, [2001:db8::10]:80, udp:192.0.2.10:53 or fwmark:10 is wanted")
        family = AF_INET6 if is_v6 else AF_INET
        self.key = proto.upper(), inet_ntop(family, inet_pton(family, address)), int(Port(port)), ""

    def __str__(self) -> str:
        return self.text


class _Mark(Count):
    __slots__ = ()
    LEAST, MOST, WANTED = 1, (1 << 32) - 1, "a firewall mark is a number from 1 to 4294967295"


class SyncId(Count):
    """The number of a group of directors."""

    __slots__ = ()
    MOST, WANTED = 255, "a syncid is a number from 0 to 255"


class Sync(Choice):
    """The state of a sync daemon."""

    __slots__ = ()
    choices = ("master", "backup", "any")


async def ipvs_service(
    net: Net,
    *,
    service: tuple[VirtualService, ...] = (),
    conf: str | None = None,
    warning: Range | None = None,
    critical: Range = Range("1:"),
    sync: Sync | None = None,
    syncid: SyncId | None = None,
    proc: str = "/proc",
    timeout: Seconds = Seconds(10),
) -> Result:
    """Has each virtual service of the kernel (IPVS) real servers to send clients to?

    Counts the real servers with a weight above 0. Without service and conf all services of the kernel are judged.
    With conf those of keepalived.conf have to be there, its sorry servers do not count, and a service that it does not
    know is a WARNING: ipvsadm or an earlier keepalived left it, and nobody checks its servers.
    The services are read without rights; the state of the sync daemon needs CAP_NET_ADMIN.

    service: virtual service that must be there: ADDRESS:PORT, udp:ADDRESS:PORT or fwmark:N; repeat it for several
    conf: keepalived.conf whose virtual services must be there, and no others
    warning: range for the number of real servers with weight in each service
    critical: range for the number of real servers with weight in each service
    sync: state in which a sync daemon must run: master, backup or any
    syncid: syncid that each sync daemon must have
    proc: where procfs is mounted
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    sorry: dict[Key, set[tuple[str, int]]] = {}
    asks = sync is not None or syncid is not None
    try:
        if conf is not None:
            sorry, mistake = await net.away(conf, lambda: _configured(conf))
            if mistake:
                return Result(UNKNOWN, mistake)
        services = await net.beside("the IPVS table", lambda: Tables(proc).read(net.remaining()).services)
        running = await _daemons(net) if asks else []
    except NetError as error:
        return error.result("cannot judge IPVS")
    except IpvsError as error:
        return Result(CRITICAL if isinstance(error, IpvsMissingError) else UNKNOWN, str(error))
    except OSError as error:
        return Result(UNKNOWN, f"cannot read {conf}: {error.strerror}")
    known = {(virtual.proto, virtual.address, virtual.port, virtual.mark): virtual for virtual in services}
    wanted: dict[Key, str] = {virtual.key: virtual.text for virtual in service} | {key: _name(key) for key in sorry}
    ours = wanted or {key: _name(key) for key in known if not _is_path(key)}
    state, texts = OK, list[str]()
    counts, notes = dict[str, int](), list[str]()
    for key, name in ours.items():
        if key not in known:
            state, texts = CRITICAL, [*texts, f"{name} is not there"]
            continue
        counts[name], total = _weighted(known[key], sorry.get(key, set()), name, notes)
        its = judge(counts[name], warning, critical)
        state = max(state, its)
        if its != OK:
            its_range = critical if critical.alerts(counts[name]) else warning
            texts.append(f"{counts[name]} of {total} real servers of {name} have a weight, range {its_range}")
    strange = [_name(key) for key in known if conf is not None and key not in wanted and not _is_path(key)]
    if strange:
        state = max(state, WARNING)
        texts.append(f"{conf} does not know {', '.join(strange[:_MOST_TOLD])}")
    if asks and (wrong := _wrong(running, sync, syncid)):
        state, texts = CRITICAL, [*texts, wrong]
    if not ours:
        state, texts = max(state, WARNING), [*texts, "the kernel has no virtual service"]
    text = "; ".join(texts[:_MOST_TOLD]) + (f" and {len(texts) - _MOST_TOLD} more" if texts[_MOST_TOLD:] else "")
    metrics = [Metric("services", len(known), minimum=0)]
    if counts:
        metrics.append(Metric("weighted", min(counts.values()), warn=warning, crit=critical, minimum=0))
    if conf is not None:
        metrics.append(Metric("unknown", len(strange), minimum=0))
    text = text or f"{len(ours)} virtual services, each with {min(counts.values(), default=0)} real servers or more"
    notes += [f"sync daemon: {daemon}" for daemon in running]
    return Result(state, text, metrics, notes=notes[:_MOST_NOTES])


def _configured(path: str) -> tuple[dict[Key, set[tuple[str, int]]], str]:
    """Return what keepalived.conf configures, or what is wrong with it."""
    from vipwarden.node.keepalived.conf import parse
    from vipwarden.node.keepalived.lines import ConfError
    from vipwarden.node.keepalived.virtual_servers import virtual_services

    try:
        return virtual_services(parse(path)), ""
    except ConfError as error:
        return {}, str(error)


async def _daemons(net: Net) -> list[Daemon]:
    from vipwarden.node.ipvs.daemon import daemons

    return await net.beside("the state of the sync daemon", lambda: daemons(net.remaining()))


def _weighted(service: Service, sorry: set[tuple[str, int]], name: str, notes: list[str]) -> tuple[int, int]:
    """Return how many real servers have a weight, and how many there are; note those that have none."""
    servers = [server for server in service.servers if (server.address, server.port) not in sorry]
    without = [server for server in servers if not server.weight]
    notes += [f"{name}: {server.address}:{server.port} has weight 0" for server in without]
    notes += [f"{name}: says sorry"] if len(servers) < len(service.columns.endpoints) else []
    return len(servers) - len(without), len(servers)


def _wrong(running: list[Daemon], state: str | None, syncid: int | None) -> str:
    """Return what is wrong with the sync daemons."""
    names = ", ".join(map(str, running)) or "none"
    if state is not None and not any(state in ("any", daemon.state) for daemon in running):
        return f"no sync daemon runs{f' as {state}' if state != 'any' else ''} (running: {names})"
    if syncid is not None and (not running or any(daemon.syncid != syncid for daemon in running)):
        return f"the sync daemon has not syncid {syncid} (running: {names})"
    return ""


def _is_path(key: Key) -> bool:
    """Return whether it is a path by which our own checks reach a real server through its VIP."""
    return bool(key[3]) and int(key[3], 16) in USUAL


def _name(key: Key) -> str:
    proto, address, port, mark = key
    if mark:
        return f"fwmark:{int(mark, 16)}"
    where = endpoint(address, port)
    return where if proto == "TCP" else f"{proto.lower()}:{where}"
