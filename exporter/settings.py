"""Which options has the exporter?"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, fields
from typing import Any

from exporter.choice import ALL, CheckStatus, Choice, Pattern
from exporter.peer import Access, Peer
from vipwarden import VERSION
from vipwarden.core.listen import Listen
from vipwarden.core.options import Folder  # noqa: TC001 - options() looks it up
from vipwarden.core.values import Count, Seconds
from vipwarden.node.haproxy.source import AuthFile, Source  # noqa: TC001 - options() builds them
from vipwarden.state import paths


class Many(Count):
    """A number from 1 to 65536."""

    __slots__ = ()
    LEAST, MOST, WANTED = 1, 65536, "a number from 1 to 65536 is wanted"


DEFAULT = Listen("127.0.0.1:9877")
_CONNECTIONS, _SCRAPES = Many("256"), Many("128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of settings(), and the name and version of this node."""

    listen: tuple[Listen, ...]
    web_config: str | None
    keepalived_conf: str
    keepalived_pidfile: str | None
    keepalived_interval: float
    keepalived_states: tuple[str, ...]
    haproxy_conf: str
    haproxy: tuple[Source, ...]
    haproxy_auth_file: tuple[AuthFile, ...]
    haproxy_ca_file: str | None
    haproxy_choice: Choice
    peers: tuple[Peer, ...]
    peer_access: Access
    proc: str
    verdicts: tuple[str, ...]
    events: tuple[str, ...]
    timeout: float
    max_connections: int
    max_scrapes: int
    version: str = VERSION
    node: str = field(default_factory=platform.node)


def settings(
    *,
    listen: tuple[Listen, ...] = (DEFAULT,),
    web_config: str | None = None,
    keepalived_conf: str = "/etc/keepalived/keepalived.conf",
    keepalived_pidfile: str | None = None,
    keepalived_interval: Seconds = Seconds(3),
    keepalived_states: tuple[str, ...] = (),
    haproxy_conf: str = "/etc/haproxy/haproxy.cfg",
    haproxy: tuple[Source, ...] = (),
    haproxy_auth_file: tuple[AuthFile, ...] = (),
    haproxy_ca_file: str | None = None,
    haproxy_only_proxies: Pattern | None = None,
    haproxy_without_proxies: Pattern | None = None,
    haproxy_only_servers: Pattern | None = None,
    haproxy_without_servers: Pattern | None = None,
    haproxy_only_metrics: Pattern | None = None,
    haproxy_without_metrics: Pattern | None = None,
    haproxy_without_maint: bool = False,
    check_status: CheckStatus = ALL,
    haproxy_down_by_design: Pattern | None = None,
    peers: tuple[Peer, ...] = (),
    peer_auth_file: tuple[AuthFile, ...] = (),
    peer_ca_file: str | None = None,
    peer_cert_file: str | None = None,
    proc: str = "/proc",
    verdicts: tuple[str, ...] = (),
    events: Folder | None = None,
    timeout: Seconds = Seconds(5),
    max_connections: Many = _CONNECTIONS,
    max_scrapes: Many = _SCRAPES,
) -> Settings:
    """Where does the exporter listen, and what does it read?

    listen: address and port for the page and /metrics, such as 127.0.0.1:9877, [::1]:9877 or :9877 for all addresses
    web_config: TLS, client certificates and passwords, in a web configuration file of Prometheus' exporter-toolkit
    keepalived_conf: keepalived's configuration
    keepalived_pidfile: keepalived's pidfile, in place of those in its usual places
    keepalived_interval: minimum seconds between two requests to keepalived, which logs each
    keepalived_states: folders of the states recorded by notify, in place of its own and /run/vipwarden/vrrp
    haproxy_conf: HAProxy's configuration, which has its stats socket or stats page
    haproxy: a HAProxy in place of those of haproxy_conf, [NAME=]unix:/PATH, tcp://HOST:PORT or http://HOST:PORT/PATH;csv
    haproxy_auth_file: [NAME=]/PATH of a file with the line USER:PASSWORD, for the stats page of that name or for all
    haproxy_ca_file: certificates of the CAs that a stats page over https is verified by, in place of the system's
    haproxy_only_proxies: regular expression for whole names of proxies that have series
    haproxy_without_proxies: and for those that have none
    haproxy_only_servers: regular expression for whole names of servers that have series
    haproxy_without_servers: and for those that have none
    haproxy_only_metrics: regular expression for whole names of haproxy_ metrics that are exported
    haproxy_without_metrics: and for those that are not
    haproxy_without_maint: no series for servers in maintenance, such as empty slots of a server-template
    check_status: series of HAProxy's check results: all (16 for each server) or active (only the current result)
    haproxy_down_by_design: regular expression for backends of which one server is UP by design, such as a leader's
    peers: exporters of the other nodes, [NAME=]http[s]://HOST[:PORT], whose VIPs the page compares with its own
    peer_auth_file: [NAME=]/PATH of a file with the line USER:PASSWORD, for the peer of that name or for all
    peer_ca_file: certificates of the CAs that peers over https are verified by, in place of the system's
    peer_cert_file: certificate and key, in one file, that peers want of clients
    proc: where /proc is
    verdicts: folders of published verdicts, in place of those of this user's and of root's checks
    events: folder of the recorded events, in place of that of this user's or of root's recorder
    timeout: deadline in seconds for reading a source; less if Prometheus waits for less
    max_connections: limit of open connections; the one that is idle for longest gives way to a new one
    max_scrapes: limit of simultaneous requests that read sources; others are answered by 503
    """
    given: dict[str, Any] = locals()
    names = {it.name: f"haproxy_{it.name}" for it in fields(Choice)} | {"check_status": "check_status"}
    choice = Choice(**{name: given.pop(option) for name, option in names.items()})
    access = Access(*(given.pop(f"peer_{name}") for name in ("auth_file", "ca_file", "cert_file")))
    given["keepalived_states"] = keepalived_states or tuple(dict.fromkeys((paths.vrrp(), paths.vrrp(paths.ROOT))))
    given["verdicts"] = verdicts or tuple(dict.fromkeys((paths.verdicts(), paths.verdicts(paths.ROOT))))
    given["events"] = (events,) if events else tuple(dict.fromkeys((paths.history(), paths.HISTORY)))
    return Settings(**given, haproxy_choice=choice, peer_access=access)
