"""One of two web servers breaks behind the director that forwards to them by NAT."""

from __future__ import annotations

import signal
from hashlib import md5
from typing import TYPE_CHECKING

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS, drop

if TYPE_CHECKING:
    from collections.abc import Callable

_NMAP = "MISC_CHECK: nmap | grep open"
_SERVERS = {"web1": "10.20.0.41", "web2": "10.20.0.42"}
_BROKEN = "10.20.0.41:8080"
_EVERY = 2


def _begin(case: Case) -> None:
    case.start(("client", "lvs1", "web1", "web2"))
    case.web()
    nmap = case.script("check_port.sh")
    blocks = {}
    for name, address in _SERVERS.items():
        digest = md5(conf.page(name).encode()).hexdigest()
        ours = f"{SCRIPTS}/chk_http_digest -H {address} -p 8080 -u / --digest {digest}"
        command = case.timed(ours if case.ours else f"{nmap} {address} 8080", address)
        blocks[f"{address} 8080"] = conf.misc(command, "misc_timeout 5")
    case.directors(conf.service("10.10.0.20", 8080, "NAT", blocks, every=_EVERY), 2)
    case.probe("10.10.0.20", 8080)
    case.until("both web servers are asked", lambda: case.clients().pages == {"web1", "web2"})
    case.fault("lvs1", _EVERY, _SERVERS["web1"])


def _noticed(case: Case) -> str:
    case.until("the real server is out of the table", lambda: case.weight(_BROKEN) is None)
    case.served_again()
    return "taken out"


def _wrong(case: Case, answer: Callable[[], None], mend: Callable[[], None]) -> str:
    """Have a web server answer wrongly: only who looks at the answer sees it; then mend it."""
    _begin(case)
    answer()
    if case.ours:
        said = _noticed(case)
        mend()
        case.until("the real server is back in the table", lambda: case.weight(_BROKEN) == 10)
        return f"{said}, back when mended"
    case.fails("clients fail")
    case.stays("the real server keeps its weight", lambda: case.weight(_BROKEN) == 10, 6)
    case.expect("clients still fail", not case.served())
    return "its port is open: healthy"


def _site(case: Case, text: str) -> None:
    case["web1"].write("/run/site.conf", text)
    case["web1"].run("systemctl", "reload", "nginx")


@scenario("a web server stops", tutorial=_NMAP, ours="chk_http_digest")
def web_stopped(case: Case) -> str:
    """Stop nginx: what a look at the port sees as well."""
    _begin(case)
    case["web1"].run("systemctl", "stop", "nginx")
    return _noticed(case)


@scenario("a web server answers 404", tutorial=_NMAP, ours="chk_http_digest")
def web_404(case: Case) -> str:
    """Answer as if the site had not been deployed."""
    return _wrong(case, lambda: _site(case, "location / { return 404; }"), lambda: _site(case, ""))


@scenario("a web server answers 503", tutorial=_NMAP, ours="chk_http_digest")
def web_503(case: Case) -> str:
    """Answer as if the application behind it were gone."""
    return _wrong(case, lambda: _site(case, "location / { return 503; }"), lambda: _site(case, ""))


@scenario("a web server shows the wrong page", tutorial=_NMAP, ours="chk_http_digest")
def web_wrong_page(case: Case) -> str:
    """Show the page of a fresh installation, with status 200."""

    def page(text: str) -> None:
        case["web1"].write("/run/www/index.html", text)

    return _wrong(case, lambda: page("Welcome to nginx!\n"), lambda: page(conf.page("web1")))


@scenario("a web server accepts and says nothing", tutorial=_NMAP, ours="chk_http_digest")
def web_silent(case: Case) -> str:
    """Stop the process: the kernel accepts in its place."""
    return _wrong(
        case,
        lambda: case["web1"].kill("nginx", signal.SIGSTOP),
        lambda: case["web1"].kill("nginx", signal.SIGCONT),
    )


@scenario("a firewall drops what comes to the port", tutorial=_NMAP, ours="chk_http_digest")
def port_filtered(case: Case) -> str:
    """No answer at all, not even a refusal: what costs the most time."""
    _begin(case)
    drop(case["web1"], "eth1", "match ip protocol 6 0xff match ip dport 8080 0xffff")
    return _noticed(case)


@scenario(
    "a slow server is to get less, a broken one nothing (misc_dynamic)",
    tutorial="MISC_CHECK misc_dynamic: check_http",
    ours="chk_http_digest --misc-dynamic",
)
def misc_dynamic(case: Case) -> str:
    """Use a plugin, whose exit codes mean something else to misc_dynamic, and our check, which translates."""
    case.start(("client", "lvs1", "web1", "web2"))
    case.web()
    nagios = "/usr/lib/nagios/plugins/check_http -I {} -p 8080 -w 0.3 -c 2 -t 3"
    ours = SCRIPTS + "/chk_http_digest -H {} -p 8080 -r hello --misc-dynamic -w 0.3 --warning-weight 5"
    command = ours if case.ours else nagios
    blocks = {f"{ip} 8080": conf.misc(command.format(ip), "misc_timeout 5\n misc_dynamic") for ip in _SERVERS.values()}
    case.directors(conf.service("10.10.0.20", 8080, "NAT", blocks, scheduler="wrr", every=_EVERY), 2)
    case.probe("10.10.0.20", 8080)
    case.fault()
    case["web1"].run("tc", "qdisc", "add", "dev", "eth1", "root", "netem", "delay", "200ms")
    slow, broken = (5, None) if case.ours else (None, 0)
    case.until(f"the slow server's weight is {slow}", lambda: case.weight(_BROKEN) == slow)
    case["web1"].run("tc", "qdisc", "del", "dev", "eth1", "root")
    case.until("the mended server's weight is 10", lambda: case.weight(_BROKEN) == 10)
    _site(case, "location / { return 503; }")
    case.until(f"the broken server's weight is {broken}", lambda: case.weight(_BROKEN) == broken)
    if case.ours:
        return "slow: weight 5; broken: taken out"
    return "slow (1): taken out; broken (2): up, weight 0"
