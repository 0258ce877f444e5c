"""Who may hand events over to the recorder without writing root's spool, and of which kinds?

The users of keepalived's scripts, and that of the exporter, which systemd makes up at each start (DynamicUser=).
"""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from vipwarden.events.event import Event
    from vipwarden.node.keepalived.conf import Block

SCRIPTS = frozenset(("check", "restart", "server", "vrrp"))
COLLECTORS = frozenset(("source",))
EXPORTER = "exporter"  # who tells of its collectors
_USUAL = "keepalived_script"  # keepalived's default, keepalived.conf(5)
_UNIT = "vipwarden-exporter"  # whose user has its name
_NOBODY = 0xFFFFFFFF  # (uid_t) -1
_DYNAMIC = "/run/systemd/dynamic-uid/direct:"  # links from a name to its number: core/dynamic-user.c of systemd


class Senders:
    """The users by a keepalived.conf, as it is now, and their kinds of events."""

    def __init__(self, conf: str) -> None:
        self._conf = conf
        self._stamp: tuple[int, ...] = ()
        self._scripts: dict[int, str] = {}

    def known(self) -> dict[int, frozenset[str]]:
        """Return the kinds by the number of the user; raises nothing."""
        kinds = dict.fromkeys(self._script_users(), SCRIPTS)
        if (user := _exporter()) is not None:
            kinds[user] = kinds.get(user, frozenset()) | COLLECTORS
        return kinds

    def name(self, user: int) -> str:
        """Return the name of a user of keepalived's scripts, of others their number: to look it up may take long."""
        return self._scripts.get(user, str(user))

    def _script_users(self) -> dict[int, str]:
        try:
            status = os.stat(self._conf)  # noqa: PTH116
            stamp: tuple[int, ...] = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._scripts = _numbers(script_users(parse(self._conf)))
            self._stamp = stamp
        except (ConfError, OSError):
            self._scripts = self._scripts or _numbers({_USUAL})
        return self._scripts


def script_users(conf: Block) -> set[str]:
    """Return the users as which a keepalived.conf runs scripts: script_user, and ``user`` of a vrrp_script."""
    named = [block.value("script_user") for block in conf.named("global_defs")]
    named += [block.value("user") for block in conf.named("vrrp_script")]
    return {_USUAL, *filter(None, named)}


def is_allowed(event: Event, kinds: frozenset[str]) -> bool:
    """Return whether an event is of these kinds; a collector is not taken for what the recorder itself reads."""
    return event.kind in kinds and (event.kind not in COLLECTORS or event.by == event.of == EXPORTER)


def _numbers(names: set[str]) -> dict[int, str]:
    """Return the names by the numbers of the users, among them root and who runs this."""
    found = {user: str(user) for user in (0, os.geteuid())}
    for name in names:
        with suppress(KeyError, ValueError):
            found[_number(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid] = name
    return found


def _number(text: str) -> int:
    """Return the number of a user; raises ValueError where it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < _NOBODY):
        raise ValueError(f"{text} is no number of a user")
    return int(text)


def _exporter() -> int | None:
    """Return the user of the exporter's unit, None where it has none now."""
    try:
        return _number(os.readlink(_DYNAMIC + _UNIT))  # noqa: PTH115
    except (OSError, ValueError):
        return None
