"""Where does the exporter listen, and where does it look?"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

from checks import VERSION
from checks.core.values import Seconds
from checks.core.verdict import folder


class Listen:
    """An address to listen on: ``127.0.0.1:9877``, ``[::1]:9877``, ``name:9877``, or ``:9877`` for every address."""

    __slots__ = ("host", "port")

    def __init__(self, text: str) -> None:
        host, colon, port = text.strip().rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: an IPv6 address stands in brackets, such as [::1]:9877")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is no address to listen on, such as 127.0.0.1:9877, [::1]:9877 or :9877")
        self.host = host
        self.port = int(port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Listen({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listen) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


DEFAULT = Listen("127.0.0.1:9877")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What settings() returns, and who this is."""

    listen: Listen
    keepalived_conf: str
    haproxy_conf: str
    haproxy_sockets: tuple[str, ...]
    proc: str
    verdicts: tuple[str, ...]
    timeout: float
    version: str = VERSION
    node: str = field(default_factory=platform.node)


def settings(
    *,
    listen: Listen = DEFAULT,
    keepalived_conf: str = "/etc/keepalived/keepalived.conf",
    haproxy_conf: str = "/etc/haproxy/haproxy.cfg",
    haproxy_sockets: tuple[str, ...] = (),
    proc: str = "/proc",
    verdicts: tuple[str, ...] = (),
    timeout: Seconds = Seconds(5),
) -> Settings:
    """Where does the exporter listen, and where does it look?

    listen: address and port to serve the page and /metrics at, such as 127.0.0.1:9877 or [::1]:9877
    keepalived_conf: keepalived's configuration, whose VIPs are looked for
    haproxy_conf: HAProxy's configuration, which names its stats socket
    haproxy_sockets: stats sockets of one HAProxy in the order to try them, in place of those in its configuration
    proc: where /proc is
    verdicts: folders of published verdicts, in place of the one where this user's checks publish theirs
    timeout: what reading one source may take, in seconds
    """
    return Settings(
        listen=listen,
        keepalived_conf=keepalived_conf,
        haproxy_conf=haproxy_conf,
        haproxy_sockets=haproxy_sockets,
        proc=proc,
        verdicts=verdicts or (folder(),),
        timeout=timeout,
    )
