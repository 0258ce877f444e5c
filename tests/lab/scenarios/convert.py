"""A cluster of the tutorials is converted by one command: does it meet the same faults at least as well?"""

from __future__ import annotations

import signal
import time
from functools import partial

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import TRACKS, background
from tests.lab.scenarios.haproxy import HOSTS, VIP

_EVERY = 2
_WEBS = ("10.20.0.41", "10.20.0.42")
_BROKEN = "10.20.0.41:8080"
_RESTARTS = "/etc/keepalived/check_haproxy.sh"
_GET = """\
HTTP_GET {
      url {
        path /
      }
      connect_timeout 1
      retry 0
    }"""


def _convert(case: Case, options: str, node: str) -> None:
    """Convert the configuration of a node before keepalived starts, and start the agent where it has checks."""
    host = case[node]
    if case.ours:
        (host.files / TRACKS.lstrip("/")).mkdir(parents=True, exist_ok=True)  # as packages do at boot
        said = host.run("sh", "-c", f"{SCRIPTS}/vipwarden convert --write {options}", within=120)
        case.expect(f"all is converted: {said}", "now " in said and " 0 left alone" in said)
    if host.read("/etc/vipwarden/vipwarden.yaml"):
        background(case, node)
        files = (host.files / TRACKS.lstrip("/")).iterdir
        case.until("the agent writes its files", lambda: list(files()), 60, partial(host.read, "/run/vw.log"))


def _haproxy(case: Case, check: str, options: str = "") -> None:
    """Start the pair of HAProxy nodes with a vrrp_script."""
    case.start(HOSTS)
    case.web()
    case.haproxy()
    case.script("check_haproxy.sh")
    case.configured = partial(_convert, case, options)
    case.haproxy_nodes(check)
    case.probe(VIP, 80)
    case.until("all is calm", case.served)
    case.fault()


def _director(case: Case, checker: str, options: str = "") -> None:
    """Start a director with two web servers, and come to the point between two requests of its check."""
    case.start(("client", "lvs1", "web1", "web2"))
    case["web1"].write("/run/site.conf", "access_log /run/www.log;")
    case.web()
    case.configured = partial(_convert, case, options)
    blocks = {f"{address} 8080": checker for address in _WEBS}
    case.directors(conf.service("10.10.0.20", 8080, "NAT", blocks, every=_EVERY), 2)
    case.until("both are in", lambda: all(case.weight(f"{address}:8080") == 10 for address in _WEBS), 60)
    case.probe("10.10.0.20", 8080)
    case.until("both web servers are asked", lambda: case.clients().pages == {"web1", "web2"})
    before = _asked(case)
    case.until("the check asks", lambda: _asked(case) > before)
    time.sleep(_EVERY / 2)
    case.fault()


def _asked(case: Case) -> int:
    """Return how often the check asked a web server; a look at its port leaves no line."""
    return case["web1"].read("/run/www.log").count("KeepAliveClient")


def _taken_out(case: Case) -> str:
    case.until("the real server gets nothing", lambda: not case.weight(_BROKEN))
    case.served_again()
    return "taken out"


@scenario("converted: HAProxy is killed", tutorial="killall -0 haproxy", ours="convert: agent, track file", seconds=8)
def convert_process(case: Case) -> str:
    """Kill it: the VIP has to move."""
    _haproxy(case, conf.script("killall -0 haproxy", f"interval {_EVERY}\n  fall 2"))
    case["ha1"].kill("haproxy")
    case.until("the VIP moved", lambda: case.at(VIP, "ha2"))
    case.served_again()
    return "VIP moves"


@scenario(
    "converted: HAProxy hangs",
    tutorial="ps -C haproxy | wc -l; restart; stop keepalived",
    ours="convert: chk_haproxy",
)
def convert_restart(case: Case) -> str:
    """Stop it: the process is there, and nobody answers."""
    _haproxy(case, conf.script(_RESTARTS, "interval 3\n  weight -5\n  fall 3\n  rise 2"))
    case["ha1"].kill("haproxy", signal.SIGSTOP)
    if case.ours:
        case.served_again()
        return "restarted in place"
    case.fails("the clients are not served")
    return "there is a process: healthy"


@scenario("converted: a web server stops", tutorial="HTTP_GET", ours="convert: agent, chk_verdict", seconds=8)
def convert_get(case: Case) -> str:
    """Kill nginx, which refuses connections then."""
    _director(case, _GET)
    case["web1"].kill("nginx")
    return _taken_out(case)


@scenario(
    "converted: a web server answers 503", tutorial="HTTP_GET, inhibit_on_failure", ours="convert: agent, FILE_CHECK",
    seconds=8,
)  # fmt: skip
def convert_file(case: Case) -> str:
    """Answer as if the application behind it were gone: weight 0 on either side."""
    _director(case, f"{_GET}\n    inhibit_on_failure")
    case["web1"].write("/run/site.conf", "access_log /run/www.log; location / { return 503; }")
    case["web1"].run("systemctl", "reload", "nginx")
    said = _taken_out(case)
    case.expect("it has weight 0", case.weight(_BROKEN) == 0)
    return said


@scenario("converted: a web server hangs", tutorial="HTTP_GET", ours="convert --oneshot: chk_http_digest", seconds=8)
def convert_oneshot(case: Case) -> str:
    """Stop the process: the kernel accepts in its place."""
    _director(case, _GET, "--oneshot")
    case["web1"].kill("nginx", signal.SIGSTOP)
    return _taken_out(case)
