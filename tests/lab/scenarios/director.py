"""The director that holds the VIPs breaks, or the network between the two."""

from __future__ import annotations

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS

DR, NAT, GATEWAY = "10.10.0.10", "10.10.0.20", "10.20.0.1"
GROUP = "vrrp_sync_group DIRECTOR {\n group {\n VI_FRONT\n VI_BACK\n }\n}\n"


def begin(case: Case, port: int, *, group: str = "", check: str = "", body: str = "", extra: str = "") -> None:
    """Start all hosts: port 80 of the one VIP goes to HAProxy by direct routing, 8080 of the other to nginx by NAT."""
    case.start(("client", "lvs1", "lvs2", "ha1", "ha2", "web1", "web2"))
    case.web()
    case.haproxy()
    case.everywhere(
        f"echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore; echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce; "
        f"ip addr add {DR}/32 dev lo",
        ("ha1", "ha2"),
    )
    nmap = case.script("check_port.sh")
    command = f"{SCRIPTS}/chk_port -H {{}} -p {{}}" if case.ours else f"{nmap} {{}} {{}}"
    routed, natted = (
        {f"{ip} {number}": conf.misc(command.format(ip, number), "misc_timeout 5") for ip in addresses}
        for number, addresses in ((80, ("10.10.0.21", "10.10.0.22")), (8080, ("10.20.0.41", "10.20.0.42")))
    )
    # eight checks in six seconds: what one slow CPU has to spare for them
    services = conf.service(DR, 80, "DR", routed, every=6) + conf.service(NAT, 8080, "NAT", natted, every=6)
    case.directors(services, 4, group=group, check=check, body=body, extra=extra)
    case.probe(DR if port == 80 else NAT, port)


def _moved(case: Case) -> str:
    case.until("all VIPs are at lvs2", lambda: all("lvs2" in case.holders(vip) for vip in (DR, NAT, GATEWAY)))
    case.until("the clients are served again", case.served)
    return "VIPs move"


@scenario("the director is stopped", tutorial="keepalived alone", ours="keepalived, chk_port")
def director_stopped(case: Case) -> str:
    """Stop keepalived: it says good-bye."""
    begin(case, 80, group=GROUP if case.ours else "")
    case.fault()
    case["lvs1"].run("systemctl", "stop", "keepalived")
    return _moved(case)


@scenario("the director loses its power", tutorial="keepalived alone", ours="keepalived, chk_port")
def director_killed(case: Case) -> str:
    """Cut its power: it says nothing any more."""
    begin(case, 80, group=GROUP if case.ours else "")
    case.fault()
    case.off("lvs1")
    return _moved(case)


@scenario("the director's front network is cut", tutorial="keepalived alone", ours="chk_port --refused, sync group")
def director_cut(case: Case) -> str:
    """Cut at the switch, so that no link goes down: by VRRP alone the half that still hears its peer stays."""
    ours = f"{SCRIPTS}/chk_port -H 10.10.0.100 -p 9 --refused ok"
    if case.ours:
        check = conf.script(ours, "interval 2\n  timeout 6\n  fall 2\n  rise 2")
        begin(case, 8080, group=GROUP, check=check, body=conf.TRACK)
    else:
        begin(case, 8080)
    case.fault()
    case.cut("lvs1", "front")
    if case.ours:
        said = _moved(case)
        case.expect("lvs1 gave all up", not case["lvs1"].addresses() & {DR, NAT, GATEWAY})
        case.mend("lvs1", "front")
        case.until("the VIPs return", lambda: case.at(NAT, "lvs1") and case.at(GATEWAY, "lvs1"))
        return f"{said}, return when mended"
    case.until("lvs2 takes the front", lambda: NAT in case["lvs2"].addresses())
    case.stays("lvs1 keeps the gateway", lambda: case.at(GATEWAY, "lvs1"), 5)
    case.expect("the outage goes on", not case.served())
    return "the gateway stays behind: answers are lost"
