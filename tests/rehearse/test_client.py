"""What does the client of a stage hear, and what does it say of a fault?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearse.conf import read
from rehearse.model.faults import STOP, Fault
from rehearse.model.measure import Outcome, Phase
from rehearse.model.predict import Row
from rehearse.stage import play
from rehearse.stage.arp import heard, question
from rehearse.stage.asked import asks
from rehearse.stage.noticed import noticed
from rehearse.verdict import verdict
from vipwarden.node.keepalived.version import Version

_PAIR = [(name, f"docs/rehearse/dual-master/{name}.conf") for name in ("lb1", "lb2")]
_TIMES = {"begun": 0.0, "hit": 10.0, "mended": 20.0, "end": 30.0}
_MAC = b"\x02\x52\0\0\0\1"


def _requests(*lost: tuple[float, float]) -> list[Any]:
    """Return ten requests a second, and which of them are lost: those sent in some intervals, after a second."""
    found: list[Any] = []
    for number in range(300):
        at = number / 10
        good = not any(begin <= at < end for begin, end in lost)
        found.append([at, at + (0.01 if good else 1.0), good])
    return found


def _row(log: dict[str, Any], seen: list[Any]) -> Row:
    """Return the row of the first VIP with what its client noticed."""
    cluster = read(_PAIR, Version("2.2.7"))
    quiet: dict[str, Any] = {"every": 0.1, "requests": _requests(), "answers": [], "kept": []}
    phase = Phase((1,), (1,), 600, 0, 600, 1, 600, settled=True)
    found = Row(Fault(STOP, (0,)), tuple(asks(cluster)[0].router), Outcome((0,), phase, phase, phase, phase, (1,)))
    said = {"times": _TIMES, "client": [log, quiet], "seen": seen}
    return found._replace(noticed=noticed(cluster, asks(cluster), found, said))


def test_a_request_that_was_under_way_when_the_fault_came_is_lost_by_the_fault() -> None:
    """And both answers and the old node are counted in seconds."""
    log = {
        "every": 0.1,
        "requests": _requests((9.5, 11.0)),
        "answers": [[0.0, [0]], [11.0, [0, 1]], [11.5, [1]]],
        "kept": [[0.0, 0], [12.0, 1]],
    }
    seen = [[[0.0, "192.0.2.10", True], [10.0, "192.0.2.10", False]], [[10.6, "192.0.2.10", True]]]
    row = _row(log, seen)
    assert row.noticed is not None
    before, during, after = row.noticed
    assert (before.sent, before.lost) == (10, 0)
    assert (during.sent, during.lost, during.two, during.wrong) == (105, 15, 500, 1400)
    assert (after.sent, after.lost, after.is_silent) == (100, 0, False)
    assert verdict(row, ["lb1", "lb2"]).word == "good"


@pytest.mark.parametrize(
    ("kept", "reason"),
    [(1, "all requests are lost: lb2 answers none"), (0, "clients go on sending to another node than lb2")],
)
def test_a_vip_that_answers_no_client_is_bad(kept: int, reason: str) -> None:
    """Whoever holds it."""
    log = {"every": 0.1, "requests": _requests((10.0, 20.0)), "answers": [], "kept": [[0.0, kept]]}
    row = _row(log, [[], [[0.0, "192.0.2.10", True]]])
    found = verdict(row, ["lb1", "lb2"])
    assert found.word == "bad"
    assert reason in found.reason


def test_a_client_that_could_not_send_says_nothing_of_the_service() -> None:
    """On a machine that is too busy."""
    log = {"every": 0.1, "requests": _requests((10.0, 20.0))[::3], "answers": [], "kept": [[0.0, 1]]}
    found = verdict(_row(log, [[], [[0.0, "192.0.2.10", True]]]), ["lb1", "lb2"])
    assert (found.word, found.reason) == ("open", "this machine is too busy to tell what becomes of requests")


@pytest.mark.parametrize(("slower", "takes"), [(1, 1.0), (2, 2.0), (10, 2.5)])
def test_what_a_busy_machine_takes_longer_is_no_time_of_a_fault(
    slower: int, takes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to two and a half times as long."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += slower * seconds

    monkeypatch.setattr(play, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    play._wait(1.0)
    assert takes - 0.01 < now < takes + 0.1 * slower + 0.01


def test_a_client_asks_some_of_many_vips() -> None:
    """One of each virtual router, and sixteen at most."""
    cluster = read(_PAIR, Version("2.2.7"))
    assert [it.vip for it in asks(cluster)] == ["192.0.2.10", "192.0.2.20"]
    node = cluster.nodes[0]
    instances = tuple(
        node.instances[0].__class__("VI", "eth0", vrid, vips=((f"192.0.2.{vrid}", "eth0"),)) for vrid in range(1, 256)
    )
    many = cluster.__class__((node.__class__("lb1", instances),))
    assert len(asks(many)) == 16


def test_an_answer_names_who_has_the_address() -> None:
    """And the frame that asks is that of the RFC."""
    frame = question("192.0.2.10")
    assert frame[:14] == b"\xff" * 6 + _MAC + b"\x08\x06"
    answer = _MAC + b"\x02" * 6 + frame[12:20] + b"\0\2" + b"\x02" * 6 + frame[38:42] + _MAC + bytes(4)
    assert heard(answer, "p0-1-0") == ("p0-1-0", b"\x02" * 6, "192.0.2.10", True)
    gratuitous = answer[:32] + b"\xff" * 6 + frame[38:42]
    assert heard(gratuitous, "p0-1-0") == ("p0-1-0", b"\x02" * 6, "192.0.2.10", False)
    six = question("2001:db8::10")
    assert (six[:6], six[54], len(six)) == (b"\x33\x33\xff\0\0\x10", 135, 86)


@given(st.binary(max_size=130), st.sampled_from([b"\x08\x06", b"\x86\xdd"]))
def test_a_broken_frame_says_nothing_or_an_address(data: bytes, kind: bytes) -> None:
    """It raises nothing."""
    heard(data[:12].ljust(12) + kind + data[12:], "p0-0-0")
