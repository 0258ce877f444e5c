"""Which function is the command chk_NAME or check_NAME of a plain wheel? Functions are made on demand.

Packages write faster launchers for the same functions, see packaging/launchers.py.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def __getattr__(command: str) -> Callable[[], None]:
    """Return the function of a command, which leaves by itself."""
    front_end, _, check = command.partition("_")
    modules = {"chk": "keepalived_scripts.chk", "check": "nagios_plugins.check"}
    if front_end not in modules:
        raise AttributeError(command)
    module = "keepalived_scripts.service.main" if command in ("chk_haproxy", "chk_service") else modules[front_end]

    def run() -> None:
        import_module(module).main(check, sys.argv[1:])

    return run
