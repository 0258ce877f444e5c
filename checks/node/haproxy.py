"""What does HAProxy say of itself on its stats socket?

The commands are those of HAProxy's management guide, "show info" and "show stat"; a socket of ``level user`` is
enough for both. The columns of the latter are read by their names: each version has more of them.
"""

from __future__ import annotations

import posix
from _csv import Error as CsvError
from _csv import reader
from _stat import S_ISSOCK

from checks.core.net import Address
from checks.core.result import one_line
from checks.core.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from checks.core.net import Net

_AF_UNIX = 1
_MOST_ANSWER = 64 << 20
_MOST_CONF = 16 << 20
DEFAULT_SOCKETS = (
    "/run/haproxy/admin.sock",
    "/var/lib/haproxy/stats",
    "/run/haproxy.sock",
    "/run/haproxy/haproxy.sock",
)
FRONTEND, BACKEND, SERVER, LISTENER = "0", "1", "2", "3"  # the column "type"


class HaproxyError(Exception):
    """HAProxy cannot be asked, or answers what is not understood."""


class HaproxyMissingError(HaproxyError):
    """Nothing on this node looks like HAProxy."""


class Report:
    """What a process answered: ``info`` by name, and a row by column name for each proxy, server and listener."""

    __slots__ = ("info", "rows", "socket")

    def __init__(self, socket: str, info: dict[str, str], rows: list[dict[str, str]]) -> None:
        self.socket = socket
        self.info = info
        self.rows = rows

    def of(self, kind: str) -> list[dict[str, str]]:
        """Return the rows of FRONTEND, BACKEND, SERVER or LISTENER."""
        return [row for row in self.rows if row.get("type") == kind]


async def report(net: Net, sockets: Sequence[str]) -> Report:
    """Ask the first socket that answers, within the deadline of the Net; raises HaproxyError with what each said."""
    errors = []
    for index, path in enumerate(sockets):
        net.share(len(sockets) - index)
        try:
            info = parse_info(await ask(net, path, "show info"))
            return Report(path, info, parse_stat(await ask(net, path, "show stat")))
        except HaproxyError as error:
            errors.append(str(error))
    raise HaproxyError("; ".join(errors) or "no stats socket to ask")


async def ask(net: Net, path: str, command: str) -> str:
    """Return the whole answer to one command; raises HaproxyError."""
    answer = []
    size = 0
    try:
        with await net.connect([Address(_AF_UNIX, path)]) as stream:
            await stream.send(command.encode() + b"\n")
            while more := await stream.receive():
                answer.append(more)
                size += len(more)
                if size > _MOST_ANSWER:
                    raise HaproxyError(f"{path} does not end its answer to {command!r}")
    except NetError as error:
        raise HaproxyError(error.text) from None
    return b"".join(answer).decode("utf-8", "replace")


def parse_info(text: str) -> dict[str, str]:
    """Return the lines ``name: value`` of "show info"; raises HaproxyError."""
    found = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    if "Version" not in found:
        raise HaproxyError(f"'show info' was answered with {one_line(text, 60)!r}")
    return found


def parse_stat(text: str) -> list[dict[str, str]]:
    """Return a dict by column name for each row of "show stat"; raises HaproxyError."""
    try:
        rows = reader(line + "\n" for line in text.split("\n"))
        header = next(rows, [])
        if not header or header[0] != "# pxname":
            raise HaproxyError(f"'show stat' was answered with {one_line(text, 60)!r}")
        header[0] = "pxname"
        found = [dict(zip(header, row, strict=False)) for row in rows if row and row != [""]]
    except CsvError as error:
        raise HaproxyError(f"'show stat' was answered with a broken table: {error}") from None
    if any("svname" not in row for row in found):
        raise HaproxyError("'show stat' was answered with a table that was cut off")
    return found


def first_word(status: str) -> str:
    """Return UP, DOWN, MAINT, DRAIN, NOLB and so on from a status such as ``UP 1/3`` or ``MAINT (via be/srv)``.

    A server that is not checked (``no check``) is taken for UP, as HAProxy itself does.
    """
    return "UP" if status == "no check" else status.partition(" ")[0]


def discover(conf: str) -> list[str]:
    """Return the stats sockets that haproxy.cfg names, else the usual ones that exist; raises HaproxyError."""
    try:
        found = parse_sockets(_read(conf))
    except FileNotFoundError:
        problem = None
    except OSError as error:
        problem = HaproxyError(f"cannot read {conf}: {error.args[-1]}")
    else:
        if found:
            return found
        line = f"stats socket {DEFAULT_SOCKETS[0]} mode 660 level user"
        problem = HaproxyError(f"{conf} names no stats socket: add '{line}' to its global section")
    usual = [path for path in DEFAULT_SOCKETS if _is_socket(path)]
    if not usual:
        raise problem or HaproxyMissingError(f"no haproxy.cfg at {conf} and no stats socket at {DEFAULT_SOCKETS[0]}")
    return usual


def parse_sockets(text: str) -> list[str]:
    """Return the paths of the ``stats socket`` lines of a haproxy.cfg; addresses that are no paths are left out."""
    found = []
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        if words[:2] == ["stats", "socket"] and len(words) > 2:
            path = words[2].strip("\"'").removeprefix("unix@")
            if path.startswith("/") and path not in found:
                found.append(path)
    return found


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
