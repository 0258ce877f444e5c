"""Which pairs of keepalived.conf, and which fault for each, is the model proved with?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from rehearse.conf import cluster as cluster_of
from rehearse.model.acts import file_value
from rehearse.model.cluster import INTERFACE, SCRIPT, Cluster
from rehearse.model.faults import DEAF, HANG, START, Fault, faults
from rehearse.model.nodes import start
from rehearse.model.parts import parts
from rehearse.model.predict import Row, predict
from rehearse.model.run import Run
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from pathlib import Path

    from rehearse.model.measure import Outcome

NAMES = ("lb1", "lb2")
GAP = 2000  # ms between the starts of the nodes: who is first counts where priorities are equal, and for nopreempt
_HEAD = """global_defs {{
    router_id {name}
    vrrp_version {version}
    script_user root
    vrrp_garp_master_delay 0
{more}}}
"""
_SCRIPT = """vrrp_script {name} {{
    script "/usr/bin/dash @FOLDER@/{name}/check"
    interval {interval}
    timeout 1
    rise {rise}
    fall {fall}
}}
"""
_FILE = """vrrp_track_file {name} {{
    file @FOLDER@/file-{name}
}}
"""
_INSTANCE = """vrrp_instance VI_{vrid} {{
    state {state}
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    advert_int {interval}
{more}    virtual_ipaddress {{
        198.51.100.{vrid}/32
    }}
{tracks}}}
"""
_GROUP = """vrrp_sync_group G {{
    group {{
        VI_51
        VI_52
    }}
{more}{tracks}}}
"""


class Case(NamedTuple):
    """Two configurations and the place of the fault in the list of all."""

    confs: tuple[str, str]
    fault: int


@st.composite
def _tracks(draw: st.DrawFn) -> str:
    """Draw the blocks that say what an instance or a group tracks."""
    text = ""
    weights = st.one_of(st.just(0), st.integers(-253, 253), st.sampled_from([-60, -20, -5, 2, 20, 60]))
    for keyword, name, chance in (
        ("script", "chk", 2),
        ("script", "two", 4),
        ("file", "prio", 5),
        ("interface", "dum0", 5),
    ):
        if draw(st.integers(0, chance)) == 0:
            weight = draw(weights)
            reverse = " reverse" if weight and draw(st.integers(0, 5)) == 0 else ""
            text += f"    track_{keyword} {{\n        {name} weight {weight}{reverse}\n    }}\n"
    return text


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a pair that hears each other, and a fault."""
    version = draw(st.sampled_from([2, 3, 3, 3]))
    interval = "1" if version == 2 else draw(st.sampled_from(["0.3", "0.5"]))
    vrids = draw(st.sampled_from([(51,), (51,), (51, 52)]))
    grouped = len(vrids) == 2 and draw(st.booleans())
    sides = []
    group_weighted, group_tracks = draw(st.booleans()), draw(_tracks())
    same = draw(st.booleans())  # both nodes track the same, as most do
    shared = {vrid: draw(_tracks()) for vrid in vrids}
    for name in NAMES:
        more = "".join(
            f"    {word}\n"
            for word in ("vrrp_lower_prio_no_advert", "vrrp_higher_prio_send_advert")
            if draw(st.integers(0, 9)) == 0
        )
        text = _HEAD.format(name=name, version=version, more=more)
        for script in ("chk", "two"):
            text += _SCRIPT.format(name=script, interval=1, rise=draw(st.integers(1, 2)), fall=draw(st.integers(1, 3)))
        text += _FILE.format(name="prio")
        for vrid in vrids:
            priority = draw(st.one_of(st.sampled_from([100, 101, 110, 150, 200]), st.integers(1, 254)))
            extra = draw(st.sampled_from(["", "", "", "    nopreempt\n", "    preempt_delay 2\n"]))
            extra += draw(st.sampled_from(["", "", "", "    down_timer_adverts 2\n"]))
            text += _INSTANCE.format(
                state=draw(st.sampled_from(["MASTER", "BACKUP", "BACKUP"])),
                vrid=vrid,
                priority=priority,
                interval=interval,
                more=extra,
                tracks=shared[vrid] if same else draw(_tracks()),
            )
        if grouped:
            weighted = "    sync_group_tracking_weight\n" if group_weighted else ""
            text += _GROUP.format(more=weighted, tracks=group_tracks)
        sides.append(text)
    return Case((sides[0], sides[1]), draw(st.integers(0, 10_000)))


