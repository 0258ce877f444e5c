"""Which scripts of a node run as they are, and with which stand-ins?

Each is run with nothing there; what it asks is then stood in for, until it succeeds or asks for nothing more.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.stage.held import below
from rehearse.stage.netasks import PING, SOCKET, Ask, admit, forget, refuse, seen, watch
from rehearse.stage.procs import CUT, comm
from rehearse.stage.trial import Trial
from rehearse.stage.view import inside, program, text
from rehearse.stage.wanted import NEVER, wanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearse.stage.node import Node
    from rehearse.stage.wanted import Wanted

OTHER = "stand-in"  # the service of what no process is known for
_ROUNDS = 5
_PATIENCE = 8.0
_AGAIN = 0.5
_WARM = 2.0  # seconds in which a real server opens its ports
_MOST_PORTS = 64
_SERVERS = {  # those that are run with the configuration that is given
    "haproxy": ("/etc/haproxy/haproxy.cfg", ("haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg")),
    "nginx": ("/etc/nginx/nginx.conf", ("nginx", "-g", "daemon off;")),
}


def service(name: str) -> dict[str, Any]:
    """Return a service that does nothing yet."""
    return {"name": name, "line": "", "listens": [], "sockets": [], "pidfiles": [], "words": []}


class Observer:
    """The scripts of one node; ``peers`` are the addresses of the other nodes."""

    def __init__(self, node: Node, vips: Iterable[str], peers: Iterable[str]) -> None:
        self._node = node
        self._own = {it.partition("/")[0] for held in node.given["addresses"].values() for it in held} | {*vips}
        self._peers = {*peers}
        self._services: dict[str, dict[str, Any]] = {}
        self._behind: set[Ask] = set()
        self._remote: list[str] = []
        self._at_peers: set[Ask] = set()
        self._admitted: set[str] = set()
        self._trial = Trial(node)

    def observe(self) -> dict[str, Any]:
        """Return what is known of each script, and the services and addresses that stand in for what they ask."""
        node = self._node
        for vip in self._own:
            with suppress(subprocess.CalledProcessError):
                node.run("ip", "address", "add", vip, "dev", "lo")
        for family in ("-4", "-6"):
            node.run("ip", family, "route", "replace", "default", "dev", "lo")
        watch(node, [*self._own, "127.0.0.0/8", "::1"])
        self._start_servers()
        scripts = {name: self._script(name, argv) for name, argv in node.given["scripts"].items()}
        return {
            "scripts": scripts,
            "services": [*self._services.values()],
            "remote": self._remote,
            "peers": sorted(self._at_peers),
        }

    def _start_servers(self) -> None:
        """Run the real servers whose configuration is given, with stand-ins for what they ask."""
        over, at = Path(self._node.given["over"]), self._node.given["at"]
        for name, (conf, argv) in _SERVERS.items():
            place = over / conf.removeprefix(at).lstrip("/")
            if not conf.startswith(at) or not place.is_file() or not program(self._node.root, name).exists():
                continue
            self._service(name)["program"] = [*argv]
            self._renew()
            if self._node.held.ask(f"is-active {name}").startswith("0"):
                self._behind |= seen(self._node)
                self._stand_in(self._behind, OTHER)
            else:
                del self._services[name]
            self._renew()

    def _script(self, name: str, argv: list[str]) -> dict[str, Any]:
        """Return what is known of a script: whether it runs as it is, and if not, why."""
        found: dict[str, Any] = {
            "as_it_is": False,
            "why": "",
            "says_ok": False,
            "processes": [],
            "asks": [],
            "cpu": 0.0,
            "slow": 0.0,
        }
        found["has_interpreter"] = bool(argv) and text(self._node.root, argv[0]).startswith("#!")
        missing = self._missing(argv)
        if missing:
            return {**found, "why": missing}
        wants = wanted(self._texts(argv))
        forget(self._node)
        self._clear()
        begun = time.monotonic()
        ok, why = self._trial.run(name, argv)
        said_ok = ok and not self._is_started(wants)
        listed = {Ask("tcp", "", port) for port in wants.ports}
        asks: set[Ask] = set()
        processes: dict[str, str] = {}
        for number in range(_ROUNDS):
            more = (seen(self._node) | listed) - asks - self._behind
            units = self._units(begun)
            fresh = {it: line for it, line in (wants.processes | units).items() if it not in processes}
            asks |= more
            processes |= fresh
            if number and (ok or not (more or fresh)):
                break
            if len(asks) > _MOST_PORTS:
                return {**found, "why": f"it asks more than {_MOST_PORTS} ports"}
            self._prepare(asks, processes, wants)
            ok, why = self._trial.run(name, argv)
        begun = time.monotonic()
        while not ok and (asks or processes) and time.monotonic() - begun < _PATIENCE:
            time.sleep(_AGAIN)  # some say OK only after a while
            ok, why = self._trial.run(name, argv)
        found["slow"] = time.monotonic() - begun if ok else 0.0
        if not processes:
            asks |= {Ask(SOCKET, path, 0) for path in wants.sockets}
        known = sorted({self._named(it) for it in asks})
        found |= {"as_it_is": ok, "why": "" if ok else why, "processes": [*processes], "asks": [[*it] for it in known]}
        return {**found, "says_ok": said_ok and bool(asks or processes), "cpu": self._trial.cpu}

    def _is_started(self, wants: Wanted) -> bool:
        """Return whether the script has started by itself what it asks for."""
        names = {it[:CUT] for it in wants.processes}
        pids = below(self._node.held.first)
        return any(comm(Path(f"/proc/{it}")) in names for it in pids) if names else False

    def _missing(self, argv: list[str]) -> str:
        """Return why a script cannot be run at all, or nothing."""
        if not argv:
            return "it has no command"
        if argv[0].startswith("<"):
            return f"it reads the file {argv[0][1:]}"
        place = inside(self._node.root, str(program(self._node.root, argv[0]).relative_to(self._node.root)))
        if not place.is_file():
            return f"there is no {argv[0]} in what is given"
        return "" if os.access(place, os.X_OK) else f"{argv[0]} is not executable"

    def _texts(self, argv: list[str]) -> list[str]:
        paths = [it for it in argv if it.startswith("/")]
        return [shlex.join(argv), *(text(self._node.root, it) for it in paths)]

    def _units(self, begun: float) -> dict[str, str]:
        """Return the services that were asked of systemctl since then."""
        asked = [name for at, what, name in self._node.held.notes() if what == "asked" and at >= begun]
        return {it: "" for it in asked if it and it not in NEVER}

    def _clear(self) -> None:
        """Let nothing be there."""
        for address in self._admitted:
            self._route("delete", address)
            refuse(self._node, address)
        self._admitted.clear()
        self._node.held.ask("clear")
        self._node.held.serve([])

    def _prepare(self, asks: set[Ask], processes: dict[str, str], wants: Wanted) -> None:
        self._node.held.ask("clear")  # what the script has started by itself
        for name, line in processes.items():
            self._service(name)["line"] = line
        only = next(iter(processes)) if len(processes) == 1 else OTHER
        self._stand_in(asks | self._behind, only)
        if wants.sockets or wants.pidfiles:
            service = self._service(only)
            service["sockets"] = [*dict.fromkeys((*service["sockets"], *wants.sockets))]
            service["pidfiles"] = [*dict.fromkeys((*service["pidfiles"], *wants.pidfiles))]
        for service in self._services.values():
            service["words"] = [*dict.fromkeys((*service["words"], *wants.words))]
        self._renew()

    def _stand_in(self, asks: set[Ask], name: str) -> None:
        """Let the services listen where something asks."""
        taken = {tuple(it) for service in self._services.values() for it in service["listens"]}
        for ask in sorted(asks):
            place = self._named(ask)
            if place.address in self._peers:
                self._at_peers.add(place)
            elif place.address and place.address not in self._remote:
                self._remote.append(place.address)
            if place.address and place.address not in self._admitted:
                self._admitted.add(place.address)
                self._route("replace", place.address)
                admit(self._node, place.address)
            wants = (place.protocol, place.port)
            if place.protocol != PING and wants not in taken and not self._listens(place):
                taken.add(wants)
                self._service(OTHER if place.address else name)["listens"].append([*wants])

    def _named(self, ask: Ask) -> Ask:
        """Return an ask without its address where it is the node's own."""
        if ask.protocol in (PING, SOCKET) or not ask.address:
            return ask
        is_own = ask.address in self._own or ip_address(ask.address).is_loopback
        return ask._replace(address="") if is_own else ask

    def _listens(self, ask: Ask) -> bool:
        """Return whether a real server has this port."""
        if not any(it.get("program") for it in self._services.values()) or ask.protocol != "tcp":
            return False
        lines = [
            line.split()
            for name in ("tcp", "tcp6")
            for line in Path(f"/proc/{self._node.held.first}/net/{name}").read_text("ascii").splitlines()[1:]
        ]
        return any(it[3] == "0A" and int(it[1].rpartition(":")[2], 16) == ask.port for it in lines)

    def _service(self, name: str) -> dict[str, Any]:
        return self._services.setdefault(name, service(name))

    def _route(self, verb: str, address: str) -> None:
        self._node.run("ip", "-6" if ":" in address else "-4", "route", verb, "local", address, "dev", "lo")

    def _renew(self) -> None:
        self._node.held.serve([*self._services.values()])
        if any(it.get("program") for it in self._services.values()):
            time.sleep(_WARM)
