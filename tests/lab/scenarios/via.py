"""A real server is asked at its own address, or at the VIP by the director's own path: who is right?"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import background, send

if TYPE_CHECKING:
    from collections.abc import Iterable

VIP, VIP6 = "10.10.0.10", "fd00:10::10"
REAL = {"ha1": "10.10.0.21", "ha2": "10.10.0.22"}
REAL6 = {"ha1": "fd00:10::21", "ha2": "fd00:10::22"}
DIRECTORS = ("lvs1", "lvs2")
_LAST = {"lvs1": 11, "lvs2": 12, "ha1": 21, "ha2": 22}
_WEIGHT = 10
_EVERY = 2  # keepalived's delay_loop, whoever judges
_HOSTS = ("client", *DIRECTORS, *REAL)
_ACCEPT = "/proc/sys/net/ipv4/conf/all/accept_local"
_NGINX = conf.NGINX.replace("listen 8080;", "include /run/listen;")
_CERTIFICATE = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=web.test \
-addext subjectAltName=DNS:web.test -keyout /run/web.key -out /run/web.crt 2>&1"
_KEYS = "ssl_certificate /run/web.crt; ssl_certificate_key /run/web.key;"
_AGENT = """\
checks:
  real:
    check: http_digest
    real_servers: /etc/keepalived/keepalived.conf
    via: lb_kind
    regex: hello
    interval: 0.5
    fall: 2
"""
_PATHS = [(f"{kind}{family}", f"{kind}:{vip}", real) for kind in ("dr", "tun") for family, vip, real in (
    (4, VIP, REAL), (6, VIP6, REAL6),
)]  # fmt: skip


def _serve(case: Case, name: str, *listen: str) -> None:
    """Start the web server of a real server, or let it listen elsewhere."""
    case[name].write("/run/www/index.html", conf.page(name))
    case[name].write("/run/nginx.conf", _NGINX)
    inside = any("ssl" in place for place in listen)
    if inside:
        case[name].shell(_CERTIFICATE)
    lines = [f"listen {place};" for place in listen] + [_KEYS] * inside
    case[name].write("/run/listen", " ".join(lines))
    start = "mkdir -p /run/body; nginx -c /run/nginx.conf"
    stop = "nginx -c /run/nginx.conf -s stop; while [ -e /run/nginx.pid ]; do sleep 0.1; done; "
    case[name].shell(f"{stop if case[name].pids('nginx') else ''}{start}")


def _begin(case: Case) -> None:
    """Start two directors, and two real servers of direct routing that are right; clients are served by both."""
    case.start(_HOSTS)
    for name in REAL:
        case[name].shell(
            f"cd /proc/sys/net/ipv4/conf/all; echo 1 >arp_ignore; echo 2 >arp_announce; ip addr add {VIP}/32 dev lo"
        )
        _serve(case, name, "80")
    nmap = case.script("check_port.sh")
    blocks = {}
    for name, address in REAL.items():
        command = f"{SCRIPTS}/chk_verdict real@{address}@{VIP}:80" if case.ours else f"{nmap} {address} 80"
        blocks[f"{address} 80"] = conf.misc(case.timed(command, name), "misc_timeout 5")
    services = conf.service(VIP, 80, "DR", blocks, weight=_WEIGHT, every=_EVERY)
    if case.ours:
        for name in DIRECTORS:
            case[name].shell(f"echo 1 >{_ACCEPT}")
            case[name].write("/etc/vipwarden/vipwarden.yaml", _AGENT)
            case[name].write("/etc/keepalived/keepalived.conf", services)
            background(case, name)
            said = partial(case[name].read, "/run/vw.log")
            case.until("all are healthy", lambda: set(_verdicts(case, name).values()) == {"OK"}, 60, said)  # noqa: B023
    case.directors(services, 2)
    case.watch(VIP)
    case.probe(VIP, 80)
    case.until("both are asked", lambda: case.clients().pages == set(REAL))


def _verdicts(case: Case, node: str) -> dict[str, str]:
    """Return the state of each check of a node's agent."""
    said = case[node].shell(f"{SCRIPTS}/vipwarden status --json || :")
    return {it["name"]: it["status"] for it in json.loads(said)["checks"] if "@" in it["name"]}


