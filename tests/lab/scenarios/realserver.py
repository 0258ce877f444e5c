"""A real server of direct routing holds the VIP as well, and must not say so."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS

VIP = "10.10.0.10"
_ARP = Path(__file__).parents[1] / "arp.py"
_SETTINGS = ("arp_ignore", "arp_announce")


def _answers(case: Case) -> list[str]:
    """Return who answers for the VIP, by MAC address."""
    return case["client"].run(sys.executable, "-I", str(_ARP), "eth0", VIP).split()


def _settings(case: Case, name: str) -> list[str]:
    paths = [f"/proc/sys/net/ipv4/conf/all/{setting}" for setting in _SETTINGS]
    return case[name].run("cat", *paths).split()


@scenario("DR real servers without ARP settings", tutorial="ip addr add VIP dev lo", ours="realserver", seconds=5)
def realserver_arp(case: Case) -> str:
    """Whoever answers first gets the clients: without ARP settings that is one of the real servers, past IPVS."""
    real = ("ha1", "ha2")
    case.start(("client", "lvs1", "web1", "web2", *real))
    case.web()
    case.haproxy()
    before = _settings(case, "ha1")
    script = f"{SCRIPTS}/realserver" if case.ours else case.script("lvs_rs.sh")
    case.everywhere(f"{script} start {VIP}", real)
    checker = f"{SCRIPTS}/chk_port -H {{}} -p 80"
    blocks = {f"{ip} 80": conf.misc(checker.format(ip), "misc_timeout 5") for ip in ("10.10.0.21", "10.10.0.22")}
    case.directors(conf.service(VIP, 80, "DR", blocks), 2)
    case.watch(VIP)
    case.probe(VIP, 80)
    begun = case.fault()
    answers = _answers(case)
    case.watched()
    if not case.ours:
        case.expect(f"director and real servers all answer: {answers}", len(answers) == 3)
        return f"{len(answers)} hosts answer ARP for the VIP"
    case.expect(f"the director alone answers: {answers}", len(answers) == 1)
    for name in real:
        case[name].run(script, "status", VIP)
        case.expect("the settings are in effect", _settings(case, name) == ["1", "2"])
    case.everywhere(f"{script} start {VIP}", real)  # again, which changes nothing
    case.expect("the clients were served throughout", not case.clients(begun).failed)
    case.everywhere(f"{script} stop {VIP}; {script} status {VIP} || test $? = 3", real)
    case.expect("stop put the settings back", all(_settings(case, name) == before for name in real))
    case.everywhere(f"{script} start {VIP}", real)
    case.until("the clients are served again", case.served)
    return "the director alone answers; stop restores"
