"""Where does the exporter listen, and where does it look?"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may set.

    ``haproxy_sockets`` are stats sockets of one HAProxy in the order to try them; None looks for them in
    ``haproxy_conf``. ``verdicts`` are folders of published verdicts. ``deadline`` is what one collector may take,
    in seconds.
    """

    listen: Listen = field(default_factory=lambda: Listen("127.0.0.1:9877"))
    keepalived_conf: str = "/etc/keepalived/keepalived.conf"
    haproxy_conf: str = "/etc/haproxy/haproxy.cfg"
    haproxy_sockets: tuple[str, ...] | None = None
    proc: str = "/proc"
    verdicts: tuple[str, ...] = field(default_factory=lambda: (folder(),))
    version: str = "0"
    node: str = field(default_factory=platform.node)
    deadline: float = 5.0
