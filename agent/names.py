"""Which addresses has a name? Asked off the hot path: a check takes what is known, and never waits but once.

Answers live for their TTL, are asked for again once it has passed, and the last good one is kept where nobody
answers. /etc/hosts goes before DNS, whose servers and search list are those of /etc/resolv.conf.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from checks.core.net import Address, addresses

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTS = Path("/etc/hosts")
_HOSTS_TTL = 5.0  # seconds until the file is looked at again
_LEAST_TTL, _MOST_TTL = 1.0, 86400.0
_AFTER_FAILURE = 1.0  # seconds until a name is asked for again that could not be resolved
_LIFETIME = 5.0  # seconds for one question, to all servers together
_AT_ONCE = 32  # questions
_NOT_KNOWN = (socket.EAI_NONAME, "Name or service not known")
_NO_ANSWER = (socket.EAI_AGAIN, "Temporary failure in name resolution")


class _Name:
    """What is known of one name."""

    __slots__ = ("addresses", "asking", "error", "expires", "waiting")

    def __init__(self) -> None:
        self.addresses: list[Address] = []  # of the last good answer
        self.error = _NO_ANSWER  # where there never was one
        self.expires = 0.0
        self.asking: asyncio.Task[None] | None = None
        self.waiting: list[Callable[[], None]] = []


class Names:
    """The names of all checks; ``say`` is told of trouble, once for each time that it begins."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._names: dict[str, _Name] = {}
        self._known: dict[tuple[str, int], tuple[list[Address], _Name | None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._failing: set[str] = set()

    def close(self) -> None:
        """Ask no more."""
        for name in self._names.values():
            if name.asking is not None:
                name.asking.cancel()

    def known(self, host: str, family: int) -> list[Address] | None:
        """Return the addresses that are known of a host, or None; what has grown old is asked for meanwhile."""
        found = self._known.get((host, family))
        if found is None:
            return self._numeric(host, family)
        known, name = found
        if name is not None and name.expires < monotonic() and name.asking is None:
            self._begin(host, name)
        return known

    def ask(self, host: str, told: Callable[[], None]) -> bool:
        """Return whether the answer is there; else ``told`` is called when it is."""
        name = self._names.get(host)
        if name is None:
            name = self._names[host] = _Name()
        if name.expires >= monotonic():
            return True
        name.waiting.append(told)
        if name.asking is None:
            self._begin(host, name)
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
                found = addresses(host.encode(), family, socket.AI_NUMERICHOST)
            except OSError:
                return None  # a name
        self._known[host, family] = (found, None)
        return found

    def _begin(self, host: str, name: _Name) -> None:
        name.asking = asyncio.get_running_loop().create_task(self._ask(host, name))

    async def _ask(self, host: str, name: _Name) -> None:
        try:
            async with self._slots:
                found, seconds = await _resolve(host)
        except OSError as error:
            name.error = (error.errno or 0, str(error.args[-1]))
            name.expires = monotonic() + _AFTER_FAILURE
            if host not in self._failing:
                kept = "the last good answer is kept" if name.addresses else "there is no earlier answer to keep"
                self._say(f"cannot resolve {host}: {error.args[-1]}; {kept}")
                self._failing.add(host)
        else:
            self._failing.discard(host)
            name.addresses = found
            name.expires = monotonic() + seconds
            for key in [key for key in self._known if key[0] == host]:
                fitting = [address for address in found if key[1] in (0, address.family)]
                if fitting:
                    self._known[key] = (fitting, name)
                else:
                    del self._known[key]
        finally:
            name.asking = None
        waiting, name.waiting = name.waiting, []
        for told in waiting:
            told()


async def _resolve(host: str) -> tuple[list[Address], float]:
    """Return addresses and for how many seconds they hold; raises OSError in getaddrinfo's words."""
    listed = _listed(host)
    if listed:
        return listed, _HOSTS_TTL
    import dns.asyncresolver
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.asyncresolver.Resolver()
        asked = [
            resolver.resolve(host, kind, lifetime=_LIFETIME, search=True, raise_on_no_answer=False)
            for kind in ("A", "AAAA")
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    except dns.exception.DNSException:  # there are no servers to ask
        raise OSError(*_NO_ANSWER) from None
    found, seconds = [], _MOST_TTL
    for family, answer in zip((socket.AF_INET, socket.AF_INET6), answers, strict=True):
        if isinstance(answer, BaseException):
            continue
        if answer.rrset is not None:
            found += [Address(family, record.address) for record in answer.rrset]
            seconds = min(seconds, answer.rrset.ttl)
    if found:
        return sorted(found, key=_preference), max(seconds, _LEAST_TTL)
    silent = (dns.resolver.NoNameservers, dns.exception.Timeout, OSError)
    raise OSError(*(_NO_ANSWER if any(isinstance(answer, silent) for answer in answers) else _NOT_KNOWN))


def _listed(host: str) -> list[Address]:
    """Return what /etc/hosts says of a name."""
    wanted = host.rstrip(".").lower()
    found: dict[str, Address] = {}
    try:
        lines = HOSTS.read_text(errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        words = line.partition("#")[0].lower().split()
        if wanted in words[1:]:
            try:
                found |= {address.host: address for address in addresses(words[0].encode(), 0, socket.AI_NUMERICHOST)}
            except OSError:
                continue  # no address
    return sorted(found.values(), key=_preference)


def _preference(address: Address) -> tuple[bool, bool]:
    """Return what to sort by: what there is no way to goes last, IPv6 first, as RFC 6724 has it in short."""
    with socket.socket(address.family, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex(address.at(9)) != 0, address.family == socket.AF_INET
