"""The agent judges real servers for chk_verdict: how soon is it seen, and what when the agent is lost?"""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.pace import factor

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "10.10.0.20"
WEBS = {"web1": "10.20.0.41", "web2": "10.20.0.42"}
_BROKEN = f"{WEBS['web1']}:8080"
SORRY = "10.20.0.51"
WEIGHT = 10
_EVERY = 2  # keepalived's delay_loop, whoever judges
_INTERVAL = 0.5
_PROMISE = 1 + 1.5 * _INTERVAL  # for how long a verdict of the agent speaks
BUSY = 3  # seconds that a guest may take longer than a machine would
TRACKS = "/run/vipwarden/track"
AGENT = f"{SCRIPTS}/vipwarden agent"
NMAP, FILE, VERDICT = "nmap", "FILE_CHECK", "chk_verdict"

_REAL = f"""\
checks:
  web:
    check: http_digest
    hosts: [{", ".join(WEBS.values())}]
    ports: 8080
    regex: hello
    interval: {_INTERVAL}
    retry: 1
agent:
  restart_grace: 20  # a new agent takes some seconds to start where the machine is busy
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


def send(case: Case, node: str, name: str) -> float:
    """Send what was started in the background a signal, but not its children; return when."""
    case[node].shell(f"kill -{name} $(cat /run/vw.pid)")
    return time.monotonic()


def kill_all(case: Case, node: str, program: str) -> float:
    """Kill a program with -9; return when."""
    case[node].kill(program, signal.SIGKILL)
    return time.monotonic()


def until(case: Case, what: str, test: Callable[[], object], begun: float, within: float) -> float:
    """Look often for what must come so many seconds after it began; return how long it took."""
    within *= factor()
    while not test():
        case.expect(f"{what} within {within:.1f} s", time.monotonic() < begun + within)
        time.sleep(0.02)
    return time.monotonic() - begun


def real_servers(case: Case, by: str, *, sorry: bool = False, up: tuple[str, ...] = tuple(WEBS)) -> None:
    """Start two web servers behind a director, whose keepalived judges them by nmap, by track files or by the agent.

    ``up`` are those that run when it starts. With a sorry server that is what a director has where none is in.
    """
    case.start(("client", "lvs1", "web1", "web2", *(["db1"] if sorry else [])))
    case.web()
    if sorry:
        case["db1"].write("/run/www/index.html", "we are sorry\n")
        case["db1"].write("/run/nginx.conf", conf.NGINX)
        case["db1"].shell("mkdir -p /run/body && nginx -c /run/nginx.conf")
    for name in set(WEBS) - set(up):
        kill_all(case, name, "nginx")
    nmap = case.script("check_port.sh")
    blocks, tracked = {}, ""
    for name, address in WEBS.items():
        blocks[f"{address} 8080"] = conf.misc(case.timed(f"{nmap} {address} 8080", name), "misc_timeout 5")
        if by == VERDICT:
            command = case.timed(f"{SCRIPTS}/chk_verdict web@{address}:8080", name)
            blocks[f"{address} 8080"] = conf.misc(command, "misc_timeout 5\n alpha")
        elif by == FILE:
            tracked += f'track_file {name} {{\n  file "{TRACKS}/web@{address}:8080"\n}}\n'
            blocks[f"{address} 8080"] = f"FILE_CHECK {{\n      track_file {name}\n      weight 1\n    }}"
    if by != NMAP:
        (case["lvs1"].files / TRACKS.lstrip("/")).mkdir(parents=True)  # as packages do at boot: keepalived watches it
        case["lvs1"].write("/etc/vipwarden/vipwarden.yaml", _REAL)
        case["lvs1"].write("/etc/keepalived/write.sh", _LOOP, 0o755)
        background(case, "lvs1", AGENT if by == VERDICT else "/etc/keepalived/write.sh")
        said = partial(case["lvs1"].read, "/run/vw.log")
        case.until("both files are written", lambda: all(files(case)), 60, said)
    own = 0 if by == FILE else WEIGHT
    service = conf.service(SERVICE, 8080, "NAT", blocks, weight=own, every=_EVERY, sorry=SORRY if sorry else "")
    case.directors(service, 1 if sorry else 2, check=tracked)


def _begin(case: Case, by: str) -> None:
    """Start with two healthy web servers, and clients that are served by both."""
    real_servers(case, by)
    case.until("both are healthy", lambda: healthy(case), 60)
    case.probe(SERVICE, 8080)
    case.until("both web servers are asked", lambda: case.clients().pages == set(WEBS))


def files(case: Case) -> list[str]:
    return [case["lvs1"].read(f"{TRACKS}/web@{address}:8080").strip() for address in WEBS.values()]


def healthy(case: Case) -> bool:
    return all(case.weight(f"{address}:8080") == WEIGHT for address in WEBS.values())


def _changes(case: Case) -> int:
    """Return how often keepalived changed what is in its IPVS table."""
    return sum(case.log("lvs1").count(words) for words in ("Changing weight", "Removing service", "Adding service"))


def half(case: Case) -> bool:
    """Return whether the broken real server gets nothing and the other one goes on."""
    return not case.weight(_BROKEN) and case.weight(f"{WEBS['web2']}:8080") == WEIGHT


def _gone(case: Case) -> bool:
    return not any(case["lvs1"].weights().values())


@scenario("a web server is killed and comes back", tutorial="MISC_CHECK: nmap | grep open", ours="agent, chk_verdict")
def agent_verdict(case: Case) -> str:
    """Kill nginx, and start it."""
    _begin(case, VERDICT if case.ours else NMAP)
    bound = _EVERY + _INTERVAL + 0.3 + BUSY if case.ours else 30
    begun = case.fault("lvs1", _EVERY, "web1")
    kill_all(case, "web1", "nginx")
    fell = until(case, "the real server gets nothing", lambda: not case.weight(_BROKEN), begun, bound)
    case.served_again()
    case["lvs1"].run("systemctl", "reload", "keepalived")
    case.until("keepalived is reloaded", lambda: "Reload complete" in case.log("lvs1"))
    case.stays("a reload changes no weight", lambda: half(case), 3)
    case["web1"].run("systemctl", "start", "nginx")
    rose = until(case, "the real server is back", lambda: healthy(case), time.monotonic(), bound)
    case.until("both web servers are asked", lambda: case.clients(time.monotonic() - 2).pages == set(WEBS))
    return f"taken out after {fell:.2f} s, back after {rose:.2f} s"


def _lost(case: Case, name: str) -> float:
    """Send the agent a signal that silences it; return how long the real servers kept their weights."""
    begun = send(case, "lvs1", name)
    return until(case, f"no weights after {name}", lambda: _gone(case), begun, _PROMISE + _EVERY + BUSY)


def _unseen(case: Case, what: str, action: Callable[[], object], seconds: float) -> None:
    """Do something with the agent, and see that keepalived has nothing to do for some seconds."""
    before = _changes(case)
    action()
    case.stays(f"weights stay while the agent is {what}", lambda: healthy(case), seconds)
    case.expect(f"nothing changed when the agent was {what}", _changes(case) == before)


def _restart(case: Case) -> None:
    send(case, "lvs1", "TERM")
    background(case, "lvs1")


@scenario(
    "who judges the real servers is killed with -9",
    tutorial="nmap in a loop, FILE_CHECK",
    ours="agent, chk_verdict",
    seconds=25,
)
def writer_killed(case: Case) -> str:
    """Kill the writer: a file that nobody writes any longer says what it said last, unless somebody takes it back."""
    _begin(case, VERDICT if case.ours else FILE)
    case.fault()
    if not case.ours:
        send(case, "lvs1", "KILL")
        kill_all(case, "web1", "nginx")
        case.fails("clients fail")
        case.stays("the dead real server keeps its weight", lambda: case.weight(_BROKEN) == WEIGHT, 6)
        return "what was said last: healthy"
    killed = _lost(case, "KILL")
    background(case, "lvs1")
    case.until("both are healthy again", lambda: healthy(case))
    stopped = _lost(case, "STOP")
    send(case, "lvs1", "CONT")
    case.until("both are healthy once more", lambda: healthy(case))
    _unseen(case, "reloaded", partial(send, case, "lvs1", "HUP"), 3)
    case.expect("the agent has reloaded", "reloaded: 2 checks" in case["lvs1"].read("/run/vw.log"))
    _unseen(case, "restarted", partial(_restart, case), 7)
    send(case, "lvs1", "0")  # the new one runs
    case.until("the clients are served", case.served)
    return f"weights 0 after {killed:.2f} s (-9), {stopped:.2f} s (SIGSTOP); reload and restart unseen"
