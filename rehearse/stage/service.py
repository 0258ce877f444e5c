"""A stand-in for a server: a process of its name, with its ports, sockets and PID files. Run by ``holder.py``."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from rehearse.stage.answers import SPEAKS, datagram, talk
from rehearse.stage.cmdline import show

_MOST = 64  # clients at a time
_IDLE = 30  # seconds
_TLS = b"\x16"


def main() -> None:
    """Serve what the input says, until the end."""
    serve(json.load(sys.stdin))


def serve(given: dict[str, Any]) -> None:
    """Be a process of that name, and serve what is given, until the end."""
    if given.get("command"):
        show(given["command"])
    Path("/proc/self/comm").write_bytes((given.get("comm") or given["name"]).encode()[:15])
    for _ in range(1, given.get("copies", 1)):
        if not os.fork():
            while True:
                signal.pause()
    secure = _secure(given["certificate"]) if given["certificate"] else None
    os.chroot(given["root"])
    os.chdir("/")
    threads = []
    room = threading.Semaphore(_MOST)
    for protocol, port in given["listens"]:
        for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):  # noqa: S104 - of a stage
            kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
            with suppress(OSError):  # there is no such family, or a real server has this port
                listener = socket.socket(family, kind)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind((address, port))
                if protocol == "tcp":
                    listener.listen(_MOST)
                    more = (port, given["words"], secure, room)
                    threads.append(threading.Thread(target=_accept, args=(listener, *more)))
                else:
                    threads.append(threading.Thread(target=_reply, args=(listener, port)))
    for path in given["sockets"]:
        with suppress(OSError):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            Path(path).chmod(0o777)
            listener.listen(_MOST)
            port = 3306 if "mysql" in path or "maria" in path else 0
            threads.append(threading.Thread(target=_accept, args=(listener, port, given["words"], None, room)))
    for path in given["pidfiles"]:
        with suppress(OSError):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(f"{os.getpid()}\n", encoding="ascii")
    for thread in threads:
        thread.daemon = True
        thread.start()
    os.write(1, b"ready\n")
    threading.Event().wait()


def _secure(certificate: str) -> ssl.SSLContext | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with suppress(OSError):
        context.load_cert_chain(certificate)
        return context
    return None


def _accept(
    listener: socket.socket, port: int, words: list[str], secure: ssl.SSLContext | None, room: threading.Semaphore
) -> None:
    while True:
        with room:
            conn, _ = listener.accept()
        threading.Thread(target=_serve, args=(conn, port, words, secure, room), daemon=True).start()


def _serve(
    conn: socket.socket, port: int, words: list[str], secure: ssl.SSLContext | None, room: threading.Semaphore
) -> None:
    with room, suppress(OSError, ValueError), conn:
        conn.settimeout(_IDLE)
        if secure is not None and port not in SPEAKS and conn.recv(1, socket.MSG_PEEK) == _TLS:
            with secure.wrap_socket(conn, server_side=True) as hidden:
                talk(hidden, port, words)
        else:
            talk(conn, port, words)


def _reply(listener: socket.socket, port: int) -> None:
    while True:
        with suppress(OSError):
            data, client = listener.recvfrom(65536)
            listener.sendto(datagram(data, port), client)


if __name__ == "__main__":
    main()
