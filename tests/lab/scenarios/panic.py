"""What all real servers need fails for a while: are all of them taken out, although they serve?"""

from __future__ import annotations

import time
from functools import partial

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import BUSY, SERVICE, WEBS, WEIGHT, background, healthy, kill_all, until

_EVERY = 2  # keepalived's delay_loop
_LONGEST = 25
_CONF = f"""\
checks:
  web:
    check: http_page
    hosts: [{", ".join(WEBS.values())}]
    port: 8080
    path: /health
    regex: up
    interval: 1
    fall: 2
    fast_interval: 0.5
panic:
  pool:
    of: [web]
    longest: {_LONGEST}
"""


def _health(case: Case, state: str) -> None:
    """Let the health pages say what their database lets them say."""
    for name in WEBS:
        case[name].write("/run/www/health", f"{state}\n")


def _out(case: Case) -> bool:
    return not any(case["lvs1"].weights().values())


@scenario(
    "the database behind all health pages fails, the pages themselves do not",
    tutorial="MISC_CHECK: curl /health",
    ours="agent with panic, chk_verdict",
    seconds=20,
)
def shared_fault(case: Case) -> str:
    """Let all health pages fail for a while, and then all web servers."""
    case.start(("client", "lvs1", "web1", "web2"))
    case.web()
    _health(case, "up")
    script = case.script("check_health.sh")
    commands = {address: f"{script} {address} 8080" for address in WEBS.values()}
    more = "misc_timeout 5"
    if case.ours:
        case["lvs1"].write("/etc/vipwarden/vipwarden.yaml", _CONF)
        background(case, "lvs1")
        log = partial(case["lvs1"].read, "/run/vw.log")
        case.until("the agent has looked", lambda: log().count("first run -> OK") == 2, 60, log)
        commands = {address: f"{SCRIPTS}/chk_verdict web@{address}" for address in WEBS.values()}
        more += "\n alpha"
    blocks = {f"{address} 8080": conf.misc(command, more) for address, command in commands.items()}
    case.directors(conf.service(SERVICE, 8080, "NAT", blocks, weight=WEIGHT, every=_EVERY), 2)
    case.until("both are healthy", lambda: healthy(case), 60)
    case.probe(SERVICE, 8080)
    case.until("both web servers are asked", lambda: case.clients().pages == set(WEBS))
    begun = case.fault()
    _health(case, "down")
    if not case.ours:
        case.until("all real servers are out", lambda: _out(case), 60)
        case.fails("clients are not served")
        time.sleep(max(0.0, begun + 15 - time.monotonic()))
        _health(case, "up")
        case.served_again()
        return "all real servers out, until the database is back"
    case.until("the agent holds them", lambda: "what was told before is held" in log(), 60, log)
    case.stays("no weight changes", lambda: healthy(case), max(0.0, begun + 15 - time.monotonic()))
    _health(case, "up")
    case.until("the panic ends", lambda: "the panic ends, as the others are healthy" in log(), 60, log)
    case.stays("nor does it then", lambda: healthy(case), 5)
    case.expect("clients noticed nothing", not case.clients(begun).failed)
    case.watched()
    for name in WEBS:
        kill_all(case, name, "nginx")
    took = until(case, "a real outage is told", lambda: _out(case), time.monotonic(), _LONGEST + 2 * _EVERY + BUSY)
    return f"clients noticed nothing; all web servers killed: out after {took:.0f} s"
