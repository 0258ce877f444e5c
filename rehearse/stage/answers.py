"""What does a stand-in for a server answer, by the protocol that it is asked in?"""

from __future__ import annotations

import re
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

_BANNERS = {
    21: b"220 FTP\r\n",
    22: b"SSH-2.0-OpenSSH_9.2\r\n",
    25: b"220 localhost ESMTP\r\n",
    110: b"+OK\r\n",
    119: b"200 news\r\n",
    143: b"* OK IMAP4rev1\r\n",
    587: b"220 localhost ESMTP\r\n",
}
_LINES = {21: b"230 OK\r\n", 25: b"250 OK\r\n", 110: b"+OK\r\n", 587: b"250 OK\r\n"}
_MYSQL = 3306
SPEAKS = (*_BANNERS, _MYSQL)  # ports on which the server speaks first
_METHODS = (b"GET ", b"HEAD", b"POST", b"OPTI", b"PUT ")
_MOST = 65536
_NAME_IS_AT = "198.18.255.254"  # what every name is resolved to
_COMMAND = re.compile(rb"\*[0-9]+\r\n((?:\$[0-9]+\r\n[^\r]*\r\n)+)")
_INFO = b"redis_version:7.0.0\r\nrole:master\r\nconnected_slaves:0\r\nloading:0\r\n"
_REDIS = {
    b"PING": b"+PONG\r\n",
    b"INFO": b"$%d\r\n%s\r\n" % (len(_INFO), _INFO),
    b"ROLE": b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
    b"AUTH": b"+OK\r\n",
    b"SELECT": b"+OK\r\n",
}
_SSL_REQUEST = 80877103
_BEGUN = time.time() - time.monotonic()  # the clock of a time server is not stepped with that of the node


def talk(conn: socket.socket, port: int, words: Sequence[str]) -> None:
    """Answer a client until it ends; raises OSError."""
    if port == _MYSQL:
        _mysql(conn)
        return
    conn.sendall(_BANNERS.get(port, b""))
    while data := conn.recv(_MOST):
        if data[:4] in _METHODS:
            conn.sendall(_http(data, words))
            return
        if len(data) >= 8 and data[:4] == struct.pack(">I", len(data)):
            if struct.unpack_from(">I", data, 4)[0] == _SSL_REQUEST:
                conn.sendall(b"N")
            else:
                _postgres(conn)
                return
        else:
            conn.sendall(_LINES.get(port) or _line(data, words))


def datagram(data: bytes, port: int) -> bytes:
    """Return the reply to a datagram: of a name server, a clock, or the same again."""
    if port == 53 and len(data) > 16:
        return _dns(data)
    if port == 123 and len(data) >= 48:
        now = _BEGUN + time.monotonic() + 2208988800
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        return struct.pack(">BBbb", 0x24, 2, 0, -20) + bytes(8) + b"\x7f\0\0\1" + stamp + data[40:48] + stamp + stamp
    return data


def _http(data: bytes, words: Sequence[str]) -> bytes:
    body = "".join(f"{it}\n" for it in words or ["OK"]).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + (b"" if data.startswith(b"HEAD") else body)


def _line(data: bytes, words: Sequence[str]) -> bytes:
    """Answer as Redis does, else with the words that the script looks for."""
    commands = [it[1].split(b"\r\n")[1] for it in _COMMAND.finditer(data)] or data.split()[:1]
    known = [_REDIS.get(it.upper()) for it in commands]
    if data.startswith(b"*") or any(known):
        return b"".join(it or b"+OK\r\n" for it in known)
    return "".join(f"{it}\r\n" for it in words or ["OK"]).encode()


def _mysql(conn: socket.socket) -> None:
    """Greet, let everybody in, and answer each query with a row that holds 1."""

    def send(*payloads: bytes) -> None:
        conn.sendall(
            b"".join(len(it).to_bytes(3, "little") + bytes([first + number]) + it for number, it in enumerate(payloads))
        )

    first = 0
    ok, end = b"\0\0\0\2\0\0\0", b"\xfe\0\0\2\0"
    tail = b"\x0d\x82\xff\2\0\x08\0\x15" + bytes(10) + b"b" * 12 + b"\0mysql_native_password\0"
    send(b"\x0a8.0.36\0" + struct.pack("<I", 1) + b"a" * 8 + b"\0" + tail)
    first = 2
    if not conn.recv(_MOST):
        return
    send(ok)
    first = 1
    while data := conn.recv(_MOST):
        command = data[4:5]
        if command == b"\1":
            return
        if command == b"\3" and data[5:].lstrip()[:4].lower() in (b"sele", b"show"):
            column = b"\3def\0\0\0\x011\0\x0c\x21\0\4\0\0\0\xfd\0\0\0\0\0"
            send(b"\1", column, end, b"\x011", end)
        else:
            send(b"Uptime: 1" if command == b"\x09" else ok)


def _postgres(conn: socket.socket) -> None:
    """Let everybody in, and answer each query with a row that holds 1."""
    ready = b"Z\0\0\0\5I"
    conn.sendall(b"R\0\0\0\x08\0\0\0\0" + ready)
    while data := conn.recv(_MOST):
        if data[:1] == b"X":
            return
        column = b"?column?\0" + struct.pack(">IHIHIH", 0, 0, 25, 65535, 0, 0)
        bodies = ((b"T", b"\0\1" + column), (b"D", b"\0\1\0\0\0\x011"), (b"C", b"SELECT 1\0"))
        conn.sendall(b"".join(kind + struct.pack(">I", len(it) + 4) + it for kind, it in bodies) + ready)


def _dns(data: bytes) -> bytes:
    """Return an answer with the same address for every name."""
    end = 12
    while end < len(data) and data[end]:
        end += data[end] + 1
    question = data[12 : end + 5]
    is_four = question[-4:-2] == b"\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4" + bytes(map(int, _NAME_IS_AT.split("."))) if is_four else b""
    return data[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_four else b"\0\0") + bytes(4) + question + record
