"""Is a name resolved in time while the first name server is silent?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import shell
from vipwarden.net.dns import _A, _AAAA, Others, _addresses

if TYPE_CHECKING:
    from pathlib import Path

# name servers at 127.0.0.2, .3 and .4, of which the first one is mute
APART = """
ip link set lo up
printf 'nameserver 127.0.0.2\\nnameserver 127.0.0.3\\nnameserver 127.0.0.4\\nsearch example.test\\n' >"$1/resolv.conf"
printf 'passwd: files\\nhosts: files dns\\n' >"$1/nsswitch.conf"
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
mkfifo "$1/ready"
"$2" "$3" "$1/ready" &
read -r ready <"$1/ready"
set +e
shift 3
chk_port "$@"
code=$?
kill $!
exit $code
"""
SERVERS = """
import dns.message, dns.rcode, dns.rrset, socket, sys, threading

def serve(address, behave):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    def work():
        while True:
            data, client = sock.recvfrom(4096)
            query = dns.message.from_wire(data)
            name, kind = query.question[0].name, query.question[0].rdtype.name
            reply = dns.message.make_response(query)
            first = name.to_text().split(".")[0]
            if behave == "mute" or first == "silent":
                continue
            if behave == "deny" or first == "gone" or (first == "searched" and "example" not in name.to_text()):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            elif kind == "A" and first != "six":
                reply.answer.append(dns.rrset.from_text(name, 1, "IN", "CNAME", "other.example.test."))
                reply.answer.append(dns.rrset.from_text("other.example.test.", 1, "IN", "A", "127.0.0.1"))
            elif kind == "AAAA" and first in ("six", "both"):
                reply.answer.append(dns.rrset.from_text(name, 1, "IN", "AAAA", "::1"))
            sock.sendto(reply.to_wire(), client)
    threading.Thread(target=work).start()

for address, behave in zip(("127.0.0.2", "127.0.0.3", "127.0.0.4"), MOODS):
    serve(address, behave)
with open(sys.argv[1], "w") as ready:
    ready.write("ready\\n")
"""


@pytest.mark.parametrize(
    ("moods", "name", "said"),
    [
        (("mute", "fine", "fine"), "web.test", "127.0.0.1:1 is closed"),
        (("mute", "mute", "fine"), "web.test", "127.0.0.1:1 is closed"),
        (("mute", "deny", "fine"), "web.test", "127.0.0.1:1 is closed"),
        (("mute", "fine", "fine"), "searched", "127.0.0.1:1 is closed"),
        (("mute", "fine", "fine"), "six.test", "[::1]:1 is closed"),
        (("mute", "fine", "fine"), "both.test", "[::1]:1 is closed"),
        (("fine", "deny", "deny"), "web.test", "127.0.0.1:1 is closed"),
        (("deny", "fine", "fine"), "web.test", "cannot resolve web.test"),
        (("mute", "deny", "deny"), "web.test", "could not be resolved within 0.9 s"),
        (("mute", "mute", "mute"), "web.test", "could not be resolved within 0.9 s"),
        (("mute", "fine", "fine"), "gone.test", "could not be resolved within 0.9 s"),
    ],
)
def test_a_mute_name_server_is_one_of_several(tmp_path: Path, moods: tuple[str, ...], name: str, said: str) -> None:
    """The others are asked within the deadline; what the first one says counts, and only addresses of the others."""
    script = tmp_path / "servers.py"
    script.write_text(f"MOODS = {moods!r}\n{SERVERS}")
    words = ("-H", name, "-p", "1")
    ran = shell(tmp_path, APART, str(tmp_path), sys.executable, str(script), *words, flags=["-m", "-n"], needs=["ip"])
    assert ran.code == 1
    assert said in ran.out, ran


@given(st.binary(max_size=200), st.integers(0, 100))
def test_no_answer_breaks_the_reader(data: bytes, at: int) -> None:
    """Whatever a server sends."""
    for kind in (_A, _AAAA):
        assert isinstance(_addresses(data.ljust(12, b"\0"), at, kind), list)
    others = Others("web.test", 0)
    for ident in (*others._asked, b""):
        others._read(ident + data)
    others.close()
