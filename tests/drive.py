"""Run a check the way that its front ends do, on either driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vipwarden.core.options import complete, options, parse
from vipwarden.net.blocking import BlockingNet, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from vipwarden.core.result import Result


def oneshot(check: Callable[..., Coroutine[object, None, Result]], *arguments: str) -> Result:
    """Run a check once by the blocking driver, with its options as on the command line."""
    known = options(check)
    values = complete(known, parse(known, arguments))
    timeout = values.get("timeout", known["timeout"].default)
    return run(check(BlockingNet(), **values), cast("float", timeout))
