"""How does systemd learn that a service is ready, alive, or about to end? By sd_notify(3), without its library."""

from __future__ import annotations

import os
import socket


def notify(*lines: str) -> bool:
    """Send assignments such as READY=1 to who started this process; return whether somebody listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto("\n".join(lines).encode(), path.replace("@", "\0", 1) if path[0] == "@" else path)
    except OSError:  # nobody listens, or no descriptors are left
        return False
    return True
