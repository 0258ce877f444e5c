"""What checks is gone: does keepalived take that for healthy?

With a script it does: an exec that fails counts as success. With the agent's track file, by "weight 0 reverse", it
does not: there the file must say 1, and none is a fault.
"""

from __future__ import annotations

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.haproxy import HOSTS, VIP

_FILE = "/run/vipwarden/track/haproxy"
_TRACK_FILE = f'vrrp_track_file haproxy {{\n  file "{_FILE}"\n  weight 0 reverse\n}}\n'
_TRACKED = "track_file {\n haproxy\n }"
_INTERVAL = "interval 1\n  fall 2\n  rise 2"
_CHECKS = """\
checks:
  haproxy:
    check: http_digest
    host: 127.0.0.1
    regex: hello
    interval: 1
    fall: 2
"""


def _agent(case: Case, node: str) -> None:
    """Start the agent of a node and wait for its first verdict."""
    case[node].write("/etc/vipwarden/vipwarden.yaml", _CHECKS)
    case[node].shell(f"setsid {SCRIPTS}/vipwarden agent </dev/null >/run/vw.log 2>&1 &")
    case.until(
        f"{node} is healthy", lambda: case[node].read(_FILE).strip() == "1", 60, lambda: case[node].read("/run/vw.log")
    )


def _open(case: Case) -> str:
    """See that a dead HAProxy keeps its VIP."""
    case.fault()
    case["ha1"].kill("haproxy")
    case.fails("clients are not served")
    case.stays("the VIP stays where nobody answers", lambda: case.at(VIP, "ha1"), 6)
    case.expect("the outage goes on", not case.served())
    return "cannot be run: healthy"


@scenario("a check is deleted while keepalived runs", tutorial="pidof haproxy", ours="agent, track file")
def check_deleted(case: Case) -> str:
    """Delete the tutorial's script, or our track file."""
    case.start(HOSTS)
    case.web()
    case.haproxy()
    if not case.ours:
        case.haproxy_nodes(conf.script(case.script("check_process.sh"), _INTERVAL))
        case.probe(VIP, 80)
        (case["ha1"].files / "etc/keepalived/check_process.sh").unlink()
        return _open(case)
    for node in ("ha1", "ha2"):
        _agent(case, node)
    case.haproxy_nodes(_TRACK_FILE, body=_TRACKED)
    case.probe(VIP, 80)
    case.fault()
    (case["ha1"].files / _FILE.lstrip("/")).unlink()
    case.until("the VIP moved", lambda: case.at(VIP, "ha2"))
    case.until("the clients are served", case.served)
    return "no file is a fault: VIP moves"


@scenario("the interpreter of a check is missing", tutorial="#!/usr/local/bin/python2.7", ours="agent, track file")
def interpreter_missing(case: Case) -> str:
    """Start keepalived where the tutorial's script cannot run, or where our agent did not."""
    case.start(HOSTS)
    case.web()
    case.haproxy()
    if not case.ours:
        case.haproxy_nodes(conf.script(case.script("check_page"), _INTERVAL))
        case.probe(VIP, 80)
        return _open(case)
    (case["ha1"].files / "run/vipwarden/track").mkdir(parents=True)  # as packages do at boot: keepalived watches it
    _agent(case, "ha2")
    case.haproxy_nodes(_TRACK_FILE, body=_TRACKED, holders=("ha2", "ha2"))
    case.probe(VIP, 80)
    case.stays("the VIP stays where a check says healthy", lambda: case.at(VIP, "ha2"))
    return "no file is a fault: VIP at the other node"
