"""What can OpenSSL do that Python's ssl does not offer? Two things which the web configuration file may ask for.

Both are set by OpenSSL's C interface, on the SSL_CTX that stands first in Python's own object. Where something is
not as expected, nothing is touched and NotImplementedError says why.
"""

from __future__ import annotations

import ctypes
import ssl
import sys

_GROUPS = 92  # SSL_CTRL_SET_GROUPS_LIST of ssl.h
_MODES = {ssl.CERT_NONE: 0, ssl.CERT_OPTIONAL: 1, ssl.CERT_REQUIRED: 3}
_ALWAYS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda _store, _argument: 1)


def accept_any(context: ssl.SSLContext) -> None:
    """Let a context that asks for a certificate accept any, whoever signed it: RequireAnyClientCert of Go."""
    library, pointer = _openssl(context)
    set_callback = library.SSL_CTX_set_cert_verify_callback
    set_callback.argtypes, set_callback.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p], None
    set_callback(pointer, ctypes.cast(_ALWAYS, ctypes.c_void_p), None)


def prefer_groups(context: ssl.SSLContext, names: str) -> None:
    """Set the groups of the key exchange in the order of preference, with colons between them."""
    library, pointer = _openssl(context)
    control = library.SSL_CTX_ctrl
    control.argtypes, control.restype = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p], ctypes.c_long
    if control(pointer, _GROUPS, 0, names.encode()) != 1:
        raise NotImplementedError(f"OpenSSL here does not know {names}")


def _openssl(context: ssl.SSLContext) -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """Return the OpenSSL that this Python uses, and the SSL_CTX of a context."""
    try:
        import _ssl  # noqa: PLC0415 - the module that is linked to it

        library = ctypes.CDLL(_ssl.__file__)
        get_mode = library.SSL_CTX_get_verify_mode
    except (ImportError, AttributeError, OSError):
        raise NotImplementedError("this Python does not tell where its OpenSSL is") from None
    if sys.implementation.name != "cpython":
        raise NotImplementedError("it takes CPython")
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    get_mode.argtypes, get_mode.restype = [ctypes.c_void_p], ctypes.c_int
    if get_mode(pointer) != _MODES[context.verify_mode]:
        raise NotImplementedError("this Python keeps its TLS settings where nobody expects them")
    return library, pointer
