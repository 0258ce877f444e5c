"""Has each backend of HAProxy a server that is up?

Nagios haproxy_servers!BACKEND!LEAST: -b BACKEND -c LEAST
NRPE haproxy_backend: -w 2: -c 1:
"""

from __future__ import annotations

import posix

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, judge, one_line
from vipwarden.core.values import Seconds
from vipwarden.net.stream import NetError
from vipwarden.node.haproxy.socket import (
    BACKEND,
    FRONTEND,
    SERVER,
    HaproxyError,
    HaproxyRightError,
    first_word,
    report,
)
from vipwarden.node.haproxy.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.socket import Report

LATER = ("vipwarden.node.process.procfs",)
OWN_LETTERS = {"b": "backend"}
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_MOST_TOLD = 5
_MOST_NOTES = 100


class Socket(Source):
    """The address of a stats socket: /PATH or tcp://HOST:PORT."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wanted."""
        super().__init__(text)
        if self.is_page:
            raise ValueError("a stats socket is wanted: /PATH or tcp://HOST:PORT")


class Proxy(str):
    """The name of a frontend, backend or listen section."""

    __slots__ = ()

    def __new__(cls, text: str) -> Proxy:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text or set(text) - _NAME:
            raise ValueError("the name of a section is made of letters, digits, - _ . and :")
        return str.__new__(cls, text)


