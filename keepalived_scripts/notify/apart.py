"""How do the site's programs keep the rights that they need, where the unit of the reader has next to none?

systemd runs each of them as a unit of its own and ends it at the limit; systemd-run(1) waits for it in between. The
reader's unit asks for that by $VIPWARDEN_APART; scripts of keepalived have its rights and start them directly.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def apart(command: Sequence[str], environ: Mapping[str, str], timeout: float) -> list[str]:
    """Return the command that runs another one, with more in its environment, for at most ``timeout`` seconds."""
    if os.environ.get("VIPWARDEN_APART") != "1":
        return list(command)
    return [
        "systemd-run",
        *("--quiet", "--collect", "--wait", "--pipe"),
        # a STOP at shutdown has hooks as well, when systemd starts no ordinary unit any more
        *("--property=DefaultDependencies=no", f"--property=RuntimeMaxSec={timeout:g}", "--property=TimeoutStopSec=2"),
        *(f"--setenv={name}={value}" for name, value in environ.items()),
        "--",
        *command,
    ]
