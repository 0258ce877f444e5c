"""Which HAProxy of this node are asked for their states? Those that are given, else those of haproxy.cfg."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.core.result import one_line
from vipwarden.events.haproxy import Haproxy
from vipwarden.node.haproxy.conf import instances
from vipwarden.node.haproxy.socket import HaproxyError, HaproxyMissingError
from vipwarden.node.haproxy.source import Instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vipwarden.events.process import Tell
    from vipwarden.node.haproxy.source import Source

_SCHEMES = "unix tcp"  # a stats page says too little
_MOST = 64  # instances: each may hang for a second
_MOST_TEXT = 200


class Haproxies:
    """All HAProxy of this node, by sockets that are ``given``, else by the path of a haproxy.cfg."""

    least, most = 10.0, 120.0

    def __init__(self, conf: str, given: Sequence[Source] = ()) -> None:
        self._conf = conf
        self._given = [Instance(source.name, (source,)) for source in given if not source.is_page]
        self._stamp: object = None
        self._known: dict[object, Haproxy] = {}
        self._trouble = ""

    @property
    def is_there(self) -> bool:
        """Whether there is something to ask."""
        return bool(self._known)

    def descriptors(self) -> Iterable[int]:
        """Yield descriptors that can be read when a process of HAProxy has ended."""
        for haproxy in self._known.values():
            yield from haproxy.descriptors()

    def look(self, tell: Tell) -> None:
        """Tell what has changed at each; raises nothing."""
        try:
            self._find()
        except HaproxyMissingError:
            self._trouble = ""
        except HaproxyError as error:
            if not self._known and not self._trouble:
                self._trouble = str(error)
                tell("source", "haproxy", state="failed", text=one_line(self._trouble, _MOST_TEXT))
        else:
            if self._trouble:
                self._trouble = ""
                tell("source", "haproxy", state="read", before="failed")
        for haproxy in self._known.values():
            haproxy.look(tell)

    def _find(self) -> None:
        """Find out whom to ask, where the configuration has changed; raises HaproxyError."""
        stamp = _stamp(self._conf)
        if self._known and (self._given or stamp == self._stamp):
            return
        places = (self._given or instances(self._conf, only=_SCHEMES))[:_MOST]
        self._stamp = stamp
        before, self._known = self._known, {}
        for place in places:
            label = place.name if len(places) > 1 else ""
            key = label, place.sources
            self._known[key] = before.pop(key) if key in before else Haproxy(place.sources, label)
        for haproxy in before.values():
            haproxy.leave()


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
