"""Does any cluster come to an end, in bounded time, always the same?"""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT, Cluster, Group, Instance, Link, Node, Script
from rehearse.model.faults import faults
from rehearse.model.predict import predict
from rehearse.model.two import pairs_of_faults, predict_two

_LINKS = st.lists(
    st.builds(
        Link,
        kind=st.sampled_from([SCRIPT, FILE, PROCESS, INTERFACE]),
        name=st.sampled_from(["a", "b", "eth0"]),
        weight=st.sampled_from([0, 0, 1, -1, -20, 60, 253, -254]),
        reverse=st.booleans(),
    ),
    max_size=4,
).map(tuple)
_INSTANCES = st.builds(
    Instance,
    name=st.sampled_from(["V", "W"]),
    interface=st.sampled_from(["eth0", "eth1"]),
    vrid=st.sampled_from([1, 2]),
    priority=st.sampled_from([1, 100, 100, 101, 254, 255]),
    interval=st.sampled_from([10, 300, 1000, 40_950, 255_000]),
    version=st.sampled_from([2, 3]),
    down_adverts=st.sampled_from([1, 3, 255]),
    is_master=st.booleans(),
    nopreempt=st.booleans(),
    preempt_delay=st.sampled_from([0, 1, 2000, 1_000_000]),
    source=st.integers(0, 2),
    unicast=st.booleans(),
    vips=st.sampled_from([(), (("192.0.2.1", "eth0"),), (("192.0.2.1", "eth9"), ("192.0.2.2", "eth1"))]),
    tracks_own=st.booleans(),
    lower_prio_no_advert=st.booleans(),
    higher_prio_send_advert=st.booleans(),
    links=_LINKS,
)
_SCRIPTS = st.builds(
    Script,
    interval=st.sampled_from([1, 1000, 86_400_000]),
    timeout=st.sampled_from([1, 1000]),
    rise=st.sampled_from([1, 3, 999_999]),
    fall=st.sampled_from([1, 3, 999_999]),
)
_NODES = st.builds(
    Node,
    name=st.just("n"),
    instances=st.lists(_INSTANCES, max_size=3).map(tuple),
    groups=st.lists(
        st.builds(Group, name=st.just("G"), members=st.just(("V", "W", "V")), is_weighted=st.booleans(), links=_LINKS),
        max_size=1,
    ).map(tuple),
    scripts=st.fixed_dictionaries({"a": _SCRIPTS, "b": _SCRIPTS}),
    processes=st.just({"a": 1500}),
    startup_delay=st.sampled_from([0, 0, 0, 3000, 4_294_967]),
)
_CLUSTERS = st.builds(Cluster, nodes=st.lists(_NODES, min_size=1, max_size=3).map(tuple), is_old=st.booleans())
_MOST = 20  # seconds of processor time, where other tests run as well


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(cluster=_CLUSTERS)
def test_any_cluster_has_the_same_outcomes_in_bounded_time(cluster: Cluster) -> None:
    """Some faults, and some pairs of faults."""
    begun = time.process_time()
    every = faults(cluster)
    chosen = every[:: max(1, len(every) // 6)]
    rows = predict(cluster, chosen)
    assert predict(cluster, chosen) == rows
    two = pairs_of_faults(cluster)
    predict_two(cluster, two[:: max(1, len(two) // 4)])
    assert time.process_time() - begun < _MOST
    for row in rows:
        for phase in (row.outcome.soonest, row.outcome.latest, row.outcome.mended_soonest, row.outcome.mended_latest):
            assert min(phase.without, phase.two, phase.lost, phase.last) >= 0
