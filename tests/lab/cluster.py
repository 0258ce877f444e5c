"""Which hosts does a scenario need, and how do they come up? docs/lab.md has a picture of their networks."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.lab import conf
from tests.lab.host import Host
from tests.lab.pace import factor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LAST = {
    "client": 100, "lvs1": 11, "lvs2": 12, "lb1": 13, "lb2": 14, "ha1": 21, "ha2": 22, "web1": 41, "web2": 42,
    "db1": 51, "db2": 52,
}  # fmt: skip
_BOTH = ("front", "back")
_SIDES = {"client": ("front",), "lvs": _BOTH, "lb": _BOTH, "ha": _BOTH, "web": ("back",), "db": ("back",)}
_SIDE = {"front": ("eth0", "10.10.0"), "back": ("eth1", "10.20.0")}
_BRIDGES = [f"link {verb}" for side in _SIDE for verb in (f"add br-{side} type bridge", f"set br-{side} up")]
_DIRECTOR = {"ip_forward": 1} | {f"conf/{name}/send_redirects": 0 for name in ("all", "default")}
_SYSCTL = {"lvs": _DIRECTOR, "ha": {"ip_nonlocal_bind": 1}}
SCRIPTS = "/usr/libexec/keepalived"


class TooLateError(AssertionError):
    """Something that was waited for did not come."""


def wait(what: str, test: Callable[[], object], within: float = 30, but: Callable[[], object] = str) -> None:
    """Wait so many seconds for a test to hold, more in a slow guest; raises TooLateError, with what ``but`` tells."""
    within *= factor()
    end = time.monotonic() + within
    while not test():
        if time.monotonic() > end:
            raise TooLateError(f"not within {within:g} s: {what} {but()}".rstrip())
        time.sleep(0.1)


def bridges() -> None:
    """Make the two networks, once for a guest."""
    _ip(_BRIDGES)


class Cluster:
    """The hosts of one scenario by name; leaving the ``with`` cuts the power of all."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.configured: Callable[[str], object] = str  # what is done with a host's keepalived.conf before its start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.off(*self.hosts)

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
        nodes = [name for name in ("ha1", "ha2") if name in self.hosts]
        for name in nodes:
            self[name].write("/etc/haproxy/haproxy.cfg", conf.HAPROXY.replace("@NODE@", name) + extra)
        self.everywhere("systemctl start haproxy", nodes)

    def databases(self, *names: str) -> None:
        """Start database servers, each on a copy of an empty database with the account of the application."""
        template = Path("/lab/database")
        if not template.exists():
            _database(template)
        for name in names:
            self[name].write("/run/db/my.cnf", conf.MARIADB)
            self[name].write("/run/db/account.sql", conf.ACCOUNT)
            subprocess.run(["cp", "-a", template, self[name].files / "run/db/data"], check=True)
            shutil.chown(self[name].files / "run/db", "mysql")
        self.everywhere("setsid mariadbd --defaults-file=/run/db/my.cnf </dev/null >/run/db/log 2>&1 &", names)
        for name in names:
            socket = self[name].files / "run/db/sock"
            wait(f"the database of {name} is up", socket.exists, 60, partial(self[name].read, "/run/db/log"))

    def keepalived(self, texts: dict[str, str]) -> None:
        """Start keepalived with the given configuration on each host that is named."""
        for name, text in texts.items():
            self[name].write("/etc/keepalived/keepalived.conf", text)
            self.configured(name)
        self.everywhere("systemctl start keepalived", texts)

    def off(self, *names: str) -> None:
        """Cut the power of hosts; those that are off already stay so."""
        for name in names:
            self[name].off()
        gone = [f"link del {name}-{side}" for name in names for side in _SIDES[name.rstrip("12")]]
        _ip(gone, force=True)

    def cut(self, name: str, side: str) -> None:
        """Pull the plug of a host's network at the switch, so that the host still sees its own link up."""
        _ip([f"link set {name}-{side} nomaster"])

    def mend(self, name: str, side: str) -> None:
        """Undo cut()."""
        _ip([f"link set {name}-{side} master br-{side}"])

    def holders(self, vip: str) -> list[str]:
        """Return the directors and HAProxy nodes that hold a VIP."""
        return [name for name, host in self.hosts.items() if name[:2] in ("lv", "lb", "ha") and vip in host.addresses()]

    def states(self, name: str) -> dict[str, str]:
        """Return the state of each VRRP instance of a host by what keepalived logged last."""
        entered = re.findall(r"\((\S+)\) entering (\w+) state", self.log(name), re.IGNORECASE)
        return {instance: state.upper() for instance, state in entered}

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


def _database(target: Path) -> None:
    """Make an empty database, once for a guest."""
    own = [line for line in conf.MARIADB.splitlines() if line.startswith(("innodb", "aria"))]
    options = ["--no-defaults", *(f"--{line}" for line in own), "--user=mysql", f"--datadir={target}"]
    install = ["mariadb-install-db", *options, "--skip-test-db", "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    with Path("/etc/hosts").open("a") as hosts:
        for name, last in LAST.items():  # no host waits for a DNS server that is not there
            hosts.writelines(f"{_SIDE[side][1]}.{last} {name}\n" for side in _SIDES[name.rstrip("12")])


def _ip(lines: list[str], *, force: bool = False) -> None:
    command = ["ip", *(["-force"] if force else []), "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines), text=True, timeout=60, capture_output=True, check=False)
    if done.returncode and not force:
        raise RuntimeError(f"ip: {done.stderr.strip()} in {lines}")
