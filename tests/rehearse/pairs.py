"""Which pairs of keepalived.conf, and which faults for each, is the model proved with?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import strategies as st

from rehearse.conf import cluster as cluster_of
from rehearse.model.faults import START, Fault, faults
from rehearse.model.two import go_together
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster

NAMES = ("lb1", "lb2")
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
    """Two configurations and what comes to them: a fault, or a fault and then another."""

    confs: tuple[str, ...]
    faults: tuple[Fault, ...]


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
    """Draw a pair that hears each other, and its faults."""
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
    every = possible(cluster(sides, Version("2.2.7")))
    first = draw(st.sampled_from(every))
    others = [it for it in every if go_together(first, it)]
    second = [draw(st.sampled_from(others))] if draw(st.integers(0, 3)) == 0 and others else []
    return Case(tuple(sides), (first, *second))


def cluster(confs: Sequence[str], version: Version) -> Cluster:
    """Return the cluster of configurations."""
    return cluster_of(
        [(name, parse(name, texts={name: text})) for name, text in zip(NAMES, confs, strict=True)], version
    )


def possible(cluster: Cluster) -> list[Fault]:
    """Return the faults that can come while the nodes run."""
    return [it for it in faults(cluster) if it.kind != START]
