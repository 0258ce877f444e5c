"""Who answers an ARP request for an address? Prints the MAC address of each that does: arp.py DEVICE ADDRESS."""

from __future__ import annotations

import socket
import struct
import sys
import time

_ARP = 0x0806
_WAIT = 1.5  # seconds for answers


def answers(device: str, address: str) -> set[str]:
    """Return the MAC addresses that the address is said to be at."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as sock:
        sock.bind((device, _ARP))
        mac = sock.getsockname()[4]
        ethernet = b"\xff" * 6 + mac + struct.pack("!H", _ARP)
        request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + socket.inet_aton(address)
        sock.send(ethernet + request)
        found, end = set(), time.monotonic() + _WAIT
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                frame = sock.recv(2048)
            except TimeoutError:
                break
            if frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address):
                found.add(frame[22:28].hex(":"))
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(sorted(answers(*sys.argv[1:3]))))
