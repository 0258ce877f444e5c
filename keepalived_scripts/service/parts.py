"""Is each part of a service healthy? Its process, our checks and HAProxy's stats socket, under one deadline."""

from __future__ import annotations

import posix
from time import monotonic

from checks.core.blocking import BlockingNet, run
from checks.core.oneshot import Command
from checks.core.options import UsageError
from checks.core.result import CRITICAL, OK, UNKNOWN, Result, bug
from keepalived_scripts.service.words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from checks.core.net import Net

    Part: TypeAlias = Callable[[float], Result]  # asks within so many seconds


def no_face() -> None:
    """Add no options to those of a check."""


class Ask:
    """One of our checks with its options, such as ``port -H 127.0.0.1 -p 80``."""

    __slots__ = ("command", "words")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wrong."""
        self._set(Words(text))

    def _set(self, words: tuple[str, ...]) -> None:
        self.words = words
        try:
            self.command = Command(words[0], words[0], no_face, words[1:])
        except UsageError as error:
            raise ValueError(f"{words[0]}: {error}") from None

    @classmethod
    def of(cls, *words: str) -> Ask:
        """Build it from its words; raises ValueError with what is wrong."""
        made = cls.__new__(cls)
        made._set(words)
        return made

    def __str__(self) -> str:
        return " ".join(self.words)

    def __call__(self, seconds: float) -> Result:
        """Ask it."""
        command = self.command
        command.timeout = command.values["timeout"] = min(command.timeout, seconds)
        return command.run()[0]


def ask(parts: Sequence[Part], until: float) -> Result:
    """Return the worst of the parts' results, with the words of all that are as bad; each has its share of time."""
    results = []
    for index, part in enumerate(parts):
        results.append(part(max(0.001, (until - monotonic()) / (len(parts) - index))))
    state = max(result.state for result in results)
    texts = [result.text for result in results if result.state != OK] or [result.text for result in results]
    # nothing that could not be asked may pass for seen to be bad, nor hide what was
    seen = CRITICAL if any(result.state == CRITICAL for result in results) else state
    return Result(seen, "; ".join(texts))


def stats_socket(sockets: Sequence[str]) -> Part:
    """Return the part that asks HAProxy for ``show info`` on the first of the sockets that answers."""

    def ask_it(seconds: float) -> Result:
        try:
            return run(_info(BlockingNet(), sockets, seconds), seconds)
        except Exception as error:  # noqa: BLE001 - a bug of ours must have a result as well
            return bug("haproxy", error)

    return ask_it


async def _info(net: Net, sockets: Sequence[str], timeout: float) -> Result:
    from checks.node.haproxy import HaproxyError, parse_info
    from checks.node.haproxy import ask as ask_haproxy

    net.begin(timeout)
    errors = []
    asked = False
    for index, path in enumerate(sockets):
        net.share(len(sockets) - index)
        why = _closed_to_us(path)
        if why:
            errors.append(why)
            continue
        asked = True
        try:
            info = parse_info(await ask_haproxy(net, path, "show info"))
        except HaproxyError as error:
            errors.append(str(error))
        else:
            return Result(OK, f"HAProxy {info['Version']} answers on {path}")
    return Result(CRITICAL if asked else UNKNOWN, "; ".join(errors))


def _closed_to_us(path: str) -> str:
    """Return why a socket cannot even be tried, which says nothing of HAProxy's health and calls for no restart."""
    try:
        posix.stat(path)
    except OSError as error:
        return f"{path} cannot be tried: {error.strerror}; was haproxy.cfg changed without a reload?"
    if not posix.access(path, posix.W_OK):
        return f"{path} is closed to this user: see 'user', 'group' and 'mode' of its 'stats socket' line"
    return ""


def haproxy(conf: str, socket: str | None, host: str, port: str | None) -> list[Part]:
    """Return what tells that HAProxy answers: its stats socket where there is one, and the port where one is given.

    Raises UsageError where there is neither.
    """
    parts: list[Part] = []
    if socket is not None:
        parts.append(stats_socket((socket,)))
    else:
        from checks.node.haproxy import HaproxyError, discover

        try:
            parts.append(stats_socket(discover(conf)))
        except HaproxyError as error:
            if port is None:
                raise UsageError(f"{error}; or give --port, which cannot tell a hung HAProxy") from None
    if port is not None:
        try:
            parts.append(Ask.of("port", "--host", host, "--port", port))
        except ValueError as error:
            raise UsageError(str(error)) from None
    return parts
