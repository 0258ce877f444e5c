"""Do the options of a check contradict each other? A check says so before it waits for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from vipwarden.core.result import UNKNOWN
from vipwarden.net.net import Net

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vipwarden.core.registry import Check


class _Begun(BaseException):
    """The check accepts its options and begins."""


class _Nowhere(Net):
    """A Net on which every check ends where it would begin."""

    __slots__ = ()

    def _begin(self, *_: object, **__: object) -> NoReturn:
        raise _Begun

    resolve = wait = pause = lookup = connect = file = away = beside = once = _begin


def contradiction(function: Check, values: Mapping[str, object]) -> str:
    """Return why a check with these options can never be healthy, "" if it may be."""
    run = function(_Nowhere(), **values)
    try:
        run.send(None)
    except StopIteration as end:
        return str(end.value.text) if end.value.state == UNKNOWN else ""
    except (_Begun, Exception):  # noqa: BLE001 - a bug shows when it runs
        return ""
    finally:
        run.close()
    return ""
