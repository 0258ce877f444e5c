"""Is the password right? Basic authentication (RFC 7617) against bcrypt hashes.

A hash takes tens of milliseconds. It is computed in a thread, one at a time, once for simultaneous requests with the
same password. The result is kept by a keyed digest, never by the password. An unknown user costs as much as a known
one. Requests wait for their turn (turns.py); none is refused because many wait.
"""

from __future__ import annotations

import asyncio
import binascii
import re
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING

from exporter.http.turns import Turns
from exporter.tasks import shared
from vipwarden.core.thread import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHALLENGE = 'Basic realm="vipwarden", charset="UTF-8"'
_MOST_REMEMBERED = 100
_HASH = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")  # 22 letters of salt, 31 of the hash
_MOST_COST = 16  # some seconds; each step doubles it
_MOST_PASSWORD = 72  # bytes that bcrypt uses


def _always() -> bool:
    return True


class Passwords:
    """The users and their bcrypt hashes; without users everybody is admitted."""

    def __init__(self, users: Mapping[bytes, bytes]) -> None:
        self.users = users
        worst = max((cost(stored) for stored in users.values()), default=4)
        self._nobody = b"$2y$%02d$" % worst + b"." * 53
        self._secret = secrets.token_bytes(32)
        # apart: a flood of wrong passwords must not displace the right ones
        self._remembered: dict[bool, dict[bytes, None]] = {True: {}, False: {}}
        self._checks: dict[bytes, asyncio.Task[bool]] = {}
        self._askers: dict[bytes, list[Callable[[], bool]]] = {}
        self._turns = Turns()

    def of(self, users: Mapping[bytes, bytes]) -> Passwords:
        """Return those of other users, with what is remembered of names and hashes that stay."""
        made = Passwords(users)
        made._secret, made._remembered, made._turns = self._secret, self._remembered, self._turns
        return made

    async def admit(self, authorization: str | None, client: str = "", is_there: Callable[[], bool] = _always) -> bool:
        """Return whether the header is right; ``client`` is the address, ``is_there`` whether it is still connected."""
        if not self.users:
            return True
        given = _name_and_password(authorization or "")
        if given is None:
            return False
        name, password = given
        stored = self.users.get(name, self._nobody)
        digest = self._digest(name, stored, password)
        for answer, known in self._remembered.items():
            if digest in known:
                return answer
        self._askers.setdefault(digest, []).append(is_there)
        check = shared(self._checks, digest, lambda: self._check(password, stored, digest, client))
        return await asyncio.shield(check) and name in self.users

    async def _check(self, password: bytes, stored: bytes, digest: bytes, client: str) -> bool:
        try:
            async with self._turns.turn(client):
                if not any(is_there() for is_there in self._askers[digest]):
                    return False
                future, _thread = in_thread(lambda: matches(password, stored))
                answer = await future and stored is not self._nobody
        finally:
            del self._askers[digest]
        self._turns.note(client, right=answer)
        known = self._remembered[answer]
        known[digest] = None
        if len(known) > _MOST_REMEMBERED:
            del known[next(iter(known))]
        return answer

    def _digest(self, *parts: bytes) -> bytes:
        digest = blake2b(key=self._secret, digest_size=32)
        for part in parts:
            digest.update(b"%d:%b" % (len(part), part))
        return digest.digest()


def _name_and_password(authorization: str) -> tuple[bytes, bytes] | None:
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = binascii.a2b_base64(encoded.strip().encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None


def cost(stored: bytes) -> int:
    """Return the cost of a bcrypt hash; raises ValueError for other text and for a cost that is too high."""
    import bcrypt  # noqa: PLC0415 - most exporters do without its memory

    match = _HASH.fullmatch(stored)
    try:
        bcrypt.hashpw(b"", b"$2b$04$" + stored[7:29])
    except ValueError:
        match = None
    if match is None:
        raise ValueError("is no bcrypt hash, such as htpasswd -nBC 10 NAME writes")
    number = int(match[1])
    if not 4 <= number <= _MOST_COST:
        raise ValueError(f"has the cost {number}: from 4 to {_MOST_COST} can be paid for, 10 is usual")
    return number


def matches(password: bytes, stored: bytes) -> bool:
    """Return whether a password belongs to a hash; other threads go on meanwhile."""
    import bcrypt  # noqa: PLC0415 - see cost()

    has_end = b"\0" in password  # the end of a text in C
    return bcrypt.checkpw(b"" if has_end else password[:_MOST_PASSWORD], stored) and not has_end
