"""How does a test run a command in a guest, to its end?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.commands import CODE, lacking
from tests.lab.guest import Guest, NoGuestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def ran(shared: Path, command: Sequence[str], longest: float = float("inf")) -> Guest:
    """Return a guest in which a command has run, at most so many seconds; where none boots see lacking()."""
    try:
        guest = Guest(shared, "guest", command, CODE)
        end = time.monotonic() + longest
        try:
            while guest.running() and time.monotonic() < end:
                time.sleep(0.1)
        finally:
            guest.end()
    except NoGuestError as error:
        lacking(str(error))
    return guest
