"""Where does a redirect lead, and may it be followed?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.core.values import Choice, Host
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.options import Path, VirtualHost
from vipwarden.protocol.http.server import Server

STATUSES = (301, 302, 303, 307, 308)
MOST = 10
_SAFE = "!#$%&'()*+,/:;=?@[]~"


class Redirects(Choice):
    """Which redirects are followed: none, those to the same host, or all."""

    __slots__ = ()
    choices = ("off", "same-host", "follow")


OFF = Redirects("off")


def target(server: Server, path: str, location: str, redirects: str) -> tuple[Server, Path]:
    """Return the server and the path of a redirect (RFC 9110, 15.4); raises NetError where it is not followed.

    A redirect to the name of this server is asked of this very server, whatever addresses the name has.
    """
    from urllib.parse import quote, urljoin, urlsplit

    own = "localhost" if server.local else server.host
    here = server.virtualhost.name if server.virtualhost else own
    base = f"http{'s' if server.tls else ''}://{f'[{here}]' if ':' in here else here}"
    base += f":{server.port}" if server.port else ""
    shown = one_line(location, 60)
    try:
        escaped = quote(location.encode("latin-1"), safe=_SAFE)
        parts = urlsplit(urljoin(base + path, escaped))
        name, port = parts.hostname or "", parts.port
        to = Path(f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")
        host = Host(name)
        virtualhost = VirtualHost(parts.netloc.rpartition("@")[2])
    except ValueError:
        raise NetError("reset", f"the redirect to {shown!r} leads to no URL") from None
    if parts.scheme not in ("http", "https"):
        raise NetError("reset", f"the redirect to {shown!r} is neither http nor https")
    same = name in {here.lower(), own.lower()}
    if not same and redirects == "same-host":
        raise NetError("reset", f"the redirect to {shown!r} leads to another host")
    if server.local and same and parts.scheme == "http":
        return server, to
    moved = Server(host, port, virtualhost, tls=parts.scheme == "https", ca_file=server.ca_file)
    moved.insecure, moved.family, moved.source = server.insecure, server.family, server.source
    if same and not server.local:
        moved.host, moved.sni, moved.via = server.host, server.sni, server.via
        moved.virtualhost = server.virtualhost if (moved.port, moved.tls) == (server.port, server.tls) else virtualhost
    return moved, to
