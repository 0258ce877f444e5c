"""What does one scenario do and see, once with the tutorial's script and once with ours?"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.lab import conf
from tests.lab.cluster import SCRIPTS, Cluster, wait

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

_HERE = Path(__file__).parent


class Scenario(NamedTuple):
    """One thing that breaks: its name, what happens, whose script is what, and the function that plays it."""

    name: str
    title: str
    tutorial: str
    ours: str
    play: Callable[[Case], str]


ALL: dict[str, Scenario] = {}


def scenario(title: str, *, tutorial: str, ours: str) -> Callable[[Callable[[Case], str]], Callable[[Case], str]]:
    """Declare a scenario; its function plays either side and returns what became of it, in a few words."""

    def declare(play: Callable[[Case], str]) -> Callable[[Case], str]:
        name = play.__name__.replace("_", "-")
        ALL[name] = Scenario(name, title, tutorial, ours, play)
        return play

    return declare


class Clients(NamedTuple):
    """What the clients saw: requests, failed ones, seconds from the first failed to the first good one after all."""

    asked: int
    failed: int
    outage: float
    over: bool
    pages: set[str]


class Case(Cluster):
    """One side of a scenario on a cluster of its own."""

    def __init__(self, *, ours: bool) -> None:
        super().__init__()
        self.ours = ours
        self._vips: tuple[str, ...] = ()
        self._prober: subprocess.Popen[str] | None = None

    def script(self, name: str) -> str:
        """Put one of the tutorials' scripts on every host that runs keepalived, and return its path there."""
        text = (_HERE / "tutorial" / name).read_text()
        for host in self.hosts.values():
            host.write(f"/etc/keepalived/{name}", text, 0o755)
        return f"/etc/keepalived/{name}"

    def haproxy_nodes(
        self, check: str, *, extra: str = "", body: str = conf.TRACK, holders: tuple[str, str] = ("ha1", "ha2")
    ) -> None:
        """Start keepalived on the HAProxy nodes with a block that says what is tracked, and wait for their VIPs."""
        vips = ("10.10.0.31", "10.10.0.32")
        self.keepalived({node: conf.haproxy_node(node, check, extra=extra, body=body) for node in ("ha1", "ha2")})
        self.watch(*vips)
        places = list(zip(vips, holders, strict=True))
        self.until(f"the VIPs are at {holders}", lambda: all(self.at(*place) for place in places), 30, self.verdicts)

    def verdicts(self) -> str:
        """Return what our checks said last on each host."""
        files = [file for host in self.hosts.values() for file in host.files.glob("run/vipwarden/verdict/[!.]*")]
        return "\n".join(f"{file.parts[2]}: {file.read_text(errors='replace')}" for file in files)

    def directors(self, services: str, servers: int, **more: str) -> None:
        """Start those directors that have a host, with their virtual services, and wait for so many real servers."""
        nodes = [name for name in ("lvs1", "lvs2") if name in self.hosts]
        self.keepalived({node: conf.director(node, services, **more) for node in nodes})
        self.watch("10.10.0.20", "10.20.0.1")
        self.until("lvs1 holds the VIPs", lambda: self.at("10.10.0.20", "lvs1") and self.at("10.20.0.1", "lvs1"))
        self.until("the directors have all real servers", lambda: all(len(self[n].weights()) == servers for n in nodes))

    def weight(self, server: str, director: str = "lvs1") -> int | None:
        """Return the weight of a real server on a director, None where it is not in the IPVS table."""
        return next((w for at, w in self[director].weights().items() if at.endswith(f">{server}")), None)

    def watch(self, *vips: str) -> None:
        """Name the VIPs that the table shows."""
        self._vips = vips

    def at(self, vip: str, *nodes: str) -> bool:
        """Return whether these nodes and no others hold a VIP."""
        return self.holders(vip) == list(nodes)

    def until(self, what: str, test: Callable[[], object], within: float = 30, but: Callable[[], object] = str) -> None:
        """Wait so many seconds for something that must come; raises TooLateError, with what ``but`` says then."""
        wait(what, test, within, but)

    def stays(self, what: str, test: Callable[[], object], seconds: float = 4) -> None:
        """See that something stays as it is; raises AssertionError."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.expect(what, test())
            time.sleep(0.1)

    def expect(self, what: str, seen: object) -> None:
        """See that something is so; raises AssertionError."""
        if not seen:
            raise AssertionError(f"not so: {what}")

    def probe(self, vip: str, port: int, *, served: bool = True) -> None:
        """Let clients ask for the page of a virtual service from now on, and wait for the first good answer."""
        login = "app of-the-lab" if port == 3306 else ""
        command = f"exec {sys.executable} -I {_HERE / 'client.py'} {vip} {port} {login} >/run/probe 2>/run/probe.errors"
        self._prober = self["client"].popen("sh", "-c", command)
        if served:
            self.until("the client is served", lambda: self.clients().pages)

    def clients(self, since: float = 0) -> Clients:
        """Return what the clients saw so far, or since a monotonic time."""
        lines = [line.split() for line in self["client"].read("/run/probe").splitlines()[:-1]]
        asked = [(float(when), float(took), what) for when, took, what in lines if float(when) >= since]
        bad = [index for index, (_, _, what) in enumerate(asked) if not what.startswith("ok:")]
        pages = {what[3:] for _, _, what in asked if what.startswith("ok:")}
        if not bad:
            return Clients(len(asked), 0, 0.0, over=True, pages=pages)
        over = bad[-1] + 1 < len(asked)
        when, took, _ = asked[bad[-1]]
        end = asked[bad[-1] + 1][0] if over else when + took
        return Clients(len(asked), len(bad), end - asked[bad[0]][0], over, pages)

    def served(self, seconds: float = 2) -> bool:
        """Return whether clients saw no failure in the last seconds."""
        seen = self.clients(time.monotonic() - seconds)
        return seen.asked > 3 and not seen.failed

    def stop_probe(self) -> None:
        """End the client."""
        if self._prober is not None:
            self["client"].kill(Path(sys.executable).name)
            self._prober.communicate(timeout=30)

    def exporter(self, *nodes: str) -> None:
        """Start the exporter on nodes, as it comes without a configuration, and wait until it serves its metrics."""
        command = f"setsid {SCRIPTS}/vipwarden exporter </dev/null >/run/vw.log 2>&1 &"
        self.everywhere(command, nodes)
        for node in nodes:
            self.until(f"{node} has metrics", partial(self.metrics, node), 60, partial(self[node].read, "/run/vw.log"))

    def metrics(self, node: str) -> str:
        """Return what the exporter of a node says, nothing where it does not."""
        with suppress(RuntimeError):
            return self[node].run("curl", "-sf", "--max-time", "5", "http://127.0.0.1:9877/metrics")
        return ""

    def says_held(self, node: str, vip: str) -> bool:
        """Return whether the exporter of a node says that the node holds a VIP."""
        lines = [line for line in self.metrics(node).splitlines() if line.startswith("keepalived_vip_held{")]
        return any(f'"{vip}"' in line or f'"{vip}/' in line for line in lines if float(line.split()[-1]) == 1)

    def seen(self) -> dict[str, str]:
        """Return the cells of the table: where the VIPs are, states, weights, what the clients saw."""
        vips = [f"{vip.rpartition('.')[2]} {'+'.join(self.holders(vip)) or 'nowhere'}" for vip in self._vips]
        nodes = [name for name in self.hosts if self.log(name) and self[name].is_on()]
        states = {name: dict.fromkeys(self.states(name).values()) or ("INIT",) for name in nodes}
        states |= {name: ("stopped",) for name in nodes if not self[name].pids("keepalived")}
        directors = [name for name in nodes if name.startswith("lvs")]
        holder = next((name for name in directors if name in self.holders(self._vips[0])), "")
        weights = sorted(self[holder].weights().items()) if holder else []
        servers = [f"{name.split('>')[1].split(':')[0].rpartition('.')[2]}={weight}" for name, weight in weights]
        cells = {
            "vip": ", ".join(vips),
            "state": ", ".join(f"{name} {'/'.join(state)}" for name, state in states.items()),
            "weights": " ".join(servers),
        }
        if self._prober is not None:
            clients = self.clients()
            cells["failed"] = f"{clients.failed}/{clients.asked}"
            cells["outage"] = f"{'' if clients.over else '>'}{clients.outage:.1f}"
        return cells
