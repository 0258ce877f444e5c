"""How is a line logged without waiting for syslog?"""

from __future__ import annotations

import _socket
import posix

_DAEMON = 3 << 3
ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6


def log(program: str, severity: int, text: str, path: str = "/dev/log") -> bool:
    """Send one line (RFC 3164) to the local syslog; return whether the socket took it.

    syslog(3) would block on a daemon that hangs; a health check loses its line instead.
    """
    line = f"<{_DAEMON | severity}>{program}[{posix.getpid()}]: {text}"
    for kind in (_socket.SOCK_DGRAM, _socket.SOCK_STREAM):
        try:
            sock = _socket.socket(_socket.AF_UNIX, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
        except OSError:  # no descriptors left
            return False
        try:
            sock.connect(path)
            sock.send(line.encode("utf-8", "replace") + (b"\0" if kind == _socket.SOCK_STREAM else b""))
            return True
        except OSError as error:
            if error.errno != 91:  # EPROTOTYPE: a stream socket
                return False
        finally:
            sock.close()
    return False
