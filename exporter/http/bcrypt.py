"""Does a password belong to a bcrypt hash? Asked of the machine's libcrypt, by crypt(3)."""

from __future__ import annotations

import ctypes
import hmac
import re

# $2y$10$ and 22 letters of salt, 31 of the hash
_HASH = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_MOST_COST = 16  # some seconds on a machine of today; each step more doubles it
_DATA_BYTES = 1 << 18  # struct crypt_data has 32 KiB in libxcrypt, 128 KiB in glibc
# of libxcrypt as Red Hat names it, as Debian does, and of a musl in which it is part of the C library
_LIBRARIES = ("libcrypt.so.2", "libcrypt.so.1", None)
_PROOF = b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


def cost(stored: bytes) -> int:
    """Return the cost of a hash; raises ValueError where it is none, or is not to be paid."""
    match = _HASH.fullmatch(stored)
    if match is None:
        raise ValueError("is no bcrypt hash, such as htpasswd -nBC 10 NAME writes")
    found = int(match[1])
    if not 4 <= found <= _MOST_COST:
        raise ValueError(f"has the cost {found}: from 4 to {_MOST_COST} can be paid for, 10 is usual")
    return found


def matches(password: bytes, stored: bytes) -> bool:
    """Return whether it does, after the time that the cost of the hash asks for; it lets other threads run."""
    if b"\0" in password:  # where C would see its end
        password = b""
        stored = stored[:-1]
    found = _crypt(password, stored)
    return found is not None and hmac.compare_digest(found, stored)


def missing() -> str:
    """Return why this machine cannot check passwords, or nothing where it can."""
    if _function() is None:
        return "there is no libcrypt on this machine: install libcrypt1 (Debian) or libxcrypt (RHEL)"
    return "" if matches(*_PROOF) else "the libcrypt of this machine knows no bcrypt: libxcrypt does"


def _crypt(password: bytes, setting: bytes) -> bytes | None:
    function = _function()
    if function is None:
        return None
    found: bytes | None = function(password, setting, ctypes.create_string_buffer(_DATA_BYTES))
    return found


def _function() -> ctypes._NamedFuncPointer | None:
    for name in _LIBRARIES:
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.c_char_p
        return function
    return None
