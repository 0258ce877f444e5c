"""The agent judges real servers by track files and FILE_CHECK: how soon is it seen, and what when the agent is lost?"""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable

_SERVICE = "10.10.0.20"
_WEBS = {"web1": "10.20.0.41", "web2": "10.20.0.42"}
_BROKEN = f"{_WEBS['web1']}:8080"
_WEIGHT = 10
_INTERVAL, _FALL = 0.5, 2
BUSY = 1.5  # seconds that a guest may take longer than a machine would
TRACKS = "/run/vipwarden/track"
AGENT = f"{SCRIPTS}/vipwarden agent"

# A file that is not there is 0, and so is the real server's own weight: what nobody speaks for gets nothing. Not by
# "weight 0 reverse": with it keepalived 2.2.7, at its start and at reloads, takes a FILE_CHECK's 1 for a fault and its
# 0 for none (check_file.c, set_track_file_checkers_down()).
_REAL = f"""\
checks:
  web:
    check: http_digest
    hosts: [{", ".join(_WEBS.values())}]
    ports: 8080
    regex: hello
    interval: {_INTERVAL}
    fall: {_FALL}
    weight: ok={_WEIGHT}, critical=0
"""
# what a reader of the tutorials would write in the agent's place
_LOOP = """\
#!/bin/bash
while sleep 0.5; do
  for server in 10.20.0.41 10.20.0.42; do
    if /etc/keepalived/check_port.sh $server 8080; then weight=10; else weight=0; fi
    echo $weight >/run/vipwarden/track/web@$server:8080
  done
done
"""


def background(case: Case, node: str, command: str = AGENT) -> None:
    """Start a command on a node that goes on."""
    case[node].shell(f"setsid {command} </dev/null >>/run/vw.log 2>&1 &\necho $! >/run/vw.pid")


def _signal(case: Case, node: str, name: str) -> float:
    """Send what was started in the background a signal, but not its children; return when."""
    case[node].shell(f"kill -{name} $(cat /run/vw.pid)")
    return time.monotonic()


def kill_all(case: Case, node: str, program: str) -> float:
    """Kill a program with -9; return when."""
    case[node].kill(program, signal.SIGKILL)
    return time.monotonic()


def until(case: Case, what: str, test: Callable[[], object], begun: float, within: float) -> float:
    """Look often for what must come so many seconds after it began; return how long it took."""
    while not test():
        case.expect(f"{what} within {within:.1f} s", time.monotonic() < begun + within)
        time.sleep(0.02)
    return time.monotonic() - begun


def _real_servers(case: Case, writer: str, *, by_file: bool) -> None:
    """Start two web servers behind a director, whose keepalived looks at files that ``writer`` writes, or runs nmap."""
    case.start(("client", "lvs1", "web1", "web2"))
    case.web()
    nmap = case.script("check_port.sh")
    blocks, files = {}, ""
    for name, address in _WEBS.items():
        if by_file:
            files += f'track_file {name} {{\n  file "{TRACKS}/web@{address}:8080"\n}}\n'
            blocks[f"{address} 8080"] = f"FILE_CHECK {{\n      track_file {name}\n      weight 1\n    }}"
        else:
            blocks[f"{address} 8080"] = conf.misc(f"{nmap} {address} 8080", "misc_timeout 5")
    if by_file:
        (case["lvs1"].files / TRACKS.lstrip("/")).mkdir(parents=True)  # as packages do at boot: keepalived watches it
        case["lvs1"].write("/etc/vipwarden/vipwarden.yaml", _REAL)
        case["lvs1"].write("/etc/keepalived/write.sh", _LOOP, 0o755)
        background(case, "lvs1", writer)
        said = partial(case["lvs1"].read, "/run/vw.log")
        case.until("both files are written", lambda: set(_files(case)) == {str(_WEIGHT)}, 60, said)
    own = 0 if by_file else _WEIGHT
    case.directors(conf.service(_SERVICE, 8080, "NAT", blocks, weight=own), 2, check=files)
    case.until("both are healthy", lambda: _healthy(case), 60)
    case.probe(_SERVICE, 8080)
    case.until("both web servers are asked", lambda: case.clients().pages == set(_WEBS))


