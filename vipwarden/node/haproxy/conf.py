"""Where can the HAProxy of a haproxy.cfg be asked?

By its ``stats socket`` lines; else at a stats page (``stats uri``, ``stats auth``) that is served without TLS on an
address of this node. The keywords are those of HAProxy's configuration manual.
"""

from __future__ import annotations

import posix
from _stat import S_ISSOCK

from vipwarden.core.values import endpoint
from vipwarden.node.haproxy.cfg import MOST_BYTES, binds, listener, sections
from vipwarden.node.haproxy.socket import HaproxyError, HaproxyMissingError, HaproxyRightError
from vipwarden.node.haproxy.source import Access, Instance, Source
from vipwarden.node.process import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.cfg import Section

DEFAULT_SOCKETS = (
    "/run/haproxy/admin.sock",
    "/var/lib/haproxy/stats",
    "/run/haproxy.sock",
    "/run/haproxy/haproxy.sock",
)
_DEFAULT_URI = "/haproxy?stats"


def discover(conf: str) -> list[str]:
    """Return the unix sockets in haproxy.cfg, else the usual ones that exist; raises HaproxyError."""
    return [source.path for instance in instances(conf, only="unix") for source in instance.sources]


def instances(conf: str, only: str = "") -> list[Instance]:
    """Return the HAProxy of a haproxy.cfg; several where ``nbproc`` gives each process its own socket.

    Sockets come first, then those over TCP, then a stats page; ``only`` some schemes, separated by blanks, is a choice.
    Raises HaproxyError, HaproxyMissingError where nothing looks like HAProxy.
    """
    problem: HaproxyError | None = None
    try:
        text = procfs.read(conf, MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = HaproxyRightError(f"cannot read {conf}: {error.args[-1]}")
    else:
        known = parse(text)
        for instance in known:
            instance.sources = tuple(it for it in instance.sources if not only or it.scheme in only.split())
        if any(instance.sources for instance in known):
            return [instance for instance in known if instance.sources]
        line = f"stats socket {DEFAULT_SOCKETS[0]} mode 660 level user"
        problem = HaproxyError(f"{conf} names no stats socket: add '{line}' to its global section")
    usual = tuple(Source(path) for path in DEFAULT_SOCKETS if _is_socket(path))
    if not usual:
        raise problem or HaproxyMissingError(f"no haproxy.cfg at {conf} and no stats socket at {DEFAULT_SOCKETS[0]}")
    return [Instance("", usual)]


async def sockets(net: Net, conf: str) -> list[Source]:
    """Return the stats sockets that haproxy.cfg names, else the usual ones; raises OSError, NetError."""
    try:
        text = (await net.file(conf, MOST_BYTES))[1].decode("utf-8", "replace")
    except FileNotFoundError:
        text = ""
    known = [source for instance in parse(text) for source in instance.sources if not source.is_page]
    return known or list(map(Source, DEFAULT_SOCKETS))


def parse(text: str) -> list[Instance]:
    """Return the instances of a configuration; what cannot be asked from here is left out."""
    sockets: dict[Source, bool] = {}  # and whether each is of one process
    processes = 1
    everything = sections(text)
    for line in (line for section in everything if section.kind == "global" for line in section.lines):
        words = line.words
        if words[0] == "nbproc" and words[1:2] and words[1].isdecimal():
            processes = int(words[1][:4])
        elif words[:2] == ["stats", "socket"] and len(words) > 2 and (source := _socket(words[2])) is not None:
            sockets.setdefault(source, "process" in words)
    if processes > 1 and sum(sockets.values()) > 1:
        return [Instance(str(source), (source,)) for source, is_own in sockets.items() if is_own]
    ordered = sorted(sockets, key=lambda source: source.scheme != "unix")
    page, user = next(filter(None, map(_page, everything)), (None, ""))
    return [Instance("", (*ordered, page) if page is not None else tuple(ordered), Access(user))]


def _page(section: Section) -> tuple[Source, str] | None:
    """Return the stats page of a section and the USER:PASSWORD that it wants, None where it cannot be reached."""
    stats = [line.words for line in section.all_starting("stats") if len(line.words) > 1]
    where = next((bind for bind in binds(section) if "ssl" not in bind.line.words[2:] and bind.port.isdecimal()), None)
    if not stats or where is None or section.kind not in ("frontend", "listen"):
        return None
    paths = [words[2] for words in stats if words[1] == "uri" and len(words) > 2]
    users = [words[2] for words in stats if words[1] == "auth" and len(words) > 2]
    try:
        return Source(f"http://{_place(where.address, where.port)}{[_DEFAULT_URI, *paths][-1]};csv"), (users or [""])[0]
    except ValueError:
        return None


def _place(address: str, port: str) -> str:
    """Return host and port by which this node reaches a listener: loopback where it listens on every address."""
    host = {"": "127.0.0.1", "::": "::1"}.get(address, address)
    return endpoint(host, port)


def _socket(address: str) -> Source | None:
    """Return the source of a ``stats socket`` line, None for what is not on this node, or no address."""
    address = address.removeprefix("unix@")
    where = listener(address)
    try:
        return Source(address) if address.startswith("/") else Source(f"tcp://{_place(*where)}") if where else None
    except ValueError:  # a range of ports
        return None


def _is_socket(path: str) -> bool:
    try:
        return S_ISSOCK(posix.stat(path).st_mode)
    except OSError:
        return False
