"""keepalived itself breaks, or what it runs."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from functools import partial

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS, drop, let_in
from tests.lab.scenarios.haproxy import HOSTS, VIP

_KILLALL = conf.script("/usr/bin/killall -0 haproxy", "interval 2\n  timeout 6\n  fall 3\n  rise 2")
_BROKEN_FOR = 12  # seconds: what two exporters need to say so
_VRRP = "match ip protocol 112 0xff"


def _begin(case: Case, check: str = _KILLALL, *, extra: str = "", body: str = conf.TRACK) -> None:
    case.start(HOSTS)
    case.script("notify.sh")
    case.web()
    case.haproxy()
    case.haproxy_nodes(check, extra=extra, body=body)
    case.probe(VIP, 80)


def _mend_at(begun: float) -> None:
    """Wait until it has been broken for as long as with the other side."""
    time.sleep(max(0.0, begun + _BROKEN_FOR - time.monotonic()))


def _exporter(case: Case, *nodes: str) -> None:
    """Start the exporter on nodes, as it comes without a configuration, and wait until it serves its metrics."""
    case.everywhere(f"setsid {SCRIPTS}/vipwarden exporter </dev/null >/run/vw.log 2>&1 &", nodes)
    for node in nodes:
        said = partial(case[node].read, "/run/vw.log")
        case.until(f"{node} has metrics", partial(_metrics, case, node), 60, said)


def _metrics(case: Case, node: str) -> str:
    """Return what the exporter of a node says, nothing where it does not."""
    with suppress(RuntimeError):
        return case[node].run("curl", "-sf", "--max-time", "5", "http://127.0.0.1:9877/metrics")
    return ""


def _says_held(case: Case, node: str) -> bool:
    """Return whether the exporter of a node says that the node holds the VIP."""
    lines = [line for line in _metrics(case, node).splitlines() if line.startswith("keepalived_vip_held{")]
    return any(f'"{VIP}"' in line or f'"{VIP}/' in line for line in lines if float(line.split()[-1]) == 1)


@scenario("split brain: VRRP is blocked", tutorial="killall -0, nobody looks", ours="keepalived_vip_held", seconds=20)
def split_brain(case: Case) -> str:
    """Drop VRRP: each node believes that it is alone, and no script on either can know better."""
    _begin(case)
    if case.ours:
        _exporter(case, "ha1", "ha2")
    begun = case.fault()
    for node in ("ha1", "ha2"):
        drop(case[node], "eth0", _VRRP)
    case.until("both hold the VIP", lambda: case.at(VIP, "ha1", "ha2"))
    said = "two holders, nobody says so"
    if case.ours:
        case.until("both exporters say held: the sum is 2", lambda: all(_says_held(case, n) for n in ("ha1", "ha2")))
        said = "two holders, the sum over the exporters says so"
    _mend_at(begun)
    for node in ("ha1", "ha2"):
        let_in(case[node], "eth0")
    case.until("one holds it again", lambda: case.at(VIP, "ha1"))
    case.until("the clients are served", case.served)
    return said


@scenario(
    "keepalived is killed with -9 and leaves its VIP",
    tutorial="pidof keepalived",
    ours="keepalived_vip_held",
    seconds=20,
)
def left_vip(case: Case) -> str:
    """Kill it: the backup takes over, and the kernel of the dead one goes on to answer for the VIP."""
    _begin(case)
    if case.ours:
        _exporter(case, "ha1")
    begun = case.fault()
    case["ha1"].kill("keepalived")
    case.until("both hold the VIP", lambda: case.at(VIP, "ha1", "ha2"))
    said = "no process: taken for gone, but the VIP is held"
    if case.ours:
        case.until("its exporter says held", lambda: _says_held(case, "ha1"))
        case["ha1"].shell(f"! {SCRIPTS}/chk_process -C keepalived")
        said = "chk_process fails and the VIP is held: told apart"
    else:
        case["ha1"].shell("! pidof keepalived")
    _mend_at(begun)
    case["ha1"].run("systemctl", "start", "keepalived")
    case.until("one holds it again", lambda: case.at(VIP, "ha1"))
    case.until("the clients are served", case.served)
    return said


@scenario("keepalived is reloaded during a failover", tutorial="notify, echo into a file", ours="notify --fifo")
def reload_in_failover(case: Case) -> str:
    """Send SIGHUP to the node that is to take over, while it waits for the adverts of the one that died."""
    if case.ours:
        fifo = f'vrrp_notify_fifo /run/vrrp.fifo\n  vrrp_notify_fifo_script "{SCRIPTS}/notify --fifo"'
        _begin(case, extra=fifo)
    else:
        _begin(case, body=f'{conf.TRACK}\n  notify "/etc/keepalived/notify.sh"')
    case.fault()
    case.off("ha1")
    time.sleep(1)  # adverts are missed from 1.5 s on
    case["ha2"].run("systemctl", "reload", "keepalived")
    case.until("the VIP moved", lambda: case.at(VIP, "ha2"))
    case.until("the clients are served again", case.served)
    if case.ours:
        case.until("MASTER is recorded", lambda: recorded(case, "ha2", "VI_31") == "MASTER")
        return "VIP moves; MASTER recorded"
    case.until("MASTER is recorded", lambda: "MASTER" in case["ha2"].read("/run/state.VI_31"))
    return "VIP moves; MASTER recorded"


def recorded(case: Case, node: str, instance: str) -> str:
    """Return the state that our notify recorded."""
    words = case[node].read(f"/run/vipwarden/vrrp/INSTANCE.{instance}").split()
    return words[2] if len(words) > 2 else ""


@scenario("a slow script overlaps with itself", tutorial="curl with 5 s, interval 1", ours="chk_http_digest")
def slow_script(case: Case) -> str:
    """HAProxy accepts and says nothing; keepalived up to 2.3.2 starts one more copy each second."""
    tutorial = conf.script("/usr/bin/curl -sf --max-time 5 http://127.0.0.1/", "interval 1\n  timeout 10\n  fall 2")
    # the guest's one slow CPU needs up to half a second to start it: with it it ends before the next one begins
    ours = conf.script(f"{SCRIPTS}/chk_http_digest -H 127.0.0.1 -r hello -t 0.5", "interval 1\n  fall 2\n  rise 2")
    _begin(case, ours if case.ours else tutorial)
    case.fault()
    case["ha1"].kill("haproxy", signal.SIGSTOP)
    program = "chk_http_digest" if case.ours else "curl"
    most, end = 0, time.monotonic() + 7
    while time.monotonic() < end:
        most = max(most, len(case["ha1"].pids(program)))
        time.sleep(0.05)
    case.until("the VIP moved", lambda: case.at(VIP, "ha2"))
    case.until("the clients are served again", case.served)
    if case.ours:
        case.expect(f"at most two copies, the second one to leave at once: {most}", most <= 2)
    else:
        case.expect(f"copies pile up: {most}", most > 2)
    return f"{most} cop{'y' if most == 1 else 'ies'} at once"
