"""What do clients see of a virtual service? Asks for its page again and again and writes a line for each request.

    client.py ADDRESS PORT [USER PASSWORD]

With a user it asks a database for its name instead. A line is TIME SECONDS WHAT: monotonic time, duration, and
``ok:`` with who answered, or why nobody did. A request that waits holds no other one up: in the same time as many are
made, whatever becomes of them.
"""

from __future__ import annotations

import socket
import sys
import time
from threading import Thread

EVERY, LOGIN_EVERY = 0.1, 0.5  # seconds from one request to the next; a login costs a guest more than a page
PATIENCE = 0.7  # seconds that a client waits for its page


def ask(address: str, port: int) -> str:
    """Return ``ok:`` and the page's last word, or what went wrong."""
    try:
        with socket.create_connection((address, port), timeout=PATIENCE) as sock:
            sock.settimeout(PATIENCE)
            sock.sendall(b"GET / HTTP/1.0\r\nHost: lab\r\n\r\n")
            answer = b""
            while more := sock.recv(4096):
                answer += more
    except TimeoutError:
        return "silence"
    except OSError as error:
        return (error.strerror or "error").replace(" ", "-")
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        return f"status-{status[0].decode() if status else 'none'}"
    return f"ok:{body.split()[-1].decode()}" if body.startswith(b"hello from ") else "wrong-page"


def query(address: str, port: int, user: str, password: str) -> str:
    """Return ``ok:`` and the name of the database server, or what went wrong."""
    import pymysql  # takes a second to load in a guest

    try:
        with (
            pymysql.connect(
                host=address, port=port, user=user, password=password, connect_timeout=1, read_timeout=PATIENCE
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT @@hostname")
            return f"ok:{cursor.fetchall()[0][0]}"
    except pymysql.MySQLError as error:
        return f"error-{error.args[0]}"


def request(address: str, port: int, login: list[str]) -> None:
    """Make one and write its line."""
    begun = time.monotonic()
    what = query(address, port, *login) if login else ask(address, port)
    sys.stdout.write(f"{begun:.3f} {time.monotonic() - begun:.3f} {what}\n")
    sys.stdout.flush()


def main() -> None:
    """Ask until killed."""
    address, port, login = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    if login:
        query(address, port, *login)
    turn, every = time.monotonic(), LOGIN_EVERY if login else EVERY
    while True:
        Thread(target=request, args=(address, port, login), daemon=True).start()
        turn = max(turn + every, time.monotonic() - every)  # what a slow guest missed it does not make up for
        time.sleep(max(0.0, turn - time.monotonic()))


if __name__ == "__main__":
    main()
