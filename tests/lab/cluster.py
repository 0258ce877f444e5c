"""Which hosts does a scenario need, and how do they come up?

    front 10.10.0.0/24                                back 10.20.0.0/24
    client .100
    lvs1 .11  lvs2 .12   VIP .10 (DR) and .20 (NAT)   lvs1 .11  lvs2 .12  VIP .1, the gateway of what is behind
    ha1  .21  ha2  .22   VIP .31 (ha1) and .32 (ha2)  ha1  .21  ha2  .22
                                                      web1 .41  web2 .42  db1 .51  db2 .52
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from tests.lab import conf
from tests.lab.host import Host, everybody_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LAST = {"client": 100, "lvs1": 11, "lvs2": 12, "ha1": 21, "ha2": 22, "web1": 41, "web2": 42, "db1": 51, "db2": 52}
_SIDES = {"client": ("front",), "lvs": ("front", "back"), "ha": ("front", "back"), "web": ("back",), "db": ("back",)}
_SIDE = {"front": ("eth0", "10.10.0"), "back": ("eth1", "10.20.0")}
_BRIDGES = [f"link {verb}" for side in _SIDE for verb in (f"add br-{side} type bridge", f"set br-{side} up")]
_DIRECTOR = {"ip_forward": 1} | {f"conf/{name}/send_redirects": 0 for name in ("all", "default")}
_SYSCTL = {"lvs": _DIRECTOR, "ha": {"ip_nonlocal_bind": 1}}
SCRIPTS = "/usr/libexec/keepalived"


class Timeout(AssertionError):
    """Something that was waited for did not come."""


def wait(what: str, test: Callable[[], object], within: float = 30) -> float:
    """Wait until a test holds and return the seconds it took; raises Timeout."""
    begun = time.monotonic()
    while not test():
        if time.monotonic() - begun > within:
            raise Timeout(f"not within {within:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - begun


def bridges() -> None:
    """Make the two networks, once for a guest."""
    _ip(_BRIDGES)


class Cluster:
    """The hosts of one scenario by name; leaving the ``with`` cuts the power of all."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        everybody_off(self.hosts.values())

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def start(self, names: Iterable[str]) -> None:
        """Start hosts and connect them."""
        plugs, switch = [], []
        for name in names:
            kind = name.rstrip("12")
            host = self.hosts[name] = Host(name, _SYSCTL.get(kind, {}))
            inside = ["link set lo up"]
            for side in _SIDES[kind]:
                device, net = _SIDE[side]
                plugs.append(f"link add {name}-{side} type veth peer name {device} netns {host.pid}")
                switch.append(f"link set {name}-{side} master br-{side} up")
                inside += [f"addr add {net}.{LAST[name]}/24 dev {device}", f"link set {device} up"]
            if kind in ("web", "db"):
                inside.append("route add default via 10.20.0.1")
            host.write("/run/network", "\n".join(inside) + "\n")
        _ip(plugs + switch)
        self.everywhere("ip -batch /run/network", names)

    def everywhere(self, script: str, names: Iterable[str]) -> None:
        """Run one shell script on several hosts at once."""
        started = [(name, self[name].popen("bash", "-euc", script)) for name in names]
        for name, process in started:
            said, _ = process.communicate(timeout=60)
            if process.returncode:
                raise RuntimeError(f"{name}: {script!r} exited with {process.returncode}: {said.strip()}")

    def web(self) -> None:
        """Start the web servers."""
        for name in ("web1", "web2"):
            self[name].write("/run/www/index.html", conf.page(name))
            self[name].write("/run/nginx.conf", conf.NGINX)
        self.everywhere("mkdir -p /run/body && nginx -c /run/nginx.conf", ("web1", "web2"))

    def haproxy(self, extra: str = "") -> None:
        """Start HAProxy on its two nodes."""
        for name in ("ha1", "ha2"):
            self[name].write("/etc/haproxy/haproxy.cfg", conf.HAPROXY.replace("@NODE@", name) + extra)
        self.everywhere("systemctl start haproxy", ("ha1", "ha2"))

    def keepalived(self, texts: dict[str, str]) -> None:
        """Start keepalived with the given configuration on each host that is named."""
        for name, text in texts.items():
            self[name].write("/etc/keepalived/keepalived.conf", text)
        self.everywhere("systemctl start keepalived", texts)

    def cut(self, name: str, side: str) -> None:
        """Pull the plug of a host's network at the switch, so that the host still sees its own link up."""
        _ip([f"link set {name}-{side} nomaster"])

    def mend(self, name: str, side: str) -> None:
        """Undo cut()."""
        _ip([f"link set {name}-{side} master br-{side}"])

    def holders(self, vip: str) -> list[str]:
        """Return the directors and HAProxy nodes that hold a VIP."""
        return [name for name, host in self.hosts.items() if name[:2] in ("lv", "ha") and vip in host.addresses()]

    def states(self, name: str) -> dict[str, str]:
        """Return the state of each VRRP instance of a host by what keepalived logged last."""
        found = {}
        for line in self.log(name).splitlines():
            instance, entering, state = line.partition(") Entering ")
            if entering:
                found[instance.rpartition("(")[2]] = state.split()[0]
        return found

    def log(self, name: str) -> str:
        """Return what keepalived logged on a host."""
        return self[name].read("/run/keepalived.log")


def drop(host: Host, device: str, match: str) -> None:
    """Drop what comes in at a host and matches, as in tc-u32(8): a firewall that says nothing."""
    rules = f"qdisc add dev {device} clsact\nfilter add dev {device} ingress protocol ip u32 {match} action drop\n"
    host.write("/run/drop", rules)
    host.run("tc", "-batch", "/run/drop")


def let_in(host: Host, device: str) -> None:
    """Undo drop()."""
    host.run("tc", "qdisc", "del", "dev", device, "clsact")


def _ip(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, timeout=60)
