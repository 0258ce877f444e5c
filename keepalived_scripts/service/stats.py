"""Does HAProxy answer on its stats socket? A hung HAProxy does not, although the kernel still accepts connections."""

from __future__ import annotations

import posix
from _stat import S_ISSOCK

from keepalived_scripts.service.parts import Ask
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Result, bug, one_line
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.net.oneshot import within
from vipwarden.net.stream import NetError
from vipwarden.node.haproxy.conf import DEFAULT_SOCKETS, discover
from vipwarden.node.haproxy.socket import HaproxyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepalived_scripts.service.parts import Part
    from vipwarden.net.net import Net

_MOST_ANSWER = 65536


def haproxy(conf: str, socket: str | None, host: str, port: str | None, seconds: float) -> list[Part]:
    """Return the parts that show that HAProxy answers: its stats socket, if any, and the port, if given.

    The configuration is read for so many seconds at most. Raises UsageError without both.
    """
    no_answer = ""
    try:
        sockets = [socket] if socket is not None else within(seconds, conf, lambda: _discovered(conf))
    except NetError as error:
        sockets, no_answer = [], error.text
    parts: list[Part] = [stats_socket(sockets)] if sockets else []
    if port is not None:
        try:
            parts.append(Ask(("port", "--host", host, "--port", port)))
        except ValueError as error:
            raise UsageError(str(error)) from None
    if no_answer and not parts:
        raise UsageError(no_answer)
    if not parts:
        usual = DEFAULT_SOCKETS[0]
        raise UsageError(
            f"{conf} names no stats socket that can be asked, and there is none at {usual}: add 'stats socket {usual}"
            " mode 600 level user' to its global section, or give --port, which cannot tell a hung HAProxy"
        )
    return parts


def _discovered(conf: str) -> list[str]:
    try:
        return discover(conf)
    except HaproxyError:
        return []


def stats_socket(paths: Sequence[str]) -> Part:
    """Return the part that sends ``show info`` to the first socket that answers."""

    def ask(seconds: float) -> Result:
        try:
            return run(_info(BlockingNet(), paths, seconds), seconds)
        except Exception as error:  # noqa: BLE001 - a bug of ours needs a result as well
            return bug("haproxy", error)

    return ask


async def _info(net: Net, paths: Sequence[str], timeout: float) -> Result:
    net.begin(timeout)
    errors = []
    asked, expired = False, True
    for index, path in enumerate(paths):
        net.share(len(paths) - index)
        reason = _closed_to_us(path)
        if reason:
            errors.append(reason)
            continue
        asked = True
        try:
            version = await _version(net, path)
        except NetError as error:
            errors.append(error.text)
            expired = expired and error.kind in ("expired", "filtered")
        else:
            return Result(OK, f"HAProxy {version} answers on {path}")
    return Result(CRITICAL if asked else UNKNOWN, "; ".join(errors), expired=asked and expired)


def _closed_to_us(path: str) -> str:
    """Return why a socket cannot be tried, which says nothing about HAProxy and justifies no restart."""
    try:
        there = S_ISSOCK(posix.stat(path).st_mode)
    except OSError:
        there = False
    if not there:
        return f"there is no socket {path}: was haproxy.cfg changed without a reload?"
    if not posix.access(path, posix.W_OK, effective_ids=True):
        return f"{path} is closed to this user: see 'user', 'group' and 'mode' of its 'stats socket' line"
    return ""


async def _version(net: Net, path: str) -> str:
    """Return the version in the reply to "show info"; raises NetError."""
    with await net.connect(await net.resolve(path)) as stream:
        await stream.send(b"show info\n")
        answer = b""
        while len(answer) < _MOST_ANSWER and (more := await stream.receive()):
            answer += more
    version = answer.partition(b"\nVersion: ")[2].partition(b"\n")[0]
    if not version:
        raise NetError("reset", f"{path} answered 'show info' with {one_line(answer.decode('utf-8', 'replace'), 60)!r}")
    return one_line(version.decode("utf-8", "replace"), 40)
