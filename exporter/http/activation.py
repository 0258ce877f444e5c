"""Which sockets did systemd open for this service, by sd_listen_fds(3)?"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_FIRST = 3  # SD_LISTEN_FDS_START
_MOST = 64


class ActivationError(Exception):
    """A passed descriptor is no listening socket."""


def activated(environ: MutableMapping[str, str] = os.environ, first: int = _FIRST) -> list[socket.socket]:
    """Return the listening sockets that were passed; raises ActivationError.

    Removes the variables from the environment: children must not see them.
    """
    number, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or number == "0":
        return []
    if not number.isascii() or not number.isdigit() or int(number) > _MOST:
        raise ActivationError(f"LISTEN_FDS is {number!r}, but a number of sockets is wanted")
    return [_listening(descriptor) for descriptor in range(first, first + int(number))]


def _listening(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
        if sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return sock
    except OSError as error:
        raise ActivationError(f"descriptor {descriptor} of LISTEN_FDS cannot be used: {error.strerror}") from None
    sock.detach()
    wanted = "a listening stream socket is wanted: ListenStream= and Accept=no in the socket unit"
    raise ActivationError(f"descriptor {descriptor} of LISTEN_FDS is none to accept connections from; {wanted}")
