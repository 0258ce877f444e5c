"""Which ports of 127.0.0.1 are free for a server that has to be told its port?

They lie below those that the kernel gives to whoever asks for any (32768 and more), so that no connection takes one
away before the server listens; and each worker of pytest-xdist has a range of its own.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from itertools import cycle

_EACH = 500  # ports for each worker; there may be 40 of them
_FIRST = 10000 + _EACH * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_START = random.randrange(_EACH)  # a run on the same machine that began at another time looks elsewhere
_PORTS = cycle(_FIRST + (_START + index) % _EACH for index in range(_EACH))


def free_ports(count: int) -> list[int]:
    """Return ports that are free now and are not given out again soon."""
    found: list[int] = []
    while len(found) < count:
        port = next(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found
