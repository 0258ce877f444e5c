"""Which connections do real servers still have? As IPVS and HAProxy of this node count them."""

from __future__ import annotations

import socket
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.net.blocking import BlockingNet
from vipwarden.node.haproxy.conf import instances
from vipwarden.node.haproxy.socket import SERVER, HaproxyError, HaproxyMissingError, report
from vipwarden.node.ipvs.read import Tables
from vipwarden.node.ipvs.table import IpvsError, IpvsMissingError
from vipwarden.state import paths
from vipwarden.state.standing import standing
from vipwarden.state.verdict import HOLD, read

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from vipwarden.config.entry import Entry
    from vipwarden.node.haproxy.source import Instance

_CONF = "/etc/haproxy/haproxy.cfg"
_TIMEOUT = 2.0  # seconds for an answer
_PAUSE = 0.5  # seconds between two looks
_MOST_SHOWN = 5


class CountError(Exception):
    """Connections cannot be counted; the text says why."""


class Server(NamedTuple):
    """A real server where somebody balances: ``weight`` is None where HAProxy does."""

    name: str
    address: str
    port: int
    connections: int
    weight: int | None = None


Place = tuple[str, int]  # an address and a port, or 0 for any port


def places(entries: Iterable[Entry]) -> set[Place]:
    """Return the addresses and ports that checks ask; raises CountError where a name has no address."""
    found: set[Place] = set()
    for entry in entries:
        host, port = str(entry.values.get("host", "")), entry.values.get("port")
        if host and not host.startswith("/"):
            found |= {(address, port if isinstance(port, int) else 0) for address in _addresses(host)}
    return found


def _addresses(host: str) -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise CountError(f"the name {host} has no address: {error.strerror}") from None


def is_known(wanted: Collection[Place]) -> bool:
    """Return whether IPVS or HAProxy of this node balances to one of the servers, as far as they can be asked."""
    try:
        return bool(_known(wanted))
    except CountError:
        return False


def until_gone(entries: Sequence[Entry], wanted: Collection[Place], seconds: float, *, known: bool = False) -> str:
    """Wait until keepalived was told and the connections have gone; return what is left after so many seconds.

    ``known`` is whether the servers were known before: then one that is taken out of the table has nothing left.
    """
    until = monotonic() + seconds
    drained = all(entry.in_maintenance != HOLD for entry in entries)
    while True:
        try:
            why = _untold(entries) or left(wanted, drained=drained, known=known)
        except CountError as error:
            return str(error)
        if not why or monotonic() + _PAUSE > until:
            return "; ".join(why)
        sleep(_PAUSE)


def _untold(entries: Iterable[Entry]) -> list[str]:
    """Return a text where the agent has not told keepalived of the maintenance yet."""
    for entry in entries:
        verdict = read(f"{paths.verdicts()}/{paths.file_name(entry.name)}")
        if verdict is None or not verdict.maintenance or not standing(verdict).is_valid:
            return [f"the agent has not told keepalived yet of {entry.name}: does it run?"]
    return []


def left(wanted: Collection[Place], *, drained: bool, known: bool = False) -> list[str]:
    """Return a text for each real server that still has connections, or with ``drained`` a weight above 0.

    Raises CountError where neither IPVS nor HAProxy of this node knows one of the servers, unless they were ``known``.
    """
    there = _known(wanted)
    if not there and not known:
        raise CountError("neither IPVS nor HAProxy of this node balances to these servers")
    texts = [f"{server.name}: {server.connections} connections" for server in there if server.connections]
    if drained:
        texts += [f"{server.name}: still has the weight {server.weight}" for server in there if server.weight]
    return [*texts[:_MOST_SHOWN], f"and {len(texts) - _MOST_SHOWN} more"] if len(texts) > _MOST_SHOWN else texts


def _known(wanted: Collection[Place]) -> list[Server]:
    return [server for server in (*_ipvs(), *_haproxy()) if _is_wanted(server, wanted)]


def _is_wanted(server: Server, wanted: Collection[Place]) -> bool:
    return (server.address, server.port) in wanted or (server.address, 0) in wanted


def _ipvs() -> Iterator[Server]:
    try:
        table = Tables().read(_TIMEOUT)
    except IpvsMissingError:
        return
    except IpvsError as error:
        raise CountError(f"IPVS: {error}") from None
    for service in table.services:
        for server in service.servers:
            name = f"IPVS {server.address}:{server.port}"
            yield Server(name, server.address, server.port, server.active, server.weight)


def _haproxy() -> Iterator[Server]:
    trouble: list[str] = []
    known = []
    for conf in _confs() or [_CONF]:
        try:
            known += instances(conf)
        except HaproxyMissingError:
            continue
        except HaproxyError as error:  # a part of it, where it has several files
            trouble.append(str(error))
    try:
        for instance in known:
            yield from _of(instance)
    except HaproxyError as error:
        trouble, known = [str(error)], []
    if trouble and not known:
        raise CountError(f"HAProxy: {trouble[0]}")


def _confs() -> list[str]:
    """Return the configurations that the HAProxy processes of this node were started with."""
    found: dict[str, None] = {}
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_bytes() != b"haproxy\n":
                continue
            words = (comm.parent / "cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")
            place = (comm.parent / "cwd").readlink()
        except OSError:
            continue  # it has ended
        wanted = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "-f"]
        wanted += words[words.index("--") + 1 :] if "--" in words else []
        for path in (place / word for word in wanted if word):
            found |= dict.fromkeys(map(str, sorted(path.glob("*.cfg")) if path.is_dir() else [path]))
    return list(found)


def _of(instance: Instance) -> Iterator[Server]:
    net = BlockingNet()
    net.begin(_TIMEOUT)
    try:
        report(net, instance.sources, commands="show info;show stat").send(None)
    except StopIteration as end:
        for row in end.value.of(SERVER):
            address, _, port = row.get("addr", "").rpartition(":")
            count = row.get("scur", "")
            if port.isdecimal() and count.isdecimal():
                name = f"HAProxy {row['pxname']}/{row['svname']}"
                yield Server(name, address.strip("[]"), int(port), int(count))
