"""How soon does keepalived know that HAProxy is dead: by a script of ours, by the agent, and by killall -0?"""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import BUSY, TRACKS, background, kill_all, until
from tests.lab.scenarios.haproxy import HOSTS, VIP

_INTERVAL, _FALL = 1, 2
_ROUNDS = 5
_BOUND = _INTERVAL * _FALL + 0.3 + BUSY
_TITLE = "HAProxy is killed: when does keepalived know?"
_THEIRS = f"killall -0: interval {_INTERVAL}, fall {_FALL}"
_FILE = f"{TRACKS}/haproxy"
_CHECKS = f"""\
checks:
  haproxy:
    all_of: [haproxy-runs, haproxy-answers]
  haproxy-runs:
    check: process
    command: haproxy
    interval: {_INTERVAL}
  haproxy-answers:
    check: http_digest
    host: 127.0.0.1
    regex: hello
    interval: {_INTERVAL}
    fall: {_FALL}
    fast_interval: 0.2
"""
_KILLALL = conf.script("/usr/bin/killall -0 haproxy", f"interval {_INTERVAL}\n  fall {_FALL}\n  rise 1")
# both count failures themselves: chk_haproxy two runs without an answer, the agent its own fall
_ONE_SHOT = conf.script(f"{SCRIPTS}/chk_haproxy --restarts 0", f"interval {_INTERVAL}\n  timeout {_INTERVAL}")
_VERDICT = conf.script(f"{SCRIPTS}/chk_verdict haproxy", f"interval {_INTERVAL}\n  timeout {_INTERVAL}")
_TRACK_FILE = f'track_file haproxy {{\n  file "{_FILE}"\n  weight 0 reverse\n}}\n'
_TRACKED = "track_file {\n    haproxy\n  }"


def _faults(case: Case) -> int:
    return case.log("ha1").count("(VI_31) Entering FAULT STATE")


def _more_faults(case: Case, number: int) -> bool:
    return _faults(case) > number


def _play(case: Case, script: str, *, agent: bool) -> str:
    """Kill HAProxy and start it again, some times, and look at keepalived's log and for the VIP."""
    case.start(HOSTS)
    case.web()
    case.haproxy()
    if case.ours and agent:
        for node in ("ha1", "ha2"):
            case[node].write("/etc/vipwarden/vipwarden.yaml", _CHECKS)
            background(case, node)
        case.until("both are healthy", lambda: all(case[n].read(_FILE).strip() == "1" for n in ("ha1", "ha2")), 60)
    if not case.ours:
        case.haproxy_nodes(_KILLALL)
    elif script:
        case.haproxy_nodes(script)
    else:
        case.haproxy_nodes(_TRACK_FILE, body=_TRACKED)
    case.probe(VIP, 80)
    seen, moved, first = [], [], _faults(case)
    case.fault()
    for turn in range(_ROUNDS):
        time.sleep(turn * _INTERVAL / _ROUNDS)  # the VIP comes back with a check: kill at all times between two
        begun = kill_all(case, "ha1", "haproxy")
        seen.append(until(case, "FAULT", partial(_more_faults, case, first + turn), begun, _BOUND))
        moved.append(until(case, "the VIP moved", lambda: case.at(VIP, "ha2"), begun, 10))
        case["ha1"].run("systemctl", "start", "haproxy")
        case.until("the VIP is back", lambda: case.at(VIP, "ha1"))
    case.expect("one hand-over for each time", _faults(case) == first + _ROUNDS)
    case.until("the clients are served", case.served)
    return f"FAULT {median(seen):.2f} s after it (at most {max(seen):.2f}), VIP moves after {median(moved):.2f}"


@scenario(_TITLE, tutorial=_THEIRS, ours="agent, track_file: its process, seen at once", seconds=60)
def handover(case: Case) -> str:
    """The agent sees it, and keepalived is told by the file."""
    return _play(case, "", agent=True)


@scenario(_TITLE, tutorial=_THEIRS, ours=f"chk_haproxy --restarts 0: interval {_INTERVAL}", seconds=60)
def handover_script(case: Case) -> str:
    """Keepalived starts a script that asks HAProxy."""
    return _play(case, _ONE_SHOT, agent=False)


@scenario(_TITLE, tutorial=_THEIRS, ours=f"agent, chk_verdict: interval {_INTERVAL}", seconds=60)
def handover_verdict(case: Case) -> str:
    """The agent sees it, and keepalived starts a script that reads the verdict."""
    return _play(case, _VERDICT, agent=True)
