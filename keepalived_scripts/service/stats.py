"""Does HAProxy answer on its stats socket? A hung one does not, though the kernel goes on accepting connections."""

from __future__ import annotations

import posix
from _stat import S_ISSOCK

from checks.core.blocking import BlockingNet, run
from checks.core.options import UsageError
from checks.core.result import CRITICAL, OK, UNKNOWN, Result, bug, one_line
from checks.core.stream import NetError
from keepalived_scripts.service.parts import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from checks.core.net import Net
    from keepalived_scripts.service.parts import Part

_USUAL = ("/run/haproxy/admin.sock", "/var/lib/haproxy/stats", "/run/haproxy.sock", "/run/haproxy/haproxy.sock")
_MOST_ANSWER = 65536
_MOST_CONF = 16 << 20


def haproxy(conf: str, socket: str | None, host: str, port: str | None) -> list[Part]:
    """Return what tells that HAProxy answers: its stats socket where there is one, and the port where one is given.

    Raises UsageError where there is neither.
    """
    found = (socket,) if socket is not None else sockets(conf)
    parts: list[Part] = [stats_socket(found)] if found else []
    if port is not None:
        try:
            parts.append(Ask.of("port", "--host", host, "--port", port))
        except ValueError as error:
            raise UsageError(str(error)) from None
    if not parts:
        raise UsageError(
            f"{conf} names no stats socket that can be asked, and there is none at {_USUAL[0]}: add 'stats socket"
            f" {_USUAL[0]} mode 600 level user' to its global section, or give --port, which cannot tell a hung HAProxy"
        )
    return parts


def sockets(conf: str) -> Sequence[str]:
    """Return the stats sockets that haproxy.cfg names, else the usual ones that are there."""
    try:
        named = _named(_read(conf))
    except OSError:
        named = []
    return named or [path for path in _USUAL if _is_socket(path)]


def _named(text: str) -> list[str]:
    """Return the paths of the ``stats socket`` lines; network addresses are left out."""
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
        while len(data) < _MOST_CONF and (more := posix.read(source, 1 << 20)):
            data += more
    finally:
        posix.close(source)
    return data.decode("utf-8", "replace")


def _is_socket(path: str) -> bool:
    try:
        return S_ISSOCK(posix.stat(path).st_mode)
    except OSError:
        return False


def stats_socket(paths: Sequence[str]) -> Part:
    """Return the part that asks for ``show info`` on the first of the sockets that answers."""

    def ask(seconds: float) -> Result:
        try:
            return run(_info(BlockingNet(), paths, seconds), seconds)
        except Exception as error:  # noqa: BLE001 - a bug of ours must have a result as well
            return bug("haproxy", error)

    return ask


async def _info(net: Net, paths: Sequence[str], timeout: float) -> Result:
    net.begin(timeout)
    errors = []
    asked = False
    for index, path in enumerate(paths):
        net.share(len(paths) - index)
        why = _closed_to_us(path)
        if why:
            errors.append(why)
            continue
        asked = True
        try:
            version = await _version(net, path)
        except NetError as error:
            errors.append(error.text)
        else:
            return Result(OK, f"HAProxy {version} answers on {path}")
    return Result(CRITICAL if asked else UNKNOWN, "; ".join(errors))


def _closed_to_us(path: str) -> str:
    """Return why a socket cannot even be tried, which says nothing of HAProxy's health and calls for no restart."""
    if not _is_socket(path):
        return f"there is no socket {path}: was haproxy.cfg changed without a reload?"
    if not posix.access(path, posix.W_OK, effective_ids=True):
        return f"{path} is closed to this user: see 'user', 'group' and 'mode' of its 'stats socket' line"
    return ""


async def _version(net: Net, path: str) -> str:
    """Return the version that "show info" tells; raises NetError."""
    with await net.connect(await net.resolve(path)) as stream:
        await stream.send(b"show info\n")
        answer = b""
        while len(answer) < _MOST_ANSWER and (more := await stream.receive()):
            answer += more
    version = answer.partition(b"\nVersion: ")[2].partition(b"\n")[0]
    if not version:
        raise NetError("reset", f"{path} answered 'show info' with {one_line(answer.decode('utf-8', 'replace'), 60)!r}")
    return one_line(version.decode("utf-8", "replace"), 40)
