"""Where do the rules of handovers and of pairs speak, and where are they silent?"""

from __future__ import annotations

from tests.doctor.node import GLOBAL, Node, instance, script, tracked

TRACKS = "track_script {\n chk\n}"
GROUP = "vrrp_sync_group G {{\n group {{\n VI\n W\n }}\n sync_group_tracking_weight\n {}\n}}\n"
WEIGHTED = script(settings="weight -60")
MASTER = "interface eth0\n priority 100\n state MASTER"


def second(body: str = "") -> str:
    """Return another instance, on eth1."""
    return instance(body, name="W", vrid=52, head="interface eth1\n priority 100")


LOW = "interface eth0\n priority 90"
CANNOT = WEIGHTED + instance() + second()
LOWER = instance("", head=LOW) + instance("", name="W", vrid=52, head=LOW.replace("eth0", "eth1"))
CROSSED = instance("", head=LOW) + instance("", name="W", vrid=52, head="interface eth1\n priority 110")
DELAYED = GLOBAL.replace("}", " vrrp_startup_delay 60\n}")
TWICE = GROUP.format(TRACKS)


def synced(words: str) -> str:
    """Return a configuration with an IPVS sync daemon."""
    return GLOBAL.replace("}", f" lvs_sync_daemon eth1 VI {words}\n}}") + instance("")


FIRES: dict[str, Node] = {
    "weight-of-one-member": Node(WEIGHTED + GROUP.format("") + instance() + second()),
    "weight-slow": Node(WEIGHTED + instance(), priorities=("90",)),
    "init-fail-idle": Node(tracked(settings="init_fail")),
    "state-master-idle": Node(script() + instance(head=MASTER), priorities=("110",)),
    "preempt-delay-master": Node(script() + instance("preempt_delay 30", head=MASTER)),
    "script-hands-nothing-over": Node(CANNOT, peer=GROUP.format("") + LOWER),
    "script-tracked-twice": Node(script() + TWICE + instance() + second()),
    "startup-delay-put-off": Node(DELAYED + instance(""), version="2.2.7"),
    "group-members-cross": Node(GROUP.format("") + instance("") + second(), peer=GROUP.format("") + CROSSED),
    "sync-daemon-peer": Node(synced("id 51"), peer=synced("id 52")),
}

SILENT: dict[str, Node] = {
    "weight-of-one-member": Node(WEIGHTED + GROUP.format(TRACKS) + instance("") + second()),
    "weight-slow": Node(WEIGHTED + instance("advert_int 0.1\n" + TRACKS), priorities=("90",)),
    "init-fail-idle": Node(script(settings="init_fail") + instance("")),
    "state-master-idle": Node(script() + instance(head=MASTER), priorities=("90",)),
    "preempt-delay-master": Node(script() + instance("preempt_delay 30")),
    "script-hands-nothing-over": Node(CANNOT, peer=LOWER),
    "script-tracked-twice": Node(script() + TWICE + instance("") + second()),
    "startup-delay-put-off": Node(DELAYED + instance(""), version="2.3.3"),
    "group-members-cross": Node(GROUP.format("") + instance("") + second(), peer=GROUP.format("") + LOWER),
    "sync-daemon-peer": Node(synced(""), peer=synced("id 51 maxlen 1400 port 8848")),
}
