"""What do the other name servers answer while the first server is silent? For commands with short deadlines.

getaddrinfo() waits for seconds before it asks the second server of /etc/resolv.conf (resolv.conf(5), timeout), so a
silent first server would fail every check of a name. Only addresses count here: whether a name exists is left to
getaddrinfo(), which follows nsswitch.conf and the order of the servers.
"""

from __future__ import annotations

import posix
import select
from _socket import AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, inet_ntop, socket
from time import monotonic

from vipwarden.core.values import is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CONF = "/etc/resolv.conf"
_TURN = 0.02  # seconds
_MOST = 3  # servers, as MAXNS of resolv.h
_MOST_NAMES = 6  # of a search list
_A, _AAAA = (AF_INET, 1, 4), (AF_INET6, 28, 16)  # family, type of record, bytes of an address


class Others:
    """The name servers after the first, all asked at once; ``addresses`` holds their answers by family."""

    __slots__ = ("_asked", "_kinds", "addresses", "sockets")

    def __init__(self, host: str, family: int) -> None:
        """Ask every server that can be reached."""
        self.addresses: dict[int, list[str]] = {}
        self.sockets: list[socket] = []
        self._kinds = [kind for kind in (_AAAA, _A) if family in (0, kind[0])]
        servers, names = _conf(host)
        self._asked: dict[bytes, tuple[bytes, tuple[int, int, int]]] = {}
        for name in names:
            for kind in self._kinds:
                question = _wire(name) + kind[1].to_bytes(2, "big") + b"\0\1"
                self._asked[posix.urandom(2)] = (question, kind)
        for server in servers[1:]:
            self._ask(server)

    def answers(self, until: float, is_over: Callable[[float], bool]) -> list[str]:
        """Return the addresses that come until a monotonic time; ``is_over`` waits for so many seconds."""
        poll = select.poll()
        for sock in self.sockets:
            poll.register(sock, select.POLLIN)
        try:
            while not self.complete and monotonic() < until and not is_over(0 if self.sockets else _TURN):
                if self.sockets and poll.poll(_TURN * 1000):
                    self.take()
                if self.addresses:  # the other family may be a moment later
                    until = min(until, monotonic() + _TURN)
            return [text for texts in self.addresses.values() for text in texts]
        finally:
            self.close()

    def _ask(self, server: str) -> None:
        try:
            sock = socket(AF_INET6 if ":" in server else AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
        except OSError:
            return
        self.sockets.append(sock)
        try:
            sock.connect((server, 53))
            for ident, (question, _) in self._asked.items():
                sock.send(ident + b"\1\0\0\1\0\0\0\0\0\0" + question)  # recursion is wanted, one question
        except OSError:
            pass  # it will not answer

    @property
    def complete(self) -> bool:
        """Whether there is an answer for each family."""
        return len(self.addresses) == len(self._kinds)

    def take(self) -> None:
        """Read the answers that have arrived."""
        for sock in self.sockets:
            try:
                while True:
                    self._read(sock.recv(65536))
            except OSError:
                continue  # no more answers, or nobody listens

    def _read(self, data: bytes) -> None:
        question, kind = self._asked.get(data[:2], (b"", _A))
        if not question or len(data) < 12 or not data[2] & 0x80 or data[3] & 0x0F:
            return  # no answer to a question of ours, or an error
        if data[12 : 12 + len(question)].lower() != question.lower():
            return
        addresses = _addresses(data, 12 + len(question), kind)
        if addresses:
            self.addresses.setdefault(kind[0], addresses)

    def close(self) -> None:
        """Close all sockets."""
        for sock in self.sockets:
            sock.close()


def _addresses(data: bytes, at: int, kind: tuple[int, int, int]) -> list[str]:
    """Return the addresses in an answer (RFC 1035, section 4.1) up to the first broken record."""
    family, wanted, size = kind
    texts = []
    for _ in range(int.from_bytes(data[6:8], "big")):
        while at < len(data) and 0 < data[at] < 0xC0:
            at += data[at] + 1
        at += 2 if at < len(data) and data[at] else 1  # a pointer, or the end of the name
        length = int.from_bytes(data[at + 8 : at + 10], "big")
        record = data[at + 10 : at + 10 + length]
        if len(record) < length or at + 10 > len(data):
            break
        if data[at : at + 4] == wanted.to_bytes(2, "big") + b"\0\1" and length == size:
            texts.append(inet_ntop(family, record))
        at += 10 + length
    return texts


def _conf(host: str) -> tuple[list[str], list[str]]:
    """Return the servers, and the names to try for a host, in the order of resolv.conf(5)."""
    servers, search, ndots = [], [], 1
    try:
        with open(CONF, "rb") as file:  # noqa: PTH123
            lines = file.read(65536).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, *words = line.split() or [""]
        if key == "nameserver" and words and _is_server(words[0]):
            servers.append(words[0])
        elif key in ("search", "domain"):
            search = words[:_MOST_NAMES]
        for word in words if key == "options" else ():
            if word.startswith("ndots:") and word[6:].isdigit():
                ndots = int(word[6:])
    if host.endswith("."):
        return servers[:_MOST], [host]
    searched = [f"{host}.{domain}" for domain in search]
    return servers[:_MOST], [host, *searched] if host.count(".") >= ndots else [*searched, host]


def _is_server(text: str) -> bool:
    try:
        return is_address(text)
    except ValueError:
        return False


def _wire(name: str) -> bytes:
    labels = [label.encode()[:63] for label in name.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