async def haproxy_backend(
    net: Net,
    *,
    socket: Socket | None = None,
    conf: str = "/etc/haproxy/haproxy.cfg",
    backend: tuple[Proxy, ...] = (),
    frontend: tuple[Proxy, ...] = (),
    warning: Range | None = None,
    critical: Range = Range("1:"),
    queue: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Has each backend of HAProxy a server that is up?

    Asks HAProxy itself, by its stats socket. Counts the servers that get requests, as nbsrv() of haproxy.cfg does: UP
    or without a check, and with a weight above 0. Backup servers count where no other server is up.
    Without backend and frontend all backends that have servers are judged, and all frontends must be open.
    With critical 0: HAProxy only has to answer, and its frontends to be open.

    socket: stats socket, /PATH or tcp://HOST:PORT; default those that conf names
    conf: HAProxy configuration that names the stats sockets
    backend: name of a backend or listen section whose servers count; repeat the option for several
    frontend: name of a frontend or listen section that must be open; repeat the option for several
    warning: range for the number of servers that are up in each backend
    critical: range for the number of servers that are up in each backend
    queue: range for the number of requests that wait in the queues of each backend
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    try:
        if socket is None:
            from vipwarden.node.haproxy.conf import sockets

        sources = [socket] if socket is not None else await sockets(net, conf)
    except NetError as error:
        return error.result(conf)
    except OSError as error:
        return Result(UNKNOWN, f"cannot read {conf}: {error.strerror}; --socket names a stats socket without it")
    named = {*backend, *frontend}
    only = f" {min(named)} -1 -1" if len(named) == 1 else ""  # a large HAProxy has megabytes to tell of the others
    try:
        answer = await report(net, sources, commands=f"show info;show stat{only}")
    except HaproxyError as error:
        state = UNKNOWN if isinstance(error, HaproxyRightError) else CRITICAL
        return Result(state, f"HAProxy: {error}", expired=net.remaining() <= 0)
    _watch(net, answer)
    return _judged(answer, backend, frontend, warning, critical, queue)


def _watch(net: Net, answer: Report) -> None:
    """Name the process that has answered, where it is one of this node: its number may be that of a container's."""
    pid = answer.info.get("Pid", "")
    if not pid.isdecimal() or len(pid) > 9:
        return
    from vipwarden.node.process.procfs import read

    try:
        is_here = posix.readlink("/proc/self") == str(posix.getpid()) and read(f"/proc/{pid}/comm") == b"haproxy\n"
    except OSError:
        return
    if is_here:
        net.watch_processes((int(pid),))


class _Backend:
    """The servers of a backend: how many are up and how many requests wait, those at the backend itself among them."""

    __slots__ = ("backups", "down", "name", "queued", "servers", "up")

    def __init__(self, name: str) -> None:
        self.name = name
        self.servers = self.up = self.backups = self.queued = 0
        self.down: list[str] = []

    def add(self, row: dict[str, str]) -> None:
        """Count a server."""
        self.servers += 1
        self.queued += _number(row, "qcur")
        is_up = first_word(row.get("status", "")) == "UP" and row.get("weight") != "0"
        if not is_up:
            weightless = " with weight 0" if row.get("weight") == "0" else ""
            self.down.append(f"{row['svname']} {row.get('status', '')}{weightless}")
        elif row.get("bck") == "1":
            self.backups += 1
        else:
            self.up += 1

    @property
    def usable(self) -> int:
        """How many servers get requests."""
        return self.up or self.backups

    def __str__(self) -> str:
        backups = " (backup)" if self.backups and not self.up else ""
        return f"{self.usable} of {self.servers} servers of {self.name} up{backups}"


def _judged(
    answer: Report,
    backend: tuple[str, ...],
    frontend: tuple[str, ...],
    warning: Range | None,
    critical: Range,
    queue: Range | None,
) -> Result:
    backends, known = _backends(answer)
    statuses = {row["pxname"]: row.get("status", "") for row in answer.of(FRONTEND)}
    everything = not backend and not frontend
    missing = [name for name in backend if name not in known] + [name for name in frontend if name not in statuses]
    asked = [proxy for name, proxy in backends.items() if name in backend or (everything and proxy.servers)]
    shut = [name for name, status in statuses.items() if (everything or name in frontend) and status != "OPEN"]
    state, texts = OK, []
    for proxy in asked:
        its = judge(proxy.usable, warning, critical)
        state = max(state, its)
        if its != OK:
            texts.append(f"{proxy}, range {critical if critical.alerts(proxy.usable) else warning}")
        if queue is not None and queue.alerts(proxy.queued):
            state = CRITICAL
            texts.append(f"{proxy.queued} requests wait for a server of {proxy.name}, range {queue}")
    for name in shut:
        full = statuses[name] == "FULL"  # as many sessions as maxconn allows
        state = max(state, WARNING if full else CRITICAL)
        texts.append(f"the frontend {name} is {statuses[name] or 'in no state'}")
    if answer.info.get("Stopping", "0") != "0":
        state = max(state, WARNING)
        texts.append(f"the HAProxy that answers at {answer.socket} is about to end")
    if missing:
        state = CRITICAL
        texts.append(f"HAProxy has no {', '.join(missing)}")
    if not texts:
        texts = list(map(str, asked)) or ["HAProxy answers"]
        texts += [f"{len(frontend) or len(statuses)} frontends open"] if frontend or (everything and statuses) else []
    more = f" and {len(texts) - _MOST_TOLD} more" if len(texts) > _MOST_TOLD else ""
    metrics = [Metric("backends", len(asked), minimum=0)]
    if asked:
        metrics += [
            Metric("up", min(proxy.usable for proxy in asked), warn=warning, crit=critical, minimum=0),
            Metric("down", sum(len(proxy.down) for proxy in asked), minimum=0),
            Metric("queue", max(proxy.queued for proxy in asked), crit=queue, minimum=0),
        ]
    notes = [one_line(f"{proxy.name}/{server}", 120) for proxy in asked for server in proxy.down]
    return Result(state, one_line("; ".join(texts[:_MOST_TOLD])) + more, metrics, notes=notes[:_MOST_NOTES])


def _backends(answer: Report) -> tuple[dict[str, _Backend], set[str]]:
    """Return the backends by name, and the names of those that HAProxy has."""
    rows = answer.of(BACKEND)
    backends = {row["pxname"]: _Backend(row["pxname"]) for row in rows}
    for row in rows:
        backends[row["pxname"]].queued += _number(row, "qcur")
    for row in answer.of(SERVER):
        backends.setdefault(row["pxname"], _Backend(row["pxname"])).add(row)
    return backends, set(backends)


def _number(row: dict[str, str], name: str) -> int:
    text = row.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0
