"""How does the rehearsal answer a system call of keepalived in place of the kernel?

By seccomp's user notification (kernel 5.9: include/uapi/linux/seccomp.h): a launcher puts a filter on itself, hands its
listener over, and becomes keepalived. Trapped are only sockets of the process connector, and binds with an address as
long as that of netlink.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from contextlib import suppress
from errno import ENOSYS
from pathlib import Path
from typing import NamedTuple

_CODE = str(Path(__file__).parents[2])
_LAUNCHER = f"import sys; sys.path.insert(0, {_CODE!r}); from rehearse.stage.trap import main; main()"
_TIME = 10.0  # seconds
# by machine: AUDIT_ARCH_*, and the numbers of seccomp(), socket() and bind()
_MACHINES = {"x86_64": (0xC000003E, 317, 41, 49), "aarch64": (0xC00000B7, 277, 198, 200)}
_AF_NETLINK, _NETLINK_CONNECTOR, _NETLINK_ADDRESS = 16, 11, 12
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCH, _FIRST, _THIRD = 0, 4, 16, 32  # offsets in struct seccomp_data
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND, _ADD = 0xC0502100, 0xC0182101, 0x40182103
_CONTINUE = 1
_NOTIFICATION = struct.Struct("=QII iIQ 6Q")


class Call(NamedTuple):
    """A call that waits for its answer: its process, whether it is a bind(), and its first argument."""

    number: int
    pid: int
    is_bind: bool
    first: int


def _filter(arch: int, socket_: int, bind: int) -> bytes:
    """Return the program of classic BPF: jumps are counts of instructions."""
    lines = (
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 0, 9, arch),
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 4, socket_),
        (_LOAD, 0, 0, _FIRST),
        (_EQUAL, 0, 5, _AF_NETLINK),
        (_LOAD, 0, 0, _THIRD),
        (_EQUAL, 4, 3, _NETLINK_CONNECTOR),
        (_EQUAL, 0, 2, bind),
        (_LOAD, 0, 0, _THIRD),
        (_EQUAL, 1, 0, _NETLINK_ADDRESS),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOTIFY),
    )
    return b"".join(struct.pack("=HBBI", code, yes, no, value) for code, yes, no, value in lines)


def main() -> None:
    """Trap the calls of a command: its arguments are the socket that the listener goes to, and the command."""
    arch, seccomp, *calls = _MACHINES[os.uname().machine]
    program = ctypes.create_string_buffer(_filter(arch, *calls))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))

    given = Program(len(program) // 8, ctypes.addressof(program))
    call = ctypes.CDLL(None, use_errno=True).syscall
    listener = call(seccomp, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(given))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    with socket.socket(fileno=int(sys.argv[1])) as out:
        socket.send_fds(out, [b"l"], [listener])
    os.close(listener)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - what the stage wants to run


def launcher(out: int) -> list[str]:
    """Return the command before another one whose calls are trapped; ``out`` is the socket for its listener."""
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(out)]


def is_known() -> bool:
    """Return whether the numbers of this machine's system calls are known."""
    return os.uname().machine in _MACHINES and sys.maxsize > 1 << 32


def take(sock: socket.socket) -> int:
    """Return the listener that a launcher hands over; raises OSError."""
    sock.settimeout(_TIME)
    _, found, _, _ = socket.recv_fds(sock, 1, 1)
    if not found:
        raise OSError("the launcher has ended")
    return found[0]


def receive(listener: int) -> Call | None:
    """Return a call that waits, nothing where it has been interrupted meanwhile."""
    data = bytearray(_NOTIFICATION.size)
    with suppress(OSError):
        fcntl.ioctl(listener, _RECEIVE, data)
        number, pid, _, which, _, _, first, *_ = _NOTIFICATION.unpack(data)
        return Call(number, pid, which == _MACHINES[os.uname().machine][3], first)
    return None


def pass_on(listener: int, call: Call) -> None:
    """Let the kernel do what was called for."""
    _answer(listener, call, 0, _CONTINUE)


def succeed(listener: int, call: Call) -> None:
    """Answer that it is done."""
    _answer(listener, call, 0, 0)


def give(listener: int, call: Call, descriptor: int) -> None:
    """Give a copy of a descriptor to the caller, and its number as the answer."""
    wanted = bytearray(struct.pack("=QIIII", call.number, 0, descriptor, 0, os.O_CLOEXEC))
    with suppress(OSError):  # the caller has ended, or the kernel cannot do it
        _answer(listener, call, fcntl.ioctl(listener, _ADD, wanted), 0)
        return
    _answer(listener, call, 0, 0, error=-ENOSYS)


def _answer(listener: int, call: Call, value: int, flags: int, *, error: int = 0) -> None:
    with suppress(OSError):
        fcntl.ioctl(listener, _SEND, bytearray(struct.pack("=QqiI", call.number, value, error, flags)))


if __name__ == "__main__":
    main()
