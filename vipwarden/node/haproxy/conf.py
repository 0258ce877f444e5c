"""Where can the HAProxy of a haproxy.cfg be asked?

By its ``stats socket`` lines; else at a stats page (``stats uri``, ``stats auth``) that is served without TLS on an
address of this node. The keywords are those of HAProxy's configuration manual.
"""

from __future__ import annotations

import posix
from _stat import S_ISSOCK

from vipwarden.node.haproxy.socket import HaproxyError, HaproxyMissingError, HaproxyRightError
from vipwarden.node.haproxy.source import Access, Instance, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_CONF = 16 << 20
DEFAULT_SOCKETS = (
    "/run/haproxy/admin.sock",
    "/var/lib/haproxy/stats",
    "/run/haproxy.sock",
    "/run/haproxy/haproxy.sock",
)
_PROXIES = ("defaults", "frontend", "backend", "listen")
_OTHERS = "peers resolvers mailers userlist cache program ring http-errors log-forward log-profile fcgi-app crt-store"
_SECTIONS = ("global", *_PROXIES, *_OTHERS.split(), "traces", "acme")
_DEFAULT_URI = "/haproxy?stats"


def discover(conf: str) -> list[str]:
    """Return the unix sockets that haproxy.cfg names, else the usual ones that exist; raises HaproxyError."""
    return [source.path for instance in _instances(conf, pages=False) for source in instance.sources]


def instances(conf: str) -> list[Instance]:
    """Return the HAProxy of that haproxy.cfg; several of them where ``nbproc`` gives each process its own socket.

    Sockets come first, then those over TCP, then stats pages. Raises HaproxyError, HaproxyMissingError where nothing
    looks like HAProxy.
    """
    return _instances(conf, pages=True)


def _instances(conf: str, *, pages: bool) -> list[Instance]:
    problem: HaproxyError | None = None
    try:
        text = _read(conf)
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = HaproxyRightError(f"cannot read {conf}: {error.args[-1]}")
    else:
        found = parse(text)
        if not pages:
            found = [_unix_alone(one) for one in found]
        found = [one for one in found if one.sources]
        if found:
            return found
        line = f"stats socket {DEFAULT_SOCKETS[0]} mode 660 level user"
        problem = HaproxyError(f"{conf} names no stats socket: add '{line}' to its global section")
    usual = tuple(Source(path) for path in DEFAULT_SOCKETS if _is_socket(path))
    if not usual:
        raise problem or HaproxyMissingError(f"no haproxy.cfg at {conf} and no stats socket at {DEFAULT_SOCKETS[0]}")
    return [Instance("", usual)]


def parse(text: str) -> list[Instance]:
    """Return the instances that a configuration describes; what cannot be asked from here is left out."""
    sockets: list[tuple[Source, bool]] = []
    processes = 1
    page = Page()
    for section, words in _lines(text):
        if section == "global" and words[0] == "nbproc" and words[1:2] and words[1].isdecimal():
            processes = int(words[1][:4])
        elif section == "global" and words[:2] == ["stats", "socket"] and len(words) > 2:
            source = _source(words[2])
            if source is not None and source not in [known for known, _ in sockets]:
                sockets.append((source, "process" in words))
        else:
            page.take(section, words)
    if processes > 1 and sum(own for _, own in sockets) > 1:
        return [Instance(str(source), (source,)) for source, own in sockets if own]
    ordered = sorted((source for source, _ in sockets), key=lambda source: source.scheme != "unix")
    return [Instance("", (*ordered, *page.sources()), Access(page.user))]


class Page:
    """The first stats page that can be reached; ``user`` is the USER:PASSWORD that it wants."""

    def __init__(self) -> None:
        self.user = ""
        self._found: tuple[Source, ...] = ()
        self._defaults: dict[str, str] = {}
        self._own: dict[str, str] = {}
        self._binds: list[Source] = []

    def take(self, section: str, words: list[str]) -> None:
        """Take the next line."""
        if words[0] in _SECTIONS:
            self.sources()  # the section before is whole
            self._defaults = {} if section == "defaults" else self._defaults
            self._own, self._binds = dict(self._defaults), []
        elif words[0] == "stats" and len(words) > 1:
            self._own.setdefault("uri", _DEFAULT_URI)
            if words[1] in ("uri", "auth") and len(words) > 2 and not (words[1] == "auth" and "auth" in self._own):
                self._own[words[1]] = words[2]
            if section == "defaults":
                self._defaults = self._own
        elif words[0] == "bind" and len(words) > 1 and "ssl" not in words[2:]:
            self._binds += [bind for one in words[1].split(",") if (bind := _bind(one)) is not None]

    def sources(self) -> tuple[Source, ...]:
        """Return where the page of the sections so far is, if there is one."""
        if not self._found and self._binds and "uri" in self._own:
            where = self._binds[0]
            host = f"[{where.host}]" if ":" in where.host else where.host
            try:
                self._found = (Source(f"http://{host}:{where.port}{self._own['uri']};csv"),)
            except ValueError:
                return ()
            self.user = self._own.get("auth", "")
        return self._found


def _lines(text: str) -> Iterator[tuple[str, list[str]]]:
    section = ""
    for line in text.split("\n"):
        words = line.replace("\\ ", "\x00").partition("#")[0].split()
        if words:
            section = words[0] if words[0] in _SECTIONS else section
            yield section, [word.replace("\x00", " ").strip("\"'") for word in words]


def _source(address: str) -> Source | None:
    """Read the address of a ``stats socket`` line; None for what is not on this node, or no address."""
    address = address.removeprefix("unix@")
    if address.startswith("/"):
        try:
            return Source(address)
        except ValueError:
            return None
    return _bind(address)


def _bind(address: str) -> Source | None:
    """Return where a listener is reached from this node: by loopback, if it listens on every address."""
    address = address.removeprefix("ipv4@").removeprefix("ipv6@").removeprefix("tcp4@").removeprefix("tcp6@")
    host, colon, port = address.rpartition(":")
    if not colon or "@" in address or "$" in address or "/" in address:
        return None
    host = host.strip("[]")
    host = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        return Source(f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}")
    except ValueError:  # a range of ports
        return None


def _unix_alone(instance: Instance) -> Instance:
    unix = tuple(source for source in instance.sources if source.scheme == "unix")
    return Instance(instance.name, unix, instance.access)


def _read(path: str) -> str:
    source = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
    try:
        data = b""
        while (more := posix.read(source, 1 << 20)) and len(data) < _MOST_CONF:
            data += more
    finally:
        posix.close(source)
    return data.decode("utf-8", "replace")


def _is_socket(path: str) -> bool:
    try:
        return S_ISSOCK(posix.stat(path).st_mode)
    except OSError:
        return False
