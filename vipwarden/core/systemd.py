"""How does systemd learn that a service is ready, alive or stopping? By sd_notify(3), without its library."""

from __future__ import annotations

import os
import socket


def notify(*lines: str) -> bool:
    """Send assignments such as READY=1 to $NOTIFY_SOCKET; return whether systemd listens there."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto("\n".join(lines).encode(), path.replace("@", "\0", 1) if path[0] == "@" else path)
    except OSError:  # no listener, or no descriptors left
        return False
    return True
