"""HAProxy breaks on the node that holds the VIP."""

from __future__ import annotations

import signal
import time
from functools import partial

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import AGENT, background, send

VIP = "10.10.0.31"
HOSTS = ("client", "web1", "web2", "ha1", "ha2")
# three times the usual interval and deadline, for the guest has one slow CPU for both nodes and all that they run
_EVERY = 3
_OURS = f"{SCRIPTS}/chk_haproxy --timeout 2.7"
_BY_AGENT = """
frontend agents
  bind *:81
  default_backend agents
backend agents
  balance roundrobin
  default-server agent-check agent-inter 500ms agent-port 9779
  server web1 10.20.0.41:8080 agent-send "\\n"
  server web2 10.20.0.42:8080 agent-send "\\n"
"""
_CONFIGURATION = """\
agent:
  listen: agent-check :9779 web
  allow: 10.20.0.0/24
checks:
  web: {check: http_page, host: 127.0.0.1, port: 8080, interval: 1}
"""
_TUTORIAL = "ps -C haproxy | wc -l; restart; sleep; stop keepalived"


def _begin(case: Case) -> None:
    case.start(HOSTS)
    case.web()
    case.haproxy()
    command = case.timed(_OURS if case.ours else case.script("check_haproxy.sh"))
    settings = f"interval {_EVERY}\n  timeout 6" if case.ours else f"interval {_EVERY}\n  weight -5\n  fall 3\n  rise 2"
    case.haproxy_nodes(conf.script(command, settings))
    case.probe(VIP, 80)
    case.until("all is calm", case.served)


def _restarted(case: Case) -> str:
    case.served_again()
    case.expect("the VIP stayed", case.at(VIP, "ha1") and case.log("ha1").count("(VI_31) Entering MASTER") == 1)
    case.expect("keepalived was never stopped", len(case.log("ha1").split("Starting Keepalived")) == 2)
    return "restarted in place"


def _returns(case: Case) -> None:
    said = partial(case["ha1"].read, "/run/vipwarden/verdict/chk_haproxy%20haproxy")
    case.until("the VIP is back where it belongs", lambda: case.at(VIP, "ha1"), 60, said)
    case.expect("keepalived was never stopped", len(case.log("ha1").split("Starting Keepalived")) == 2)


@scenario("HAProxy is killed", tutorial=_TUTORIAL, ours="chk_haproxy")
def haproxy_killed(case: Case) -> str:
    """Kill it with -9: what the tutorial's script is made for."""
    _begin(case)
    case.fault("ha1", _EVERY)
    case["ha1"].kill("haproxy")
    return _restarted(case)


@scenario("HAProxy hangs (SIGSTOP)", tutorial=_TUTORIAL, ours="chk_haproxy")
def haproxy_hung(case: Case) -> str:
    """Stop it: the process is there, and nobody answers."""
    _begin(case)
    case.fault("ha1", _EVERY)
    case["ha1"].kill("haproxy", signal.SIGSTOP)
    if case.ours:
        return _restarted(case)
    case.fails("the clients are not served")
    case.stays("the VIP stays where nobody answers", lambda: case.at(VIP, "ha1"), 6)
    case.expect("the outage goes on", not case.served())
    return "there is a process: healthy"


@scenario("haproxy.cfg is broken, so that it cannot restart", tutorial=_TUTORIAL, ours="chk_haproxy")
def haproxy_config(case: Case) -> str:
    """Break it: restarts are in vain, the script dies in its sleep, and -5 is too little to hand the VIP over."""
    _begin(case)
    good = case["ha1"].read("/etc/haproxy/haproxy.cfg")
    case["ha1"].write("/etc/haproxy/haproxy.cfg", good + "no such keyword\n")
    case.fault("ha1", _EVERY)
    case["ha1"].kill("haproxy")
    if not case.ours:
        case.fails("the clients are not served")
        case.stays("the VIP stays where nobody answers", lambda: case.at(VIP, "ha1"), 8)
        case.expect("the outage goes on", not case.served())
        return "restarted in vain, VIP stays"
    case.until("the VIP moved", lambda: case.at(VIP, "ha2"))
    case.served_again()
    case.stays("the VIP stays where it works", lambda: case.at(VIP, "ha2"), 5)
    case["ha1"].write("/etc/haproxy/haproxy.cfg", good)
    case["ha1"].run("systemctl", "start", "haproxy")
    _returns(case)
    return "VIP moves; returns when mended"


def _agents(case: Case) -> None:
    """Start what answers HAProxy's agent-check on the web servers."""
    for name in ("web1", "web2"):
        case[name].write("/etc/vipwarden/vipwarden.yaml", _CONFIGURATION)
        background(case, name, AGENT if case.ours else case.script("agent_check"))


@scenario("HAProxy's agent-check is killed with -9, and its server breaks", tutorial="a small server", ours="agent")
def haproxy_agent(case: Case) -> str:
    """Kill what answers, and break the server: HAProxy keeps the last state of a server whose agent is silent."""
    case.start(HOSTS)
    case.web()
    _agents(case)
    case.haproxy(_BY_AGENT)
    case.haproxy_nodes(conf.script("/bin/true", "interval 2"))
    case.probe(VIP, 81)
    case.until("all is calm", case.served)
    case.fault()
    send(case, "web1", "KILL")
    case["web1"].kill("nginx")
    if not case.ours:
        case.fails("the clients fail")
        case.stays("the dead server stays in", lambda: not case.served(), 6)
        return "what was said last: up"
    case.served_again()
    case["web1"].run("systemctl", "start", "nginx")
    background(case, "web1")
    case.until("both web servers are asked", lambda: case.clients(time.monotonic() - 2).pages == {"web1", "web2"})
    return "its watchdog says down; back with the next agent"
