"""Two faults at a time: which pairs are worth it, and which of them does an operator see?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.rehearse import main
from rehearse.model.cluster import Group, Link
from rehearse.model.faults import DEAF, FAIL, FREEZE, HANG, KILL, POWER, START, STOP, Fault, faults
from rehearse.model.predict import predict
from rehearse.model.two import RowOfTwo, predict_two
from rehearse.report import counts_of_pairs
from rehearse.together import compute, pairs, two_at_a_time
from tests.commands import CODE
from tests.rehearse.make import instance, pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAIRS = CODE / "docs" / "rehearse"
SCRIPT, OTHER = (Fault(FAIL, (node,), "script", "chk") for node in (0, 1))
ALL = Fault(FAIL, (0, 1), "script", "chk")
DOWN = Fault(FAIL, (0,), "interface", "eth0")
ONE_WAY, BOTH_WAYS = (Fault(DEAF, (0, 1), "", "eth0", both=both) for both in (False, True))


def rehearse(capsys: pytest.CaptureFixture[str], name: str, *words: str) -> tuple[int, str, str]:
    """Return exit code, output and errors."""
    nodes = [f"{it}={PAIRS}/{name}/{it}.conf" for it in ("lb1", "lb2")]
    code = main(["--dry", "--keepalived-version", "2.2.7", "--pairs", *nodes, *words])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("one", "other", "is_worth"),
    [
        (SCRIPT, OTHER, True),
        (SCRIPT, ALL, False),
        (SCRIPT, Fault(HANG, (0,), "script", "chk"), False),
        (SCRIPT, Fault(POWER, (0,)), False),
        (SCRIPT, Fault(STOP, (0,)), False),
        (SCRIPT, Fault(POWER, (1,)), True),
        (ALL, Fault(POWER, (0,)), True),
        (SCRIPT, Fault(FREEZE, (0,)), True),
        (Fault(KILL, (0,)), ONE_WAY, False),
        (Fault(POWER, (1,)), BOTH_WAYS, False),
        (DOWN, BOTH_WAYS, False),
        (DOWN, Fault(FREEZE, (0,)), True),
        (ONE_WAY, BOTH_WAYS, False),
        (Fault(STOP, (0,)), Fault(POWER, (0,)), False),
        (Fault(STOP, (0,)), Fault(POWER, (1,)), True),
        (Fault(START, (0, 1)), SCRIPT, False),
    ],
)
def test_a_fault_that_another_makes_void_is_left_out(one: Fault, other: Fault, is_worth: bool) -> None:
    """In both orders; how many are left out is counted."""
    chosen, void = pairs([one, other])
    assert chosen == ([(one, other), (other, one)] if is_worth else [])
    assert void == (not is_worth and START not in (one.kind, other.kind))


def test_what_there_is_no_time_for_is_counted() -> None:
    """It ends in bounded time."""
    cluster = pair(instance(150, Link("script", "chk")), instance(100, Link("script", "chk")))
    chosen, _ = pairs(faults(cluster))
    assert compute(cluster, chosen, seconds=-1) == ([], len(chosen) // 2)
    seen: list[int] = []
    found, late = compute(cluster, chosen, tell=seen.append)
    assert (len(found), late, seen[-1]) == (len(chosen), 0, len(chosen))


def test_what_is_played_is_one_order_of_what_may_be_news() -> None:
    """A pair is not played of which a fault is bad alone; those come first that the model calls bad."""
    group = (Group("G", ("VI_51", "VI_52"), is_weighted=True),)
    one, other = (
        (instance(it), instance(it, vrid=52, interface="eth1", vips=(("192.0.2.20", "eth1"),))) for it in (150, 100)
    )
    cluster = pair(one, other, groups=group)
    filters = [Fault(DEAF, (0, 1), "", name, both=True) for name in ("eth0", "eth1")]
    chosen = [*filters, Fault(POWER, (0,)), Fault(POWER, (1,)), Fault(KILL, (0,))]
    played: list[tuple[Fault, Fault]] = []

    def play(twos: Sequence[tuple[Fault, Fault]]) -> list[RowOfTwo]:
        played.extend(twos)
        return predict_two(cluster, twos)

    both = two_at_a_time(cluster, chosen, predict(cluster, chosen), {}, play)
    assert {*played[0]} == {*filters}
    assert [{*it} for it in played] == [{*filters}, {*chosen[2:4]}]
    assert (len(both.lines), both.late, both.old) == (2, 0, 1)
    assert "1 not run as one of the two is bad alone" in counts_of_pairs(both)


def test_too_many_pairs_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A hundred scripts make 500 faults."""
    names = [f"s{number}" for number in range(100)]
    tracks = "".join(f"{name}\n" for name in names)
    for node in ("lb1", "lb2"):
        text = "".join(f"vrrp_script {name} {{\n script /bin/true\n}}\n" for name in names)
        text += f"vrrp_instance V {{\n interface e\n virtual_router_id 1\n track_script {{\n{tracks}}}\n}}\n"
        (tmp_path / node).write_text(text, encoding="ascii")
    assert main(["--dry", "--pairs", f"lb1={tmp_path}/lb1", f"lb2={tmp_path}/lb2"]) == 2
    assert "faults make too many pairs: at most 300, see --faults" in capsys.readouterr().err