def _marked(case: Case, node: str) -> list[str]:
    """Return the services of a mark in the table of a node."""
    return [line for line in case[node].shell("ipvsadm -Ln").splitlines() if line.startswith("FWM")]


def _nothing_left(case: Case, nodes: Iterable[str] = DIRECTORS) -> None:
    """See that the agents leave nothing behind."""
    for name in nodes:
        send(case, name, "TERM")
        case.until("the agent has removed its paths", lambda: not _marked(case, name))  # noqa: B023


@scenario("a DR real server loses the VIP on lo", tutorial="MISC_CHECK: nmap | grep open", ours="agent, via: lb_kind")
def via_no_vip(case: Case) -> str:
    """Remove the VIP from lo: at its own address the server answers as ever."""
    _begin(case)
    case.fault("lvs1", _EVERY, "ha2")
    case["ha2"].shell(f"ip addr del {VIP}/32 dev lo")
    if not case.ours:
        case.fails("clients fail")
        case.stays("the real server keeps its weight", lambda: case.weight(f"{REAL['ha2']}:80") == _WEIGHT, 6)
        return "open, says the check: every other connection is lost"
    for name in DIRECTORS:
        case.until(f"{name} takes it out", lambda: not case.weight(f"{REAL['ha2']}:80", name))  # noqa: B023
    case.until("the clients are served again", case.served)
    case.expect("the other one stays", case.weight(f"{REAL['ha1']}:80") == _WEIGHT)
    case["ha2"].shell(f"ip addr add {VIP}/32 dev lo")
    for name in DIRECTORS:
        case.until(f"{name} takes it in", lambda: case.weight(f"{REAL['ha2']}:80", name) == _WEIGHT)  # noqa: B023
    _nothing_left(case)
    return "taken out by MASTER and BACKUP"


@scenario("a service listens on the VIP alone", tutorial="MISC_CHECK: nmap | grep open", ours="agent, via: lb_kind")
def via_bound(case: Case) -> str:
    """Let the web servers listen on the VIP alone, as it should be: at their own addresses nobody listens."""
    _begin(case)
    case.fault("lvs1", _EVERY, "ha2")
    for name in REAL:
        _serve(case, name, f"{VIP}:80")
    if not case.ours:
        case.until("both are taken out", lambda: not any(case["lvs1"].weights().values()))
        case.fails("clients fail")
        return "refused, says the check: nobody is served"
    case.stays("both stay in", lambda: all(case.weight(f"{ip}:80") == _WEIGHT for ip in REAL.values()), 6)
    case.until("the clients are served", case.served)
    _nothing_left(case)
    return "served throughout"


def _both_families(case: Case) -> None:
    """Start directors and real servers with IPv4 and IPv6, direct routing and tunnels, and without ARP settings.

    ha1 has the VIPs, and listens on them alone; ha2 has none, and listens everywhere.
    """
    case.start(_HOSTS)
    for name, last in _LAST.items():
        case[name].shell(f"ip -6 addr add fd00:10::{last}/64 dev eth0 nodad")
    for name in REAL:
        case[name].shell(
            "ip link set tunl0 up; ip link set ip6tnl0 up; cd /proc/sys/net/ipv4/conf; "
            "echo 0 >all/rp_filter; echo 0 >tunl0/rp_filter; echo 0 >eth0/rp_filter"
        )
    case["ha1"].shell(f"ip addr add {VIP}/32 dev lo; ip -6 addr add {VIP6}/128 dev lo nodad")
    _serve(case, "ha1", f"{VIP}:80", f"[{VIP6}]:80", f"{VIP}:443 ssl", f"[{VIP6}]:443 ssl")
    _serve(case, "ha2", "80", "[::]:80", "443 ssl", "[::]:443 ssl")
    for name, places in (("ha1", (VIP, f"[{VIP6}]")), ("ha2", ("0.0.0.0", "[::]"))):
        for version, place in zip((4, 6), places, strict=True):
            echo = f"UDP{version}-RECVFROM:7000,bind={place},fork{',ipv6only' * (version == 6)} PIPE"
            case[name].shell(f"socat {echo} >/dev/null 2>&1 </dev/null &")
    # the virtual services that clients use have both of them, unchecked
    real = {f"{ip} 80": "" for ip in REAL.values()}
    excluded = f"virtual_ipaddress_excluded {{\n    {VIP6}/128 dev eth0\n  }}"
    vips = (f"{VIP}/32 dev eth0", "10.10.0.20/24 dev eth0")
    real6 = {f"{ip} 80": "" for ip in REAL6.values()}
    services = conf.service(VIP, 80, "DR", real) + conf.service(VIP6, 80, "DR", real6)
    for name, priority in zip(DIRECTORS, (150, 100), strict=True):
        front = conf.instance("VI_FRONT", "eth0", 51, priority, vips, body=excluded)
        case.keepalived({name: conf.node(name, front + services, "lvs_flush")})
    case.watch(VIP)
    case.until("lvs1 holds the VIP", lambda: VIP in case["lvs1"].addresses())


