"""HAProxy breaks on the node that holds the VIP."""

from __future__ import annotations

import signal

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS

VIP = "10.10.0.31"
_HOSTS = ("client", "web1", "web2", "ha1", "ha2")
_OURS = conf.script(f"{SCRIPTS}/chk_http_digest -H 127.0.0.1 -p 80 -u / -r hello", "interval 1\n  fall 2\n  rise 2")
_TUTORIAL = "ps -C haproxy | wc -l, restart, sleep, stop keepalived"


def _begin(case: Case) -> None:
    case.start(_HOSTS)
    tutorial = conf.script(case.script("check_haproxy.sh"), "interval 2\n  weight -5\n  fall 3\n  rise 2")
    case.haproxy_nodes(tutorial, _OURS)
    case.probe(VIP, 80)


@scenario("HAProxy is killed", tutorial=_TUTORIAL, ours="chk_http_digest")
def haproxy_killed(case: Case) -> str:
    """Kill it with -9."""
    _begin(case)
    case["ha1"].kill("haproxy")
    case.until("the clients are served again", case.served)
    if case.ours:
        case.expect("the VIP moved", case.at(VIP, "ha2"))
        return "VIP moves"
    case.expect("the VIP stayed", case.at(VIP, "ha1"))
    return "restarted in place"


@scenario("HAProxy hangs (SIGSTOP)", tutorial=_TUTORIAL, ours="chk_http_digest")
def haproxy_hung(case: Case) -> str:
    """Stop it: the process is there, and nobody answers."""
    _begin(case)
    case["ha1"].kill("haproxy", signal.SIGSTOP)
    if case.ours:
        case.until("the VIP moved", lambda: case.at(VIP, "ha2"))
        case.until("the clients are served again", case.served)
        return "VIP moves"
    case.until("the clients are not served", lambda: case.clients().failed > 3)
    case.stays("the VIP stays where nobody answers", lambda: case.at(VIP, "ha1"), 6)
    case.expect("the outage goes on", not case.served())
    return "a process is there: healthy"
