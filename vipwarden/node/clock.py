"""Does the kernel say that its clock is kept in step? By adjtimex(2), which only asks here.

It is called without the ctypes module, whose imports would cost a command more than the check.
"""

from __future__ import annotations

import _ctypes
from posix import strerror
from sys import byteorder, maxsize

_LONG = 8 if maxsize >> 32 else 4  # bytes of a C long
_MAXERROR, _STATUS = 3 * _LONG, 5 * _LONG  # in struct timex, in microseconds, and flags
_UNSYNC = 0x40
_TIME_ERROR = 5


class KernelClock:
    """``synchronised`` by the kernel's own word; ``error`` is the most that it may be off, in seconds."""

    __slots__ = ("error", "synchronised")

    def __init__(self, *, synchronised: bool, error: float) -> None:
        self.synchronised = synchronised
        self.error = error


class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _Char(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class _Timex(_ctypes.Array):  # type: ignore[type-arg]
    _length_ = 512  # more than any struct timex has
    _type_ = _Char


class _Function(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Int


def kernel_clock() -> KernelClock:
    """Return what the kernel says; raises OSError."""
    asked = _Timex()  # modes 0: nothing is set
    state = _Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), "adjtimex"))(asked)  # type: ignore[arg-type]
    if state < 0:
        number = _ctypes.get_errno()
        raise OSError(number, strerror(number))
    raw = bytes(asked)
    status = int.from_bytes(raw[_STATUS : _STATUS + 4], byteorder)
    error = int.from_bytes(raw[_MAXERROR : _MAXERROR + _LONG], byteorder, signed=True)
    return KernelClock(synchronised=state != _TIME_ERROR and not status & _UNSYNC, error=error / 1e6)
