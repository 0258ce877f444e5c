"""Run in a network namespace of its own: for each set of rules, does an advert come in, and what does the doctor say?

Reads a JSON list of a path of a keepalived.conf and lists of commands, and prints for each whether the advert came
and the doctor's verdict. Both ends of a veth pair are here: the advert leaves by v1 and comes in by v0.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import subprocess
import sys

from doctor.case import Case
from doctor.firewall import firewall_blocks_vrrp, firewall_untold
from doctor.host import Host
from doctor.tracking import Peers
from vipwarden.node.keepalived.conf import parse

_VRRP, _GROUP = 112, "224.0.0.18"
_SETUP = """
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 192.0.2.1/24 dev v0
ip addr add 198.51.100.1/24 dev v1
ip link set v0 up
ip link set v1 up
ip route add 224.0.0.0/4 dev v1
"""
_ACCEPTING = ("all/rp_filter=0", "default/rp_filter=0", "v0/rp_filter=0", "v0/accept_local=1", "all/accept_local=1")


def run(*words: str) -> str:
    """Run a program and return what it prints; raises CalledProcessError."""
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


def comes_in(receiver: socket.socket, sender: socket.socket) -> bool:
    """Send an advert and return whether it is received within a short while."""
    while select.select([receiver], [], [], 0)[0]:
        receiver.recv(2048)
    sender.sendto(b"\x21\x07\x64\x01\x00\x01\x00\x00\xc0\x00\x02\x0a", (_GROUP, 0))
    return bool(select.select([receiver], [], [], 0.15)[0])


def verdict(conf: str) -> str:
    """Return accept, or which rule of the doctor reports what."""
    case = Case(parse(conf), Host(), None, Peers())
    findings = [*firewall_blocks_vrrp.findings(case), *firewall_untold.findings(case)]
    return "; ".join(f"{finding.rule}: {finding.what}" for finding in findings) or "accept"


def main() -> None:
    """Answer for each set of rules."""
    for line in _SETUP.strip().splitlines():
        run(*line.split())
    for setting in _ACCEPTING:
        name, _, value = setting.partition("=")
        with open(f"/proc/sys/net/ipv4/conf/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(value)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_RAW, _VRRP)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"v0")
    group = socket.inet_aton(_GROUP) + socket.inet_aton("0.0.0.0") + struct.pack("@i", socket.if_nametoindex("v0"))
    receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, _VRRP)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"v1")
    answers = []
    for conf, commands in json.load(sys.stdin):
        run("nft", "flush", "ruleset")
        for command in commands:
            run(*command)
        answers.append((comes_in(receiver, sender), verdict(conf)))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
