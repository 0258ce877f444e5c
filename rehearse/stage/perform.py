"""What becomes of the VIPs when real keepalived meet the faults, and how long does that take?"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.model.faults import REAL, START
from rehearse.progress import Progress
from rehearse.real import Reals, real_faults, reals
from rehearse.stage.apart import StageError, run
from rehearse.stage.asked import add_client, asks
from rehearse.stage.behind import add_reals, services
from rehearse.stage.judged import judged
from rehearse.stage.noticed import noticed
from rehearse.stage.observe import OTHER, service
from rehearse.stage.order import order
from rehearse.stage.refused import refuse, refuse_faults
from rehearse.stage.seen import rows, started
from rehearse.stage.table import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.predict import Row
    from vipwarden.node.keepalived.conf import Block

_TOGETHER = 10  # stages at a time: keepalived needs little, and its adverts have to come in time
_EACH = 6  # on one processor
_SHARE = 0.25  # of the processors, for scripts
_MOST_SCRIPTS = 50
_SCRIPT_TAKES = 90  # seconds, at most
AROUND = 4  # seconds that a stage takes before and after


def on_stage(confs: Sequence[Block]) -> Reals:
    """Return the real servers that can stand on the stages, none where the kernel has no IPVS; raises ConfError."""
    found = reals(confs)
    if found.hosts and not Path(PATH).exists():
        return Reals(notes=["virtual servers are left out: this kernel has no IPVS (modprobe ip_vs)"])
    return found


def faults_behind(cluster: Cluster, behind: Reals) -> list[Fault]:
    """Return what can hit the real servers of the virtual servers whose VIP an instance has."""
    return real_faults(behind, [service for service, _ in services(cluster, behind)])


def perform(
    cluster: Cluster,
    confs: Sequence[tuple[str, str, Block]],
    faults: Sequence[Fault],
    version: tuple[int, ...] | None,
    observed: Sequence[dict[str, Any]] = (),
    behind: Reals | None = None,
    clock: int | None = None,
) -> list[Row]:
    """Return a row for each fault and each virtual router or server that it can touch; raises StageError and ConfError.

    ``observed`` is what ``observe()`` returns: without it a switch stands in for all scripts. ``behind`` is what
    ``on_stage()`` returns. With a ``clock``, the socket of ``kept_clock()``, each fault has the machine to itself.
    """
    refuse(cluster)
    refuse_faults(faults)
    own = [it for it in faults if it.tracker != REAL]
    wanted = order(cluster, confs, own, version, observed)
    wanted["together"] = many = 1 if clock is not None else together(cluster, observed)
    wanted["faults"] = [it | {"clock": clock} for it in wanted["faults"]]
    played = [it for it in own if it.kind != START]
    behind = behind or Reals()
    asked_reals = services(cluster, behind)
    asked = [*asks(cluster), *(ask for _, ask in asked_reals)]
    wanted["taken"] = [*behind.hosts]
    add_client(cluster, wanted, played, [ask for _, ask in asked_reals])
    hits = [it for it in faults if it.tracker == REAL]
    add_reals(wanted, cluster, behind, hits)
    played += hits
    seconds = sum(it["begin"] + it["during"] + it["after"] + AROUND for it in wanted["faults"])
    left = max(seconds / many, *(it["begin"] + it["during"] + it["after"] + AROUND for it in wanted["faults"]))
    wanted["most"] = 3 * left + 120
    progress = Progress(len(played), "faults", left)
    found: dict[int, list[Row]] = {}
    first: list[Row] = []
    with closing(run(wanted, *(() if clock is None else (clock,)))) as stage:
        for said in stage:
            number = said["fault"]
            if "times" not in said:
                raise StageError(f"{played[number].text([it.name for it in cluster.nodes])}: {_why(said)}")
            if played[number].tracker == REAL:
                found[number] = [*judged(cluster, asked, asked_reals, played[number], said)]
            else:
                found[number] = [
                    it._replace(noticed=noticed(cluster, asked, it, said)) for it in rows(cluster, played[number], said)
                ]
            first = first or [
                row._replace(noticed=noticed(cluster, asked, row, said))
                for it in faults
                if it.kind == START
                for row in started(cluster, it, said)
            ]
            progress.show(len(found))
    progress.end()
    if len(found) < len(played):
        raise StageError(f"{len(played) - len(found)} of {len(played)} faults did not come to their end")
    return [*first, *(row for number in range(len(played)) for row in found[number])]


def _why(said: dict[str, Any]) -> str:
    """Return why a fault did not come about, and what keepalived logged last where that may say more."""
    why = str(said.get("error", "it did not come about"))
    logs = [line for log in said["logs"] for line in log.splitlines()[-8:]] if " has ended " in why else []
    return " ".join([why, *logs])


def observe(
    cluster: Cluster, confs: Sequence[tuple[str, str, Block]], version: tuple[int, ...] | None
) -> list[dict[str, Any]]:
    """Return for each node which of its scripts run as they are, and what they ask; raises StageError and ConfError."""
    refuse(cluster)
    wanted = order(cluster, confs, [], version)
    scripts = max((len(it["scripts"]) for it in wanted["nodes"]), default=0)
    if not scripts:
        return [{"scripts": {}, "services": [], "remote": [], "peers": []} for _ in wanted["nodes"]]
    if scripts > _MOST_SCRIPTS:
        raise StageError(f"a node has {scripts} scripts: at most {_MOST_SCRIPTS} are rehearsed; see --dry")
    for node in wanted["nodes"]:
        node |= {"as_it_is": [*node["scripts"]], "services": [], "processes": {}}
    add_client(cluster, wanted, [])
    wanted["most"] = 120 + _SCRIPT_TAKES * scripts
    found = {}
    for said in run(wanted):
        if "observed" not in said:
            raise StageError(f"{wanted['nodes'][said['node']]['name']}: {said.get('error', 'it did not come about')}")
        found[said["node"]] = said["observed"]
    if len(found) < len(confs):
        raise StageError("the scripts were not seen to their end")
    addresses = [{at.partition("/")[0] for it in node["addresses"].values() for at in it} for node in wanted["nodes"]]
    for place, node in sorted(found.items()):
        for name, it in node["scripts"].items():
            it["command"] = " ".join(wanted["nodes"][place]["scripts"][name])
        for protocol, address, port in node["peers"]:
            for other in (it for it, own in enumerate(addresses) if address in own):
                _listen(found[other]["services"], protocol, port)
    return [found[place] for place in range(len(confs))]


def together(cluster: Cluster, observed: Sequence[dict[str, Any]]) -> int:
    """Return how many stages can run at a time: their scripts share the processors, and have to end in time."""
    load = sum(
        it["cpu"] * 1000 / node.scripts[name].interval
        for node, seen in zip(cluster.nodes, observed, strict=False)
        for name, it in seen["scripts"].items()
        if it["as_it_is"]
    )
    processors = os.cpu_count() or 1
    most = min(_TOGETHER, _EACH * processors)
    return max(1, min(most, int(_SHARE * processors / load))) if load else most


def _listen(services: list[dict[str, Any]], protocol: str, port: int) -> None:
    """Let a node answer on a port that another one asks."""
    if any([protocol, port] in it["listens"] for it in services):
        return
    other = next((it for it in services if it["name"] == OTHER), None)
    if other is None:
        services.append(other := service(OTHER))
    other["listens"].append([protocol, port])
