"""How is a ping socket opened, and what do its errors say?

The kernel gives each such socket an identifier of its own, and passes on only the replies that carry it
(net/ipv4/ping.c). RFC 792 and RFC 4443 have the messages.
"""

from __future__ import annotations

import _socket
import posix
from sys import byteorder

from vipwarden.net.address import bind
from vipwarden.net.net import KINDS, RECEIVE_ERRORS, failure
from vipwarden.net.stamp import stamp
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.address import Address

MESSAGES = {  # protocol, type of a request and of a reply
    _socket.AF_INET: (_socket.IPPROTO_ICMP, 8, 0),
    _socket.AF_INET6: (_socket.IPPROTO_ICMPV6, 128, 129),
}
_EACCES = 13


def opened(family: int, source: str | None) -> _socket.socket:
    """Return a ping socket; raises NetError."""
    sock = None
    try:
        kind = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        sock = _socket.socket(family, kind, MESSAGES[family][0])
        sock.setsockopt(*RECEIVE_ERRORS[family], 1)
        stamp(sock)
        if source is not None:
            bind(sock, family, source)
        done, sock = sock, None
        return done
    except NetError:
        raise
    except OSError as error:
        advice = ""
        if error.errno == _EACCES:
            group = posix.getegid()
            advice = f': its group {group} is not allowed to: sysctl -w net.ipv4.ping_group_range="0 2147483647"'
        reason = f"{error.strerror or error.args[-1]}{advice}"
        raise NetError("local", f"cannot send ICMP echo requests: {reason}") from None
    finally:
        if sock is not None:
            sock.close()


def send_failure(address: Address, error: OSError) -> NetError:
    """Return why a request could not be sent."""
    return failure(address.host, KINDS.get(error.errno or 0, "unreachable"), error.strerror or str(error))


def refusal(address: Address, error: bytes) -> NetError:
    """Return what a struct sock_extended_err says, and who says it."""
    number = int.from_bytes(error[:4], byteorder)
    offender = error[20:24] if address.family == _socket.AF_INET else error[24:40]
    says = f", says {_socket.inet_ntop(address.family, offender)}" if any(offender) else ""
    return failure(address.host, "unreachable", f"{posix.strerror(number)}{says}")
