"""What does the kernel do with adverts under these firewall rules?

``trial()`` runs this file in an empty network namespace. Adverts come in there by veth pairs, without and with rules.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

GROUPS = {4: "224.0.0.18", 6: "ff02::12"}
_VRRP, _FENCE = 112, 0x88B5  # the latter is a protocol for local experiments
_RCVBUFFORCE, _BUFFER = 33, 8 << 20
_SECONDS = 20
_ATTEMPTS = 3  # a busy kernel may lose a packet
_MAC = bytes.fromhex("020000000001")
_MACS = {GROUPS[4]: bytes.fromhex("01005e000012"), GROUPS[6]: bytes.fromhex("333300000012")}


class TrialError(Exception):
    """The kernel cannot be asked, or refuses the rules."""


def trial(
    interfaces: dict[str, list[str]], rules: list[tuple[list[str], str]], adverts: list[tuple[str, str, str]]
) -> list[bool | None]:
    """Return whether each advert comes in, None where it does not even without rules; raises TrialError.

    ``interfaces`` have addresses with prefix lengths, ``rules`` commands with their standard input, ``adverts`` an
    interface, a source and a destination.
    """
    plan = json.dumps([interfaces, rules, adverts])
    answers: list[bool | None] = json.loads(output(["unshare", "-n", sys.executable, "-I", __file__], plan))
    return answers


def output(command: list[str], text: str = "") -> str:
    """Return what a program prints; raises TrialError."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        return subprocess.run(  # noqa: S603 - at fixed places
            command,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=True,
            env={"PATH": path, "LC_ALL": "C"},
        ).stdout
    except FileNotFoundError:
        raise TrialError(f"the program {command[0]} is missing") from None
    except (OSError, subprocess.SubprocessError) as error:
        lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise TrialError(f"{command[0]} fails: {lines[-1]}") from None


def _main() -> None:
    interfaces, rules, adverts = json.load(sys.stdin)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one CPU takes all packets in their order
    links = {name: _link(name, f"vipwarden{index}", own) for index, (name, own) in enumerate(interfaces.items(), 1)}
    before = _received(links, adverts)
    for command, text in rules:
        output(command, text)
    after = _received(links, adverts)
    json.dump([index in after if index in before else None for index in range(len(adverts))], sys.stdout)


def _link(name: str, peer: str, addresses: list[str]) -> list[socket.socket]:
    """Make a veth pair; return sockets that send by its peer and receive the fence, and adverts of IPv4 and IPv6."""
    lines = [f"link add {name} address {_MAC.hex(':')} type veth peer name {peer}"]
    lines += [f"link set {device} up" for device in ("lo", peer, name)]
    lines += [f"addr add {address} dev {name} {'nodad' * (':' in address)}" for address in addresses]
    lines += [f"{version} route add default dev {name} metric {peer[9:]}" for version in ("-4", "-6")]
    try:
        output(["ip", "-force", "-batch", "-"], "\n".join(lines))
    except TrialError:  # an address that fails shows: then nothing comes in without rules either
        if not Path(f"/proc/sys/net/ipv4/conf/{name}").exists():
            raise
    for setting in ("all", name):
        Path(f"/proc/sys/net/ipv4/conf/{setting}/rp_filter").write_text("0", encoding="ascii")
    sockets = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, protocol) for protocol in (0, socket.htons(_FENCE))]
    sockets[0].bind((peer, 0))
    sockets[1].bind((name, _FENCE))
    sockets[1].settimeout(1)
    for version, group in GROUPS.items():
        is_ipv6 = version == 6
        family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
        option = (socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP) if is_ipv6 else (0, socket.IP_ADD_MEMBERSHIP)
        number = struct.pack("@i" if is_ipv6 else "@4xi", socket.if_nametoindex(name))
        with suppress(OSError):  # a kernel without IPv6
            sockets.append(socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _VRRP))
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
            sockets[-1].setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
            sockets[-1].setsockopt(*option, socket.inet_pton(family, group) + number)
    return sockets


def _received(links: dict[str, list[socket.socket]], adverts: list[Any]) -> set[int]:
    """Send the adverts and return the numbers of those that come in."""
    numbers: set[int] = set()
    for _ in range(_ATTEMPTS):
        for link, (sender, fence, *receivers) in links.items():
            for index, (name, source, target) in enumerate(adverts):
                if name == link and index not in numbers:
                    sender.send(_frame(source, target, index))
            sender.send(_MAC + _MAC + struct.pack("!H", _FENCE) + bytes(46))
            with suppress(TimeoutError):
                fence.recv(2048)  # whatever was sent before it has passed the firewall
            for receiver in receivers:
                with suppress(BlockingIOError):
                    while packet := receiver.recv(2048):
                        numbers.add(int.from_bytes(packet[-4:], "big"))
    return numbers


def _frame(source: str, target: str, number: int) -> bytes:
    """Return an Ethernet frame with an advert that ends in a number."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    advert = bytes.fromhex("3101640100640000") + struct.pack("!I", number)
    macs = _MACS.get(target, _MAC) + _MAC
    if family == socket.AF_INET6:
        return macs + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(advert), _VRRP, 255) + ends + advert
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(advert), 0, 0, 255, _VRRP)
    total = sum(struct.unpack("!9H", head + ends))
    return macs + b"\x08\x00" + head + struct.pack("!H", 0xFFFF - total % 0xFFFF) + ends + advert


if __name__ == "__main__":
    try:
        _main()
    except TrialError as failure:
        sys.exit(str(failure))
