"""What do the servers of /etc/resolv.conf answer? A and AAAA at once, with the errors of getaddrinfo()."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING

from agent.hosts import TTL
from vipwarden.net.address import Address

if TYPE_CHECKING:
    import dns.asyncresolver

NOT_KNOWN = (socket.EAI_NONAME, "Name or service not known")
NO_ANSWER = (socket.EAI_AGAIN, "Temporary failure in name resolution")
_LEAST_TTL, _MOST_TTL = 1.0, 86400.0
_PATIENCE = 0.4  # seconds until the next server is asked as well


class Resolver:
    """The servers and the search list of /etc/resolv.conf, which is read again every TTL."""

    def __init__(self) -> None:
        self._conf: tuple[float, dns.asyncresolver.Resolver | None] = (0.0, None)

    async def resolve(self, host: str, lifetime: float) -> tuple[list[Address], float]:
        """Return addresses and their TTL in seconds; raises OSError, with the words of getaddrinfo()."""
        import dns.exception
        import dns.resolver

        resolver = self._resolver()
        queries = [
            resolver.resolve(host, kind, lifetime=lifetime, search=True, raise_on_no_answer=False)
            for kind in ("A", "AAAA")
        ]
        answers = await asyncio.gather(*queries, return_exceptions=True)
        addresses, seconds = [], _MOST_TTL
        for family, answer in zip((socket.AF_INET, socket.AF_INET6), answers, strict=True):
            if not isinstance(answer, BaseException) and answer.rrset is not None:
                addresses += [Address(family, record.address) for record in answer.rrset]
                seconds = min(seconds, answer.rrset.ttl)
        if addresses:
            addresses = sorted(addresses, key=_preference) if len(addresses) > 1 else addresses
            return addresses, max(seconds, _LEAST_TTL)
        silent = (dns.resolver.NoNameservers, dns.exception.Timeout, OSError)
        gone = any(isinstance(answer, dns.resolver.NXDOMAIN) for answer in answers)
        raise OSError(*(NO_ANSWER if not gone and any(isinstance(a, silent) for a in answers) else NOT_KNOWN))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        import dns.asyncresolver
        import dns.exception

        read, resolver = self._conf
        if resolver is None or monotonic() - read >= TTL:
            try:
                resolver = dns.asyncresolver.Resolver()
            except (dns.exception.DNSException, OSError):
                raise OSError(*NO_ANSWER) from None
            resolver.timeout = _PATIENCE
            self._conf = (monotonic(), resolver)
        return resolver


def _preference(address: Address) -> tuple[bool, bool]:
    """Return the sort key of an address: those without a route last, IPv6 first (RFC 6724 in short)."""
    with socket.socket(address.family, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex(address.at(9)) != 0, address.family == socket.AF_INET
