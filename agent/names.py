"""Which addresses has a name? Asked off the hot path: a check takes what is known, and never waits but once.

Answers live for their TTL and are asked for again once it has passed. Where nobody answers the last good one is kept,
also over a restart; that there is no such name is an answer. /etc/hosts goes before DNS, whose servers and search list
are those of /etc/resolv.conf. A name that is asked for the first time goes before those that did not answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from agent import remembered
from agent.hosts import TTL, Hosts
from vipwarden.core.values import is_address
from vipwarden.net.net import Address, numeric

if TYPE_CHECKING:
    from collections.abc import Callable

    import dns.asyncresolver

_LEAST_TTL, _MOST_TTL = 1.0, 86400.0
_NEGATIVE_TTL = 5.0  # seconds for which there is no such name
_LONGEST_PAUSE = 10.0  # seconds until a name is asked for again that nobody answers, from one second up
_LIFETIMES = (2.0, 5.0)  # seconds for one question, to all servers together: the first one, and later ones
_PATIENCE = 0.4  # seconds until the next server is asked as well
_AT_ONCE = 48  # questions
_AGAIN_AT_ONCE = 16  # of them for names that did not answer
_SAVE = 10.0  # seconds between two writings of what is known
_NOT_KNOWN = (socket.EAI_NONAME, "Name or service not known")
_NO_ANSWER = (socket.EAI_AGAIN, "Temporary failure in name resolution")


class _Name:
    """What is known of one name."""

    __slots__ = ("addresses", "asking", "error", "expires", "failures", "waiting")

    def __init__(self, addresses: list[Address]) -> None:
        self.addresses = addresses  # of the last good answer
        self.error = _NO_ANSWER  # where there never was one
        self.expires = 0.0
        self.failures = 0  # in a row
        self.asking = False  # or about to be asked for
        self.waiting: dict[object, Callable[[], None]] = {}  # by who waits: one each, however often it asked


class Names:
    """The names of all checks; ``say`` is told of trouble, once for each time that it begins."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._names: dict[str, _Name] = {}
        self._known: dict[tuple[str, int], tuple[list[Address], _Name | None]] = {}
        self._hosts = Hosts()
        self._first: deque[str] = deque()  # to be asked for
        self._again: deque[str] = deque()
        self._tasks: dict[asyncio.Task[None], bool] = {}  # whether it is one of those that did not answer
        self._again_running = 0
        self._resolver: tuple[float, dns.asyncresolver.Resolver | None] = (0.0, None)
        self._path = ""
        self._saved: dict[str, list[Address]] = {}
        self._changed = False
        self._due = 0.0

    def remember(self, runtime: str) -> None:
        """Begin with what an earlier agent knew, and keep what is known for the next one."""
        self._path = f"{runtime}/{remembered.NAME}"
        self._saved = remembered.read(self._path)

    def save(self, *, now: bool = False) -> None:
        """Write down what is known, if that has changed and was not written a moment ago."""
        if not self._path or not self._changed or (monotonic() < self._due and not now):
            return
        self._due = monotonic() + _SAVE
        self._changed = False
        known = {host: name.addresses for host, name in self._names.items()}
        remembered.write(self._path, {**self._saved, **known}, self._say)

    def close(self) -> None:
        """Ask no more."""
        self._first.clear()
        self._again.clear()
        for task in self._tasks:
            task.cancel()
        self.save(now=True)

    def known(self, host: str, family: int) -> list[Address] | None:
        """Return the addresses that are known of a host, or None; what has grown old is asked for meanwhile."""
        found = self._known.get((host, family))
        if found is None:
            return self._numeric(host, family)
        known, name = found
        if name is not None and name.expires < monotonic() and not name.asking:
            self._begin(host, name)
            found = self._known.get((host, family))
            known = found[0] if found is not None else []
        return known or None

    def ask(self, host: str, who: object, told: Callable[[], None]) -> bool:
        """Return whether an answer is there; else ``told`` is called when it is."""
        name = self._names.get(host)
        if name is None:
            name = self._names[host] = _Name(self._saved.pop(host, []))
        if name.expires < monotonic() and not name.asking:
            self._begin(host, name)
        if name.expires >= monotonic() or name.addresses:
            return True
        name.waiting[who] = told
        return False

    def found(self, host: str, family: int) -> list[Address]:
        """Return what an answer says; raises OSError where it says nothing of the family."""
        name = self._names[host]
        found = [address for address in name.addresses if family in (0, address.family)]
        if not found:
            raise OSError(*(name.error if not name.addresses else _NOT_KNOWN))
        self._known[host, family] = (found, name)
        return found

    def _numeric(self, host: str, family: int) -> list[Address] | None:
        if host.startswith("/"):
            found = [Address(socket.AF_UNIX, host)]
        else:
            try:
                if not is_address(host):
                    return None
                found = numeric(host, family)
            except (OSError, ValueError):
                return None  # whoever resolves it will say why
        self._known[host, family] = (found, None)
        return found

    def _begin(self, host: str, name: _Name) -> None:
        listed = self._hosts.of(host)
        if listed:
            if listed is not name.addresses:
                self._learn(host, name, listed)
            name.expires = monotonic() + TTL
            return
        name.asking = True
        (self._again if name.failures else self._first).append(host)
        self._pump()

    def _pump(self) -> None:
        """Begin the questions that may be asked now."""
        while len(self._tasks) < _AT_ONCE:
            again = not self._first
            if again and (not self._again or self._again_running >= _AGAIN_AT_ONCE):
                return
            host = (self._again if again else self._first).popleft()
            task = asyncio.get_running_loop().create_task(self._ask(host, self._names[host]))
            self._tasks[task] = again
            self._again_running += again
            task.add_done_callback(self._asked)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._again_running -= self._tasks.pop(task)
        if not task.cancelled():
            self._pump()

    async def _ask(self, host: str, name: _Name) -> None:
        try:
            found, seconds = await _resolve(self._server(), host, _LIFETIMES[bool(name.failures)])
        except OSError as error:
            self._missed(host, name, error)
        else:
            name.failures = 0
            name.expires = monotonic() + seconds
            self._learn(host, name, found)
        finally:
            name.asking = False
        waiting, name.waiting = name.waiting, {}
        for told in waiting.values():
            told()

    def _missed(self, host: str, name: _Name, error: OSError) -> None:
        code, text = error.errno or 0, str(error.args[-1])
        gone = code == socket.EAI_NONAME
        name.error = (code, text)
        name.failures += 1
        if name.failures == 1 or (gone and name.addresses):
            kept = "the last good answer is kept" if name.addresses else "there is no earlier answer to keep"
            self._say(f"cannot resolve {host}: {text}; {'there is no such name' if gone else kept}")
        name.expires = monotonic() + (_NEGATIVE_TTL if gone else min(2.0 ** (name.failures - 1), _LONGEST_PAUSE))
        if gone:
            self._learn(host, name, [])

    def _learn(self, host: str, name: _Name, found: list[Address]) -> None:
        """Take an answer over, also where it says that there is nothing any more."""
        if {one.host for one in found} != {one.host for one in name.addresses}:
            self._changed = True
        name.addresses = found
        for key in [(host, family) for family in (0, socket.AF_INET, socket.AF_INET6)]:
            if key in self._known:
                fitting = [address for address in found if key[1] in (0, address.family)]
                if fitting:
                    self._known[key] = (fitting, name)
                else:
                    del self._known[key]

    def _server(self) -> dns.asyncresolver.Resolver:
        """Return whom to ask, as /etc/resolv.conf has it; raises OSError where there is nobody."""
        import dns.asyncresolver
        import dns.exception

        looked, resolver = self._resolver
        if resolver is None or monotonic() - looked >= TTL:
            try:
                resolver = dns.asyncresolver.Resolver()
            except (dns.exception.DNSException, OSError):
                raise OSError(*_NO_ANSWER) from None
            resolver.timeout = _PATIENCE
            self._resolver = (monotonic(), resolver)
        return resolver


