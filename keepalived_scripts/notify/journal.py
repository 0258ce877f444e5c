"""How do events get into the journal with their fields? By its native protocol, otherwise as a line to syslog.

The protocol is one datagram of NAME=value lines (systemd's JOURNAL_NATIVE_PROTOCOL); a value with a newline would
need a length, and ours have none.
"""

from __future__ import annotations

import socket

from vipwarden.core import syslog
from vipwarden.core.result import one_line
from vipwarden.core.syslog import ERROR, INFO, NOTICE, WARNING

__all__ = ["ERROR", "INFO", "NOTICE", "WARNING", "log", "stream"]

PROGRAM = "vipwarden-notify"
_FOLDER = "/run/systemd/journal"


def log(severity: int, text: str, fields: dict[str, object] | None = None, folder: str = _FOLDER) -> None:
    """Send one entry without waiting; without a journal the fields are dropped."""
    text = one_line(text)
    entry: dict[str, object] = {
        "MESSAGE": text,
        "PRIORITY": severity,
        "SYSLOG_IDENTIFIER": PROGRAM,
        "SYSLOG_FACILITY": 3,
    }
    entry |= {f"VIPWARDEN_{name.upper()}": value for name, value in (fields or {}).items()}
    data = "".join(f"{name}={one_line(str(value))}\n" for name, value in entry.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.sendto(data.encode("utf-8", "replace"), f"{folder}/socket")
        except OSError:
            syslog.log(PROGRAM, severity, text)


def stream(identifier: str, folder: str = _FOLDER) -> socket.socket | None:
    """Return a connection that makes each line an entry of the journal, or None without a journal.

    Daemons that a hook starts can keep writing to it, unlike to a pipe of ours.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(1)
        sock.connect(f"{folder}/stdout")
        # identifier, unit, priority, priorities by prefix, and three places to forward to: journald-stream.c
        sock.sendall(f"{one_line(identifier, 60)}\n\n{INFO}\n1\n0\n0\n0\n".encode())
        sock.settimeout(None)
    except OSError:
        sock.close()
        return None
    return sock
