"""What does one scenario do and see, once with the tutorial's script and once with ours?"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.lab import conf
from tests.lab.client import EVERY, LOGIN_EVERY, PATIENCE
from tests.lab.cluster import SCRIPTS, Cluster, wait
from tests.lab.explained import Explained, explained
from tests.lab.noticed import Clients, clients
from vipwarden.events.read import read

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

_HERE = Path(__file__).parent
_TIMED = """#!/bin/sh
# Run a check, and note what it says and when it begins, in seconds since boot.     timed NAME COMMAND...
read -r now _ </proc/uptime
echo "$now" >"/run/began.$1"
exec >>"/run/said.$1" 2>&1
echo "at $now:"
shift
exec "$@"
"""


class Scenario(NamedTuple):
    """One thing that breaks: its name, what happens, whose script is what, and the function that plays it.

    ``seconds`` are those after the fault for which the clients of either side are looked at.
    """

    name: str
    title: str
    tutorial: str
    ours: str
    seconds: float
    play: Callable[[Case], str]


ALL: dict[str, Scenario] = {}


def scenario(
    title: str, *, tutorial: str, ours: str, seconds: float = 12
) -> Callable[[Callable[[Case], str]], Callable[[Case], str]]:
    """Declare a scenario; its function plays either side and returns what became of it, in a few words."""

    def declare(play: Callable[[Case], str]) -> Callable[[Case], str]:
        name = play.__name__.replace("_", "-")
        ALL[name] = Scenario(name, title, tutorial, ours, seconds, play)
        return play

    return declare


class Case(Cluster):
    """One side of a scenario on a cluster of its own."""

    def __init__(self, *, ours: bool, seconds: float) -> None:
        super().__init__()
        self.ours = ours
        self._seconds = seconds
        self._fault, self._every = 0.0, EVERY
        self._vips: tuple[str, ...] = ()
        self._prober: subprocess.Popen[str] | None = None
        self._recorded: list[str] = []

    def keepalived(self, texts: dict[str, str]) -> None:
        """Start keepalived; with ours the events of its hosts are recorded."""
        if self.ours:
            self._record([name for name in texts if name not in self._recorded])
        super().keepalived(texts)

    def _record(self, names: Sequence[str]) -> None:
        self._recorded += names
        self.everywhere(f"setsid nice -n 10 {SCRIPTS}/vipwarden recorder </dev/null >>/run/recorder.log 2>&1 &", names)
        bells = [self[name].files / "run/vipwarden/events/.bell" for name in names]
        self.until("the recorders run", lambda: all(bell.exists() for bell in bells))

    def explained(self) -> Explained:
        """Return what the records of the hosts say of the fault."""
        folders = {name: self[name].files / "var/lib/vipwarden/events" for name in self._recorded}
        return explained({name: read(str(folder)) for name, folder in folders.items() if folder.exists()}, self._fault)

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
        """Return what our checks said last on each host, and what those that are timed() said all the time."""
        kinds = ("run/vipwarden/verdict/[!.]*", "run/said.*")
        files = [file for host in self.hosts.values() for kind in kinds for file in host.files.glob(kind)]
        tails = ((file, file.read_text(errors="replace").splitlines()[-12:]) for file in files)
        return "\n".join(f"{file.parts[2]}: " + "\n".join(lines) for file, lines in tails)

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
        self._every = LOGIN_EVERY if login else EVERY
        command = f"exec {sys.executable} -I {_HERE / 'client.py'} {vip} {port} {login} >/run/probe 2>/run/probe.errors"
        self._prober = self["client"].popen("sh", "-c", command)
        if served:
            self.until("the client is served", lambda: self.clients().pages)
        self._fault = time.monotonic()

    def clients(self, since: float = 0, until: float = float("inf")) -> Clients:
        """Return what the clients saw so far, or between two monotonic times."""
        return clients(self["client"].read("/run/probe"), since, until)

    def served(self, seconds: float = 2) -> bool:
        """Return whether clients saw no failure in the last seconds."""
        seen = self.clients(time.monotonic() - seconds)
        return seen.asked > 3 and not seen.failed

    def fails(self, what: str) -> None:
        """Wait until clients have failed since the fault, more than a few times."""
        self.until(what, lambda: self.clients(self._fault).failed > 3)

    def served_again(self) -> None:
        """Wait until clients have failed since the fault, and are served."""
        self.until("the clients notice", lambda: self.clients(self._fault).failed)
        self.until("the clients are served again", self.served)

    def timed(self, command: str, name: str = "check") -> str:
        """Return a command for keepalived.conf that notes on its host when it begins, for fault()."""
        for host in self.hosts.values():
            host.write("/etc/keepalived/timed", _TIMED, 0o755)
        return f"/etc/keepalived/timed {name} {command}"

    def fault(self, node: str = "", every: float = 0, name: str = "check") -> float:
        """Say that what breaks breaks now, and return when that is.

        With a node it comes half-way between two runs of a check that is timed() there, which begins every so many
        seconds: for either side at the same point.
        """
        if node:
            before = self[node].read(f"/run/began.{name}").strip()
            self.until(f"{name} begins", lambda: self[node].read(f"/run/began.{name}").strip() not in ("", before), 60)
            begun = float(self[node].read(f"/run/began.{name}"))
            time.sleep(max(0.0, begun + every / 2 - time.monotonic()))
        self._fault = time.monotonic()
        return self._fault

    def watched(self) -> None:
        """Wait until the clients have been looked at for long enough after the fault."""
        if self._prober is not None:
            time.sleep(max(0.0, self._fault + self._seconds + PATIENCE + EVERY - time.monotonic()))

    def stop_probe(self) -> None:
        """End the client."""
        if self._prober is not None:
            self["client"].kill(Path(sys.executable).name)
            self._prober.communicate(timeout=30)

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
            seen = self.clients(self._fault, self._fault + self._seconds)
            cells["failed"] = f"{seen.failed}/{seen.asked}"
            cells["wanted"] = str(int(self._seconds / self._every))
            cells["outage"] = f"{'' if seen.over else '>'}{seen.outage:.1f}"
        return cells
