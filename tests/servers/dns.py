"""Real DNS servers on loopback: knot, the authority of two zones, and unbound, which forwards to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_KNOT = """
server:
    rundir: {folder}
    listen: [ {listen} ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {folder}
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
zone:
  - domain: example.org
  - domain: other.example
"""
_ZONE = """
$ORIGIN {name}.
$TTL 300
@ SOA ns hostmaster 2026010101 7200 3600 86400 60
@ NS ns
@ MX 10 mail
@ TXT "v=spf1 -all"
ns A 127.0.0.1
www A 192.0.2.11
www 600 AAAA 2001:db8::11
mail A 192.0.2.25
web CNAME www
away CNAME www.example.net.
{many}
"""
_UNBOUND = """
server:
    directory: "{folder}"
    pidfile: "{folder}/unbound.pid"
    chroot: ""
    username: ""
    use-syslog: no
    interface: 127.0.0.1@{port}
    num-threads: 1
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "other.example." static
    local-data: "other.example. 60 SOA ns. hostmaster. 7 7200 3600 86400 60"
    local-zone: "refused.example." refuse
forward-zone:
    name: "example.org"
    forward-addr: 127.0.0.1@{upstream}
remote-control:
    control-enable: no
"""


@contextmanager
def knot(folder: Path, more: Iterable[int] = ()) -> Iterator[int]:
    """Run knot with its files in ``folder`` and yield its port; big.example.org does not fit into a datagram.

    It listens on ``more`` ports as well.
    """
    many = "\n".join(f"big A 192.0.2.{number}" for number in range(100, 250))
    for name in ("example.org", "other.example"):
        (folder / f"{name}.zone").write_text(_ZONE.format(name=name, many=many))
    (port,) = free_ports(1)
    config = folder / "knot.conf"
    listen = ", ".join(f"127.0.0.1@{number}" for number in (port, *more))
    config.write_text(_KNOT.format(folder=folder, listen=listen))
    with daemon([program("knotd"), "-c", str(config)], folder / "knot.log", lambda: _answers(port)):
        yield port


@contextmanager
def unbound(folder: Path, upstream: int) -> Iterator[int]:
    """Run unbound with its files in ``folder`` before a knot on that port, and yield its own port."""
    (port,) = free_ports(1)
    config = folder / "unbound.conf"
    config.write_text(_UNBOUND.format(folder=folder, port=port, upstream=upstream))
    command = [program("unbound"), "-d", "-p", "-c", str(config)]
    with daemon(command, folder / "unbound.log", lambda: _answers(port)):
        yield port


def _answers(port: int) -> bool:
    query = dns.message.make_query("example.org", "SOA")
    try:
        return bool(dns.query.udp(query, "127.0.0.1", timeout=0.1, port=port).answer)
    except (OSError, dns.exception.DNSException):
        return False