async def _resolve(resolver: dns.asyncresolver.Resolver, host: str, lifetime: float) -> tuple[list[Address], float]:
    """Return addresses and for how many seconds they hold; raises OSError in getaddrinfo's words."""
    import dns.exception
    import dns.resolver

    asked = [
        resolver.resolve(host, kind, lifetime=lifetime, search=True, raise_on_no_answer=False) for kind in ("A", "AAAA")
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found, seconds = [], _MOST_TTL
    for family, answer in zip((socket.AF_INET, socket.AF_INET6), answers, strict=True):
        if isinstance(answer, BaseException):
            continue
        if answer.rrset is not None:
            found += [Address(family, record.address) for record in answer.rrset]
            seconds = min(seconds, answer.rrset.ttl)
    if found:
        return sorted(found, key=_preference) if len(found) > 1 else found, max(seconds, _LEAST_TTL)
    silent = (dns.resolver.NoNameservers, dns.exception.Timeout, OSError)
    gone = any(isinstance(answer, dns.resolver.NXDOMAIN) for answer in answers)
    raise OSError(*(_NO_ANSWER if not gone and any(isinstance(one, silent) for one in answers) else _NOT_KNOWN))


def _preference(address: Address) -> tuple[bool, bool]:
    """Return what to sort by: what there is no way to goes last, IPv6 first, as RFC 6724 has it in short."""
    with socket.socket(address.family, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex(address.at(9)) != 0, address.family == socket.AF_INET
