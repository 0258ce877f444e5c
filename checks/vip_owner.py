"""Who holds a VIP: this node as VRRP says, and nobody else beside the holder?

NRPE vip_owner: -a 192.0.2.10 --instance VI_1
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_pton

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Seconds, Source
from vipwarden.net.neighbour import others
from vipwarden.net.stream import NetError
from vipwarden.node.netlink.addresses import AddressesError, own_addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.net.net import Net
    from vipwarden.node.netlink.addresses import Own

OWN_LETTERS = {"a": "address"}
_LISTENS = 0.4  # seconds for the answers of other hosts, and at most half of the deadline


class Interface(str):
    """The name of a network interface."""

    __slots__ = ()

    def __new__(cls, text: str) -> Interface:
        """Build it from its text; raises ValueError with what is wanted."""
        if (
            not 0 < len(text.encode()) < 16
            or "/" in text
            or text in (".", "..")
            or any(char.isspace() for char in text)
        ):
            raise ValueError("the name of a network interface is wanted, such as eth0")
        return str.__new__(cls, text)


async def vip_owner(
    net: Net,
    *,
    address: Source,
    interface: Interface | None = None,
    instance: str | None = None,
    local: bool = False,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Who holds a VIP: this node as VRRP says, and nobody else beside the holder?

    Asks the link by ARP or ND who answers for the VIP: with this node, or on it and elsewhere, exactly one host has to
    hold it. Two holders are CRITICAL: two masters that do not hear each other, or another host with that address. So is
    a VIP that nobody holds. Hosts that keep it on lo, as real servers do, do not answer.
    The question needs CAP_NET_RAW, and changes no host's tables.

    address: the VIP
    interface: interface to ask on; default the one with a network around the VIP, else the one that holds it
    instance: vrrp_instance by whose state, as notify has recorded it, this node has to hold the VIP or not
    local: judge this node alone: by its addresses and the state of the instance
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    net.watch_addresses((address,))
    try:
        own = net.once("own addresses", own_addresses)
        holding = _holding(own, address)
        texts, wrong = (
            [f"this node holds {address} on {holding}" if holding else f"this node does not hold {address}"],
            [],
        )
        if instance is not None:
            state = await _state(net, instance)
            if (state == "MASTER") is not bool(holding):
                wrong.append(f"while {one_line(instance, 60)} is {state}")
        hosts: list[str] = []
        if not local:
            link = interface or _around(own, address) or holding
            if not link:
                return Result(UNKNOWN, f"no interface has a network around {address}: --interface names it")
            hosts = await others(net, link, address, min(_LISTENS, timeout / 2))
    except NetError as error:
        return error.result("cannot judge the VIP")
    except AddressesError as error:
        return Result(UNKNOWN, str(error))
    holders = len(hosts) + bool(holding)
    if holders > 1:
        wrong.append(f"and {'so does' if holding else 'these do'}: {', '.join(hosts)}")
    elif not local and not holders:
        wrong.append("nor does any other host")
    elif hosts:
        texts.append(f"but {hosts[0]} does")
    metrics = [Metric("held", bool(holding), minimum=0, maximum=1)]
    if not local:
        metrics.append(Metric("holders", holders, crit=Range("1:1"), minimum=0))
    return Result(CRITICAL if wrong else OK, ", ".join(texts + wrong), metrics)


def _holding(own: Sequence[Own], address: str) -> str:
    """Return the interface that holds it; on lo it is a real server's."""
    raw = _raw(address)
    return next((entry.interface for entry in own if _raw(entry.address) == raw and entry.interface != "lo"), "")


def _around(own: Sequence[Own], address: str) -> str:
    """Return the interface with the narrowest network around the address; a VMAC's has none but the VIP itself."""
    raw = _raw(address)
    bits = 8 * len(raw)
    best = ("", -1)
    for entry in own:
        other = _raw(entry.address)
        shift = bits - entry.prefix
        is_in = (
            len(other) == len(raw)
            and other != raw
            and int.from_bytes(other, "big") >> shift == int.from_bytes(raw, "big") >> shift
        )
        if is_in and entry.interface != "lo" and entry.prefix > best[1]:
            best = entry.interface, entry.prefix
    return best[0]


def _raw(address: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address.partition("%")[0])


async def _state(net: Net, instance: str) -> str:
    """Return the state of an instance; raises NetError."""
    from vipwarden.node.keepalived.vrrp_state import path_of, read

    known = await net.beside("the state of the instance", lambda: read(path_of("INSTANCE", instance)))
    if known is None:
        raise NetError("local", f"no state of {one_line(instance, 60)} is recorded: keepalived.conf has to call notify")
    return known.state
