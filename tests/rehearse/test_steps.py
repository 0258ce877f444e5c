"""When is the clock stepped in a rehearsal, on which nodes, and what is said of it?"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from cli.rehearse import main
from rehearse.conf import cluster as cluster_of
from rehearse.model.faults import BACK, FORWARD, STOP, UNKNOWN, Fault
from rehearse.model.measure import Outcome, Phase
from rehearse.model.predict import Row
from rehearse.real import Reals
from rehearse.stage import steps
from rehearse.stage.order import order
from rehearse.stage.steps import played
from rehearse.together import pairs
from rehearse.verdict import verdict
from tests.commands import CODE
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    import pytest

_STEPS = [Fault(kind, (0, 1)) for kind in (FORWARD, BACK)]
_NODES = [(name, f"{CODE}/docs/rehearse/fault/{name}.conf") for name in ("lb1", "lb2")]


def test_the_model_has_no_clock(capsys: pytest.CaptureFixture[str]) -> None:
    """The option is refused, and no such fault is in its table."""
    nodes = [f"{name}={path}" for name, path in _NODES]
    assert main(["--dry", *nodes, "--step-clock"]) == 2
    assert "--step-clock is for real runs" in capsys.readouterr().err
    assert main(["--dry", *nodes, "--faults", "clock"]) == 2


def test_all_nodes_are_hit_after_all_other_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, and in no pair; the start is seen with what there is."""
    confs = [(name, path, parse(path)) for name, path in _NODES]
    cluster = cluster_of([(name, conf) for name, _, conf in confs], Version("2.2.7"))
    assert pairs([*_STEPS, Fault(UNKNOWN[0], (0,))]) == ([], 0)
    names = ["lb1", "lb2"]
    assert [it.text(names) for it in _STEPS] == [
        "clock stepped forward on all nodes",
        "clock stepped back on all nodes",
    ]
    took = order(cluster, confs, _STEPS, None)["faults"]
    assert [it["kind"] for it in took] == [FORWARD, BACK]
    assert min(it["during"] for it in took) > 5
    calls: list[tuple[list[str], bool]] = []

    def perform(*words: Any) -> list[Row]:
        calls.append(([it.kind for it in words[2]], len(words) > 6))
        return []

    monkeypatch.setattr(steps, "perform", perform)
    monkeypatch.setattr(steps, "kept_clock", lambda: nullcontext(9))
    start, stopped = Fault("start", (0, 1)), Fault(STOP, (0,))
    for chosen in ([start, stopped, *_STEPS], [start, _STEPS[1]], [start, stopped], [_STEPS[0]]):
        assert played(cluster, confs, chosen, None, [], Reals()) == []
    assert calls == [
        (["start", STOP], False),
        ([FORWARD, BACK], True),
        (["start", BACK], True),
        (["start", STOP], False),
        ([FORWARD], True),
    ]


def test_the_verdict_names_the_scripts_that_failed() -> None:
    """Where the outcome is not good."""
    gone, held = Phase((), (), 0, 0, 0, 1, 0, settled=True), Phase((0,), (0,), 0, 0, 0, 0, 0, settled=True)
    for hit, reason in ((gone, "nobody holds it, lb1 or lb2 could; fresh and age failed"), (held, "")):
        outcome = Outcome((0,), hit, hit, held, held, (0, 1))
        row = Row(_STEPS[0], ((0, 0), (1, 0)), outcome, failed=("fresh", "age"))
        assert verdict(row, ["lb1", "lb2"]).reason == reason
