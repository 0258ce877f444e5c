"""Does the model say what real keepalived do? Generated pairs, each with a fault, side by side in namespaces.

``make rehearse-model`` runs it: it takes minutes, and is none of the ordinary tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import HealthCheck, find, given, settings

from rehearse.model.faults import DEAF, FREEZE
from tests.commands import CODE, needs_namespaces, program
from tests.rehearse.pairs import NAMES, Case, Proof, cases, proof

if TYPE_CHECKING:
    from pathlib import Path

    from rehearse.model.measure import Phase

_PAIRS = int(os.environ.get("REHEARSE_PAIRS", "40"))
_TOGETHER = 40
_INTERVAL = 1.0  # the longest of the generated adverts
_SLACK = 0.5  # seconds


def rehearsed(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what becomes of real pairs."""
    spaces = ("--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc")
    apart = [program("unshare"), *spaces, "--"]
    inside = (
        "mount --make-rprivate / && mount -t tmpfs run /run && mount -t tmpfs tmp /tmp && ip link set lo up && exec "
    )
    command = [*apart, "sh", "-ec", f'{inside}"$@"', "sh", sys.executable, "-m", "tests.rehearse.real"]
    done = subprocess.run(
        command, input=json.dumps(orders), capture_output=True, text=True, cwd=CODE, check=False, timeout=220
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def disagreements(made: Proof, found: dict[str, Any]) -> list[str]:
    """Return in which VIPs and phases model and keepalived differ."""
    said = []
    order = made.order
    for row in made.rows:
        node, number = row.instances[0]
        vrid = made.cluster.nodes[node].instances[number].vrid
        begun, hit, mended = found["phases"][order["vips"].index(f"198.51.100.{vrid}")]
        outcome = row.outcome
        if tuple(begun["owners"]) != outcome.before:
            said.append(f"VRID {vrid} at the start: {outcome.before} in the model, {begun}")
            continue
        several = len(made.fault.nodes) > 1 and bool(made.fault.tracker)
        more = 999.0 if several else 0.0  # each node learns of it at its own moment: who is first is a matter of chance
        said += _phase(f"VRID {vrid} in the fault", outcome.soonest, outcome.latest, hit, more)
        # the next regular advert decides between two masters, and comes within an interval
        more = max(more, _INTERVAL * (made.fault.kind in (DEAF, FREEZE)))
        if not made.heals_by_chance:
            said += _phase(f"VRID {vrid} after it", outcome.mended_soonest, outcome.mended_latest, mended, more)
    return said


def _phase(what: str, soonest: Phase, latest: Phase, found: dict[str, Any], more: float) -> list[str]:
    if tuple(found["owners"]) not in (soonest.owners, latest.owners):
        return [f"{what}: {latest.owners} in the model, {found}"]
    said = []
    for name in ("without", "two"):
        least, most = sorted((getattr(soonest, name) / 1000, getattr(latest, name) / 1000))
        if not least - _SLACK - more <= found[name] <= most + _SLACK + more:
            said.append(f"{what}: {name} {least:.3f} to {most:.3f} in the model, {found}")
    return said


def generated(count: int) -> list[Case]:
    """Return so many cases, the same in each run but with FUZZ."""
    made: dict[Case, None] = {}

    @settings(
        max_examples=2 * count,
        deadline=None,
        derandomize="FUZZ" not in os.environ,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def collect(case: Case) -> None:
        made.setdefault(case)

    collect()
    return [*made][:count]


def differing(pairs: list[Case], folder: Path) -> list[tuple[Case, str]]:
    """Return the cases in which model and keepalived differ, with what was seen."""
    made = [proof(case, folder) for case in pairs]
    found = rehearsed([it.order for it in made])
    said = []
    for case, mine, real in zip(pairs, made, found, strict=True):
        differs = disagreements(mine, real)
        if differs:
            said.append((case, "\n".join([mine.fault.text([*NAMES]), *differs, *case.confs, *real["logs"]])))
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make namespaces")
def test_the_model_says_what_keepalived_does(tmp_path: Path) -> None:
    """In the owners of each VIP before, during and after a fault, and in the seconds without it and with two.

    With SHRINK=1 a case that differs is run again and again, until it is as small as can be.
    """
    for name in ("keepalived", "nft", "nsenter", "ip"):
        program(name)
    needs_namespaces()
    pairs = generated(_PAIRS)
    assert len(pairs) == _PAIRS
    said = []
    for first in range(0, _PAIRS, _TOGETHER):
        said += differing(pairs[first : first + _TOGETHER], tmp_path)
    if said and "SHRINK" in os.environ:
        smallest = find(cases(), lambda case: bool(differing([case], tmp_path)), settings=settings(deadline=None))
        said.append((smallest, f"the smallest: {smallest}"))
    assert not said, f"{len(said)} of {_PAIRS} differ:\n" + "\n\n".join(text for _, text in said)
