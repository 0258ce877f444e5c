"""Which checks are there? Every module in checks/ is a check."""

from __future__ import annotations

import posix

from vipwarden.core.options import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeAlias

    from vipwarden.core.result import Result

    Check: TypeAlias = Callable[..., Coroutine[object, None, Result]]

_FOLDER = __file__.rpartition("/vipwarden/")[0] + "/checks"


def names() -> list[str]:
    """Return the names of all checks."""
    return sorted(name[:-3] for name in posix.listdir(_FOLDER) if name.endswith(".py") and name[0] != "_")


def load(name: str) -> Check:
    """Import a check and return its function; raises UsageError for an unknown name."""
    if name not in names():
        raise UsageError(f"there is no check {name!r}; there are {', '.join(names())}")
    check: Check = getattr(__import__(f"checks.{name}", fromlist=[name]), name)
    return check


def questions() -> dict[str, str]:
    """Return what each check asks, by name."""
    return {name: (load(name).__doc__ or "").partition("\n")[0] for name in names()}