def _wrong(case: Case, node: str) -> dict[str, str]:
    """Return what the agent of a node says that is wrong, of all paths."""
    wanted = {f"{name}@{real[it]}": "OK" if it == "ha1" else "CRITICAL" for name, _, real in _PATHS for it in real}
    seen = dict.fromkeys(wanted, "nothing") | _verdicts(case, node)
    return {name: state for name, state in seen.items() if wanted.get(name) != state}


def _stays_right(case: Case, node: str, what: str) -> None:
    """See for some seconds that the agent of a node is right on all paths."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        wrong = _wrong(case, node)
        case.expect(f"{what}, by {node}: {wrong}", not wrong)


def _commands(case: Case, node: str) -> None:
    """See that commands are right on all paths."""
    asks = ("http_digest -r 'hello from {}'", "http_page --text 'hello from {}'", "port --name {}")
    tls, dialog = "tls -p 443 --sni web.test --insecure", "dialog -p 80 --step-file /run/steps"
    case[node].write("/run/steps", 'send "GET / HTTP/1.0\\r\\n\\r\\n"\nexpect string "hello from ha"\n')
    for (_, via, real), ask, more in zip(_PATHS, (*asks, asks[0]), (tls, dialog, dialog, tls), strict=True):
        for name, code in (("ha1", 0), ("ha2", 1)):
            for what in (f"{ask.format(name)} -p 80", "udp_reply -p 7000 -s ping -e ping", more):
                command = f"{SCRIPTS}/chk_{what} -H {real[name]} --via {via}"
                said = case[node].shell(f"{command} && echo exits 0 || echo exits $?")
                case.expect(f"{command} on {node} exits {code}: {said}", f"exits {code}" in said)


@scenario("by all paths: DR, TUN, IPv4, IPv6", tutorial="nmap | grep open", ours="agent and chk_ with via", seconds=1)
def via_paths(case: Case) -> str:
    """Ask a server that serves the VIP alone, and one that has no VIP, on MASTER and BACKUP, whose ARP is wrong."""
    _both_families(case)
    if not case.ours:
        nmap = case.script("check_port.sh")
        for node in DIRECTORS:
            for name, code in (("ha1", 1), ("ha2", 0)):
                said = case[node].shell(f"{nmap} {REAL[name]} 80 && echo exits 0 || echo exits $?")
                case.expect(f"{name} is exits {code}, by {node}: {said}", f"exits {code}" in said)
        return "wrong in both directions"
    entries = "".join(
        f"  {name}: {{check: http_digest, hosts: {json.dumps([*real.values()])}, port: 80, via: '{via}', "
        f"regex: hello from ha1, interval: 1}}\n"
        for name, via, real in _PATHS
    )
    for node in DIRECTORS:
        case[node].shell(f"echo 1 >{_ACCEPT}")
        _commands(case, node)
        case.expect("commands remove their paths", not _marked(case, node))
        case[node].write("/etc/vipwarden/vipwarden.yaml", f"checks:\n{entries}")
        # somebody else's service has the mark that the first path would have
        case[node].shell("ipvsadm -A -f 8213 -s wrr; ipvsadm -a -f 8213 -r 10.10.0.99 -g")
        background(case, node)
    for node in DIRECTORS:
        log = partial(case[node].read, "/run/vw.log")
        case.until(f"all are right on {node}", lambda: not _wrong(case, node), 60, log)  # noqa: B023
        case.expect("there is a path to each", len(_marked(case, node)) == 9)
        said = case[node].shell(f"{SCRIPTS}/vipwarden check ipvs_service || :")
        case.expect(f"they are no virtual services: {said}", "services 3" in said and "fwmark" not in said)
        _commands(case, node)
        case.expect("commands use those of the agent", len(_marked(case, node)) == 9)
    _lost_and_made_again(case)
    _accept_local(case)
    _nothing_left_but(case)
    return "right on MASTER and BACKUP, by DR and TUN, IPv4 and IPv6"


def _lost_and_made_again(case: Case) -> None:
    """Flush the table, and kill the agent."""
    case["lvs1"].shell("ipvsadm -C")
    case["lvs2"].shell("systemctl restart keepalived")  # with lvs_flush
    for node in DIRECTORS:
        _stays_right(case, node, "a flush changes no verdict")
        case.until("the paths are there again", lambda: len(_marked(case, node)) == 8)  # noqa: B023
    case["lvs1"].shell("ipvsadm -A -f 9000 -s wrr; ipvsadm -a -f 9000 -r 10.10.0.99 -g")
    send(case, "lvs1", "KILL")
    case.expect("a killed agent leaves its paths", len(_marked(case, "lvs1")) == 9)
    case.expect("they are left over", _listed(case, "lvs1") == {"left": 8})
    background(case, "lvs1")
    case.until("there are its own alone", lambda: _listed(case, "lvs1") == {"agent": 8}, 60)
    case.until("all are right again", lambda: not _wrong(case, "lvs1"), 60)


def _listed(case: Case, node: str) -> dict[str, int]:
    """Return how many paths of which kind of owner a node has."""
    said = case[node].shell(f"{SCRIPTS}/vipwarden via list")
    kinds = [line.partition("(")[2].split()[0] for line in said.splitlines()]
    return {kind: kinds.count(kind) for kind in kinds}


def _accept_local(case: Case) -> None:
    """Without accept_local the MASTER gets no replies by IPv4: nobody fails for that."""
    case["lvs1"].shell(f"echo 0 >{_ACCEPT}")
    case.until("the agent says what helps", lambda: "eth0.accept_local=1" in case["lvs1"].read("/run/vw.log"))
    _stays_right(case, "lvs1", "accept_local changes no verdict")
    command = f"{SCRIPTS}/vipwarden check port -H {REAL['ha1']} -p 80 --via dr:{VIP} -t 3"
    said = case["lvs1"].shell(f"{command} && echo exits 0 || echo exits $?")
    case.expect(f"a command says UNKNOWN, and why: {said}", "exits 3" in said and "eth0.accept_local=1" in said)
    _stays_right(case, "lvs2", "the BACKUP has no need of it")
    case["lvs1"].shell(f"echo 1 >{_ACCEPT}")


def _nothing_left_but(case: Case) -> None:
    """Kill one agent and stop the other: nothing but somebody else's is left."""
    send(case, "lvs2", "KILL")
    said = case["lvs2"].shell(f"{SCRIPTS}/vipwarden via clear")
    case.expect(f"all were left over: {said}", said.count("left over") == 8)
    case.expect("nothing is left", not _marked(case, "lvs2"))
    send(case, "lvs1", "TERM")
    case.until("the agent has removed its paths", lambda: len(_marked(case, "lvs1")) == 1)
    table = case["lvs1"].shell("ipvsadm -Ln")
    case.expect(f"somebody else's is untouched: {table}", "FWM  9000 wrr" in table and "10.10.0.99:0" in table)
