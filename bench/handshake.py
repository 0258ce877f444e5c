"""What does a page by TLS cost in Python without anything around it? A blocking socket and two ssl.MemoryBIO.

``handshake.py CA FIRST_PORT PORTS DIGEST`` prints microseconds of CPU a page.
"""

from __future__ import annotations

import hashlib
import resource
import socket
import ssl
import sys

_PAGES = 2000


def _page(context: ssl.SSLContext, port: int) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    page, asked = b"", False
    with socket.create_connection(("127.0.0.1", port)) as sock:
        while True:
            try:
                if not asked:
                    tls.do_handshake()
                    tls.write(b"GET /page HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                    asked = True
                while data := tls.read(65536):
                    page += data
            except ssl.SSLWantReadError:
                if outgoing.pending:
                    sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
            else:
                return page.partition(b"\r\n\r\n")[2]


def main() -> None:
    """Ask and print."""
    ca, first, ports, digest = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    context = ssl.create_default_context(cafile=ca)
    for number in range(-ports, _PAGES):
        if number == 0:
            begun = resource.getrusage(resource.RUSAGE_SELF)
        if hashlib.md5(_page(context, first + number % ports), usedforsecurity=False).hexdigest() != digest:
            raise SystemExit("bench: this is another page")
    ended = resource.getrusage(resource.RUSAGE_SELF)
    print((ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime) / _PAGES * 1e6)


if __name__ == "__main__":
    main()