def _files(case: Case) -> list[str]:
    return [case["lvs1"].read(f"{TRACKS}/web@{address}:8080").strip() for address in _WEBS.values()]


def _healthy(case: Case) -> bool:
    return all(case.weight(f"{address}:8080") == _WEIGHT for address in _WEBS.values())


def _half(case: Case) -> bool:
    """Return whether the broken real server gets nothing and the other one goes on."""
    return not case.weight(_BROKEN) and case.weight(f"{_WEBS['web2']}:8080") == _WEIGHT


def _gone(case: Case) -> bool:
    return not any(case["lvs1"].weights().values())


@scenario("a web server is killed and comes back", tutorial="MISC_CHECK: nmap | grep open", ours="agent, FILE_CHECK")
def file_check(case: Case) -> str:
    """Kill nginx, and start it: with nothing to be started for a check, it may be asked twice as often."""
    _real_servers(case, AGENT, by_file=case.ours)
    bound = _INTERVAL * _FALL + 0.3 + BUSY if case.ours else 30
    begun = kill_all(case, "web1", "nginx")
    fell = until(case, "the real server gets nothing", lambda: not case.weight(_BROKEN), begun, bound)
    case.until("the clients are served again", case.served)
    case["lvs1"].run("systemctl", "reload", "keepalived")
    case.until("keepalived is reloaded", lambda: "Reload complete" in case.log("lvs1"))
    case.stays("a reload changes no weight", lambda: _half(case), 3)
    case["web1"].run("systemctl", "start", "nginx")
    rose = until(case, "the real server is back", lambda: _healthy(case), time.monotonic(), bound)
    case.until("both web servers are asked", lambda: case.clients(time.monotonic() - 2).pages == set(_WEBS))
    return f"{'weight 0' if case.ours else 'taken out'} after {fell:.2f} s, back after {rose:.2f} s"


def _lost(case: Case, name: str) -> float:
    """Send the agent a signal that silences it; return how long the real servers kept their weights."""
    begun = _signal(case, "lvs1", name)
    return until(case, f"no weights after {name}", lambda: _gone(case), begun, 3 * _INTERVAL + BUSY)


def _unseen(case: Case, what: str, action: Callable[[], object], seconds: float) -> None:
    """Do something with the agent, and see that keepalived has nothing to do for some seconds."""
    before = case.log("lvs1").count("Changing weight")
    action()
    case.stays(f"weights stay while the agent is {what}", lambda: _healthy(case), seconds)
    case.expect(f"no weight changed when the agent was {what}", case.log("lvs1").count("Changing weight") == before)


def _restart(case: Case) -> None:
    _signal(case, "lvs1", "TERM")
    background(case, "lvs1")


@scenario(
    "who writes the track files is killed with -9", tutorial="nmap in a loop, FILE_CHECK", ours="agent, FILE_CHECK"
)
def writer_killed(case: Case) -> str:
    """Kill the writer: a file that nobody writes any longer says what it said last, unless somebody takes it back."""
    _real_servers(case, AGENT if case.ours else "/etc/keepalived/write.sh", by_file=True)
    if not case.ours:
        _signal(case, "lvs1", "KILL")
        kill_all(case, "web1", "nginx")
        case.until("clients fail", lambda: case.clients().failed > 3)
        case.stays("the dead real server keeps its weight", lambda: case.weight(_BROKEN) == _WEIGHT, 6)
        return "what was said last: healthy"
    killed = _lost(case, "KILL")
    background(case, "lvs1")
    case.until("both are healthy again", lambda: _healthy(case))
    stopped = _lost(case, "STOP")
    _signal(case, "lvs1", "CONT")
    case.until("both are healthy once more", lambda: _healthy(case))
    _unseen(case, "reloaded", partial(_signal, case, "lvs1", "HUP"), 3)
    case.expect("the agent has reloaded", "reloaded: 2 checks" in case["lvs1"].read("/run/vw.log"))
    _unseen(case, "restarted", partial(_restart, case), 7)
    _signal(case, "lvs1", "0")  # the new one runs
    case.until("the clients are served", case.served)
    return f"weights 0 after {killed:.2f} s (-9), {stopped:.2f} s (SIGSTOP); reload and restart unseen"