def test_only_what_is_new_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A pair that is bad as one of its faults is bad is counted; JSON and the page have what they should."""
    filters = ("--faults", "VRRP filtered from lb1", "--faults", "power off on lb1")
    code, out, err = rehearse(capsys, "sync-group", *filters, "--html", str(tmp_path / "page.html"))
    assert (code, err) == (1, "")
    new = "VRRP filtered from lb1 to lb2 on eth0 and VRRP filtered from lb1 to lb2 on eth1"
    assert f"\n{new}  192.0.2.10, 198.51.100.10  lb1 -> lb1 and lb2 " in out
    counted = (
        "1 pair: 1 bad of which neither fault is bad alone, 0 bad as one of the two is bad alone (not listed), "
        "0 open to choice, 0 good; 2 left out: one fault makes the other void"
    )
    assert out.endswith(f"\n{counted}\n")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert counted in page
    assert page.count(new) == 2
    code, out, err = rehearse(capsys, "dual-master", "--json")
    said = json.loads(out)
    assert code == 1
    assert {len(it["alone"]) for it in said["faults"]} == {0}
    assert said["pairs_left_out"] == {"void": 63, "one_is_bad": 0, "no_time": 0}
    assert {len(it["alone"]) for it in said["pairs"]} == {2}
    ordered = "interface eth0 down on lb1, then keepalived frozen (SIGSTOP) on lb2"
    assert ordered in {it["fault"] for it in said["pairs"]}
    assert all("bad" in it["alone"] for it in said["pairs"] if it["verdict"] == "bad")


def test_pairs_are_expected_where_the_file_has_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file of an earlier version, or of a run without them, is read as before."""
    expected = tmp_path / "expected.json"
    text = rehearse(capsys, "sync-group", "--json")[1]
    expected.write_text(text, encoding="utf-8")
    assert rehearse(capsys, "sync-group", "--expect", str(expected))[::2] == (0, "")
    said = json.loads(text)
    said["pairs"][0]["verdict"] = "strange"
    expected.write_text(json.dumps(said), encoding="utf-8")
    code, _, err = rehearse(capsys, "sync-group", "--expect", str(expected))
    assert (code, err.count("\n"), "strange; it is" in err) == (1, len(said["pairs"][0]["vips"]), True)
    del said["pairs"]
    for it in said["faults"]:
        for name in ("broken", "mended", "alone"):
            del it[name]
    expected.write_text(json.dumps(said), encoding="utf-8")
    assert rehearse(capsys, "sync-group", "--expect", str(expected))[::2] == (0, "")
