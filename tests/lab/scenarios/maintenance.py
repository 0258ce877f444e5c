"""What do clients notice of an operator's work: of a release on a real server, and of a node that is to be rebooted?"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.scenarios.agent import AGENT, SERVICE, TRACKS, WEBS, WEIGHT, background
from tests.lab.scenarios.haproxy import HOSTS, VIP

_DIRECTORS = ("lvs1", "lvs2")
_STATE = Path("var/lib/vipwarden/maintenance")
_GROUP = "vrrp_sync_group DIRECTOR {\n group {\n VI_FRONT\n VI_BACK\n }\n}\n"
_CHECKS = f"""\
checks:
  web:
    check: port
    hosts: [{", ".join(WEBS.values())}]
    ports: 8080
    interval: 1
"""
_BY_HAND = f"ipvsadm -e -t {SERVICE}:8080 -r {WEBS['web1']}:8080 -m -w 0"
_START = f"{SCRIPTS}/vipwarden maint start --host {WEBS['web1']} --for 30m --reason 'release 42' --by deploy --wait 30"
_END = f"{SCRIPTS}/vipwarden maint end --host {WEBS['web1']} --by deploy"
_FILE = "/run/vipwarden/handover/VI_31"
_GIVEN = f'track_file handover_VI_31 {{\n  file "{_FILE}"\n  weight 0\n}}\n'
_TRACKED = "track_file {\n    handover_VI_31\n  }"
_HANDOVER = f"{SCRIPTS}/vipwarden handover VI_31"


def _director(case: Case, name: str) -> str:
    """Start the agent of a director; return its keepalived.conf."""
    if case.ours:
        (case[name].files / TRACKS.lstrip("/")).mkdir(parents=True)
        case[name].write("/etc/vipwarden/vipwarden.yaml", _CHECKS)
        background(case, name, AGENT)
        files = [f"{TRACKS}/web@{address}:8080" for address in WEBS.values()]
        case.until("the agent knows both", lambda: all(case[name].read(file) for file in files), 60)
    ours, theirs = f"{SCRIPTS}/chk_verdict web@{{}}:8080 --misc-dynamic", f"{case.script('check_port.sh')} {{}} 8080"
    command = ours if case.ours else theirs
    settings = "misc_timeout 5\n misc_dynamic\n alpha" if case.ours else "misc_timeout 5"
    blocks = {f"{address} 8080": conf.misc(command.format(address), settings) for address in WEBS.values()}
    return conf.director(name, conf.service(SERVICE, 8080, "NAT", blocks), group=_GROUP)


@scenario(
    "a release on a real server, and the director reboots meanwhile",
    tutorial="ipvsadm -e -w 0 on both directors",
    ours="maint start --wait on both",
    seconds=45,
)
def release(case: Case) -> str:
    """Drain web1 and take its page away, as a release does for a while; its port is open all the time."""
    case.start(("client", *_DIRECTORS, "web1", "web2"))
    case.web()
    case.keepalived({name: _director(case, name) for name in _DIRECTORS})
    case.watch(SERVICE)
    case.until("both directors have both", lambda: all(len(case[it].weights()) == len(WEBS) for it in _DIRECTORS), 60)
    case.until("lvs1 holds the VIP", lambda: case.at(SERVICE, "lvs1"))
    case.probe(SERVICE, 8080)
    case.until("both web servers are asked", lambda: case.clients().pages == set(WEBS))
    begun = case.fault()
    case.everywhere(_START if case.ours else _BY_HAND, _DIRECTORS)
    drained = f"{WEBS['web1']}:8080"
    case.until("web1 has the weight 0", lambda: [case.weight(drained, it) for it in _DIRECTORS] == [0, 0])
    case["web1"].shell("rm /run/www/index.html")
    case.stays("nobody notices the release", lambda: not case.clients(begun).failed, 3)
    kept = Path("/lab/kept")
    shutil.rmtree(kept, ignore_errors=True)
    if case.ours:  # what the disk keeps
        shutil.copytree(case["lvs1"].files / _STATE, kept)
    case.off("lvs1")
    case.until("the VIP is at lvs2", lambda: "lvs2" in case.holders(SERVICE))
    case.until("the clients are served", case.served)
    case.start(("lvs1",))
    if case.ours:
        shutil.copytree(kept, case["lvs1"].files / _STATE, dirs_exist_ok=True)
    case.keepalived({"lvs1": _director(case, "lvs1")})
    case.until("the VIP is back at lvs1", lambda: case.at(SERVICE, "lvs1"), 60)
    if not case.ours:
        case.until("web1 has its weight again", lambda: case.weight(drained) == WEIGHT)
        again = time.monotonic()
        case.until("clients get errors", lambda: case.clients(again).failed > 3)
        return "forgotten by the reboot"
    case.until("lvs1 has both", lambda: len(case["lvs1"].weights()) == len(WEBS))
    case.stays("web1 gets nothing", lambda: not case.weight(drained), 4)
    case["web1"].write("/run/www/index.html", conf.page("web1"))
    case.everywhere(_END, _DIRECTORS)
    case.until("web1 is asked again", lambda: case.weight(drained) == WEIGHT)
    case.until("the clients are served", case.served)
    return "drained until it was ended"


@scenario(
    "a VIP leaves a node that is to be rebooted, once with a peer and once without",
    tutorial="systemctl stop keepalived",
    ours="handover, handover --back",
    seconds=40,
)
def planned_reboot(case: Case) -> str:
    """Give the VIP to ha2 and take it back; then the same while ha2 cannot be reached."""
    case.start(HOSTS)
    case.web()
    case.haproxy()
    case.everywhere(f"mkdir -p {_FILE.rpartition('/')[0]}", ("ha1", "ha2"))  # as packages do at boot
    case.haproxy_nodes(_GIVEN, body=_TRACKED)
    case.probe(VIP, 80)
    begun = case.fault()
    said = case["ha1"].shell(_HANDOVER if case.ours else "systemctl stop keepalived")
    case.until("the VIP is at ha2", lambda: case.at(VIP, "ha2"))
    case.until("the clients are served", case.served)
    case["ha1"].shell(f"{_HANDOVER} --back" if case.ours else "systemctl start keepalived")
    case.until("the VIP is back", lambda: case.at(VIP, "ha1"))
    case.until("the clients are served", case.served)
    lost = case.clients(begun).failed
    case.expect(f"hardly anybody noticed: {lost} failed", lost <= 20)
    case.cut("ha2", "front")
    case["ha1"].shell(f"{_HANDOVER} || test $? = 1" if case.ours else "systemctl stop keepalived")
    if not case.ours:
        case.fails("nobody has the VIP")
        case.stays("the clients fail", lambda: not case.served(1), 6)
        return "the VIP is given to nobody"
    case.until("the clients are served", case.served, 10)
    return f"{said.partition('; ')[2].strip()}; without a peer the VIP stays"
