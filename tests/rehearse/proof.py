"""Does the model say what real keepalived do? Generated pairs, each with faults, side by side in namespaces.

``make rehearse-model`` runs it: it takes minutes, and is none of the ordinary tests. In the environment REHEARSE_PAIRS
says how many pairs, REHEARSE_SEED which.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, seed, settings

from rehearse.model.faults import DEAF, FREEZE
from tests.commands import CODE, needs_namespaces, program
from tests.rehearse.expected import proof, seconds
from tests.rehearse.pairs import NAMES, Case, cases
from tests.rehearse.smaller import smaller
from vipwarden.node.keepalived.version import installed

if TYPE_CHECKING:
    from rehearse.model.measure import Phase
    from tests.rehearse.expected import Proof

_PAIRS = int(os.environ.get("REHEARSE_PAIRS", "40"))
_SEED = int(os.environ.get("REHEARSE_SEED", "0"))
_TOGETHER = 200  # pairs in one stage, about sixty of them at work
_INTERVAL = 1.0  # the longest of the generated adverts
_SLACK = 0.5  # seconds
_STEPS = 12  # of half a minute each
_UNPROVED = 0.5  # the share of the pairs for which the machine may have been so late that peers took over


def rehearsed(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what becomes of real pairs."""
    spaces = ("--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc")
    apart = [program("unshare"), *spaces, "--"]
    inside = (
        "mount --make-rprivate / && mount -t tmpfs run /run && mount -t tmpfs tmp /tmp && ip link set lo up && exec "
    )
    command = [*apart, "sh", "-ec", f'{inside}"$@"', "sh", sys.executable, "-m", "tests.rehearse.real"]
    done = subprocess.run(
        command, input=json.dumps(orders), capture_output=True, text=True, cwd=CODE, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def disagreements(made: Proof, found: dict[str, Any]) -> list[str]:
    """Return in which VIPs and phases model and keepalived differ."""
    said: list[str] = []
    names = [f"in {fault.text([*NAMES])}" for fault in made.faults]
    for it in made.expected:
        begun, *seen = found["phases"][made.order["vips"].index(it.vip)]
        if tuple(begun["owners"]) != it.before:
            said.append(f"{it.vip} at the start: {it.before} in the model, {begun}")
            continue
        for number, (name, phase) in enumerate(zip([*names, "after it"], seen, strict=True)):
            is_end = number == len(names)
            of_it = made.faults if is_end else [made.faults[number]]
            # each node learns of it at its own moment: who is first is a matter of chance
            several = sum(len(fault.nodes) for fault in of_it if fault.tracker) > 1
            more = 999.0 if several else found["late"][number + 1]
            if is_end and any(fault.kind in (DEAF, FREEZE) for fault in of_it):
                more += _INTERVAL  # the next regular advert decides between two masters
            if not (is_end and made.heals_by_chance):
                said += _phase(f"{it.vip} {name}", *it.phases[number], phase, more)
    return said


def _phase(what: str, soonest: Phase, latest: Phase, found: dict[str, Any], more: float) -> list[str]:
    if tuple(found["owners"]) not in (soonest.owners, latest.owners):
        return [f"{what}: {latest.owners} in the model, {found}"]
    said = []
    for name in ("without", "two"):
        least, most = getattr(soonest, name) / 1000, getattr(latest, name) / 1000
        if not least - _SLACK - more <= found[name] <= most + _SLACK + more:
            said.append(f"{what}: {name} {least:.3f} to {most:.3f} in the model, {found}")
    return said


class Proved:
    """Cases that have been run, and what differed in each; nothing where the two agree."""

    def __init__(self) -> None:
        self._version = installed()
        self.said: dict[Case, str] = {}
        self.late: list[Case] = []

    def run(self, pairs: list[Case]) -> None:
        """Run cases side by side, those first that take longest."""
        assert self._version is not None
        made = sorted([(proof(it, self._version), it) for it in pairs], key=lambda it: -seconds(it[0]))
        for first in range(0, len(made), _TOGETHER):
            batch = made[first : first + _TOGETHER]
            for (mine, case), real in zip(batch, rehearsed([it.order for it, _ in batch]), strict=True):
                differs = disagreements(mine, real)
                if max(real["late"]) > mine.patience:
                    self.late.append(case)
                    differs = []
                name = ", then ".join(fault.text([*NAMES]) for fault in mine.faults)
                self.said[case] = "\n".join([name, *differs, *case.confs, *real["logs"]]) if differs else ""


def generated(count: int) -> list[Case]:
    """Return so many cases, the same in each run with the same seed."""
    made: dict[Case, None] = {}

    @seed(_SEED)
    @settings(
        max_examples=2 * count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def collect(case: Case) -> None:
        made.setdefault(case)

    collect()
    return [*made][:count]


def test_the_model_says_what_keepalived_does() -> None:
    """In the owners of each VIP before, during and after the faults, and in the seconds without it and with two.

    The first case that differs is made smaller, as long as it differs.
    """
    for name in ("keepalived", "nft", "nsenter", "ip"):
        program(name)
    needs_namespaces()
    pairs = generated(_PAIRS)
    assert len(pairs) == _PAIRS
    proved = Proved()
    proved.run(pairs)
    sys.stdout.write(f"{_PAIRS} pairs, seed {_SEED}: the machine was too late for {len(proved.late)}\n")
    differing = [case for case in pairs if proved.said[case]]
    if differing:
        case = smallest(min(differing, key=lambda it: len("".join(it.confs))), proved)
        said = [proved.said[it] for it in (*differing, case)]
        pytest.fail(f"{len(differing)} of {_PAIRS} differ, the last is the smallest:\n" + "\n\n".join(said))
    assert len(proved.late) < _PAIRS * _UNPROVED, f"the machine was too late for {len(proved.late)} of {_PAIRS} pairs"


def smallest(case: Case, proved: Proved) -> Case:
    """Return a case that differs as well, of whose smaller ones none does.

    All that are smaller by one thing run side by side: each takes half a minute, and hypothesis tries one at a time.
    """
    for _ in range(_STEPS):
        proved.run([it for it in smaller(case) if it not in proved.said])
        found = next((it for it in smaller(case) if proved.said[it]), None)
        if found is None:
            break
        case = found
    return case