def contradicts(cluster: Cluster) -> bool:
    """Return whether of the members of a sync group one is higher on this node, another on that.

    After a split heals, the first advert that arrives decides (vrrp_sync.c, vrrp_sync_backup()): nobody can say which.
    """
    for part in parts(cluster):
        run = Run(cluster, part)
        start(run, {0, 1})
        run.settle()
        higher = set()
        for it in run.routers:
            for peer, _ in run.peers[it]:
                if it.node == 0 and it.sync is not None:
                    higher.add(it.effective > peer.effective)
        if len(higher) > 1:
            return True
    return False


class Proof(NamedTuple):
    """A case with what the model says: the cluster, the fault, its rows and what the real pair is to do."""

    cluster: Cluster
    fault: Fault
    rows: list[Row]
    order: dict[str, Any]
    heals_by_chance: bool


def proof(case: Case, folder: Path) -> Proof:
    """Return what the model says of a case."""
    confs = []
    for name, text in zip(NAMES, case.confs, strict=True):
        path = folder / f"{name}.conf"
        path.write_text(text, encoding="ascii")
        confs.append((name, parse(str(path))))
    cluster = cluster_of(confs, Version("2.2.7"))
    every = [it for it in faults(cluster) if it.kind != START]
    fault = every[case.fault % len(every)]
    every = [it for it in faults(cluster) if it.kind == START]
    begun = max(row.outcome.latest.last for row in predict(cluster, every, gap=GAP))
    rows = predict(cluster, [fault], gap=GAP)
    outcomes = [row.outcome for row in rows]
    slow = max(it.interval for node in cluster.nodes for it in node.instances)
    down = 6 * slow + 1000
    delay = max(it.preempt_delay for node in cluster.nodes for it in node.instances)
    learns = learn = 0
    if fault.tracker == SCRIPT:
        scripts = [cluster.nodes[place].scripts[fault.name] for place in fault.nodes]
        learns = max(it.fall * it.interval + (it.timeout + 500) * (fault.kind == HANG) for it in scripts)
        learn = max(it.rise * it.interval for it in scripts)
    order = {
        "confs": list(case.confs),
        "scripts": ["chk", "two"],
        "files": ["prio"],
        "kind": fault.kind,
        "tracker": fault.tracker,
        "name": fault.name,
        "nodes": list(fault.nodes),
        "both": fault.both,
        "value": _value(cluster, fault),
        "vips": [f"198.51.100.{vrid}" for vrid in dict.fromkeys(it.vrid for it in cluster.nodes[0].instances)],
        "gap": GAP / 1000,
        "begin": (max(begun - GAP, 4 * slow) + 2 * slow + delay + 1500) / 1000,
        "during": (max([learns + delay, *(_last(it) for it in outcomes)]) + down + 500) / 1000,
        "after": (max([learn + delay, *(_mended(it) for it in outcomes)]) + down + 500) / 1000,
    }
    return Proof(cluster, fault, rows, order, fault.kind == DEAF and contradicts(cluster))


def _last(outcome: Outcome) -> int:
    return max(outcome.soonest.last, outcome.latest.last)


def _mended(outcome: Outcome) -> int:
    return max(outcome.mended_soonest.last, outcome.mended_latest.last)


def _value(cluster: Cluster, fault: Fault) -> int:
    node = cluster.nodes[fault.nodes[0]]
    held = [*(it.links for it in node.instances), *(it.links for it in node.groups)]
    entries = [link for entries in held for link in entries if link.name == fault.name]
    return file_value(entries) if fault.tracker not in (SCRIPT, INTERFACE) else 0
