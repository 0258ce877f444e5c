"""Which time does an operator mean?"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cli import when
from cli.when import Until, When
from tests.commands import run
from tests.events.make import event, jsonl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# on 25 October 2026, at 01:00 UTC, clocks in Berlin go from 03:00 back to 02:00; on 29 March from 02:00 on to 03:00
AUTUMN, SPRING = 1792890000.0, 1774746000.0


@contextmanager
def berlin(monkeypatch: pytest.MonkeyPatch, now: float = 0.0) -> Iterator[None]:
    """Be in Berlin, at a time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        if now:
            patch.setattr(when, "time", lambda: now)
            patch.setattr(when, "strftime", lambda form: time.strftime(form, time.localtime(now)))
        yield
    time.tzset()


def test_a_time_of_day_is_the_last_that_has_been() -> None:
    """Of today, else of yesterday."""
    now = time.time()
    for text in ("00:00", "12:30", "23:59:59.5"):
        found = When(text)
        assert now - 90_000 < found <= now
        assert time.strftime("%H:%M", time.localtime(found)) == text[:5]
    assert time.strftime("%Y-%m-%d %H:%M", time.localtime(When("2026-01-31 03:00"))) == "2026-01-31 03:00"
    assert When("@1700000000.5") == 1700000000.5


def test_an_hour_that_comes_twice_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first time to its second; what summer time leaves out is shown from before to after."""
    with berlin(monkeypatch):
        assert When("2026-10-25 02:30") == AUTUMN - 1800
        assert Until("2026-10-25 02:30") == AUTUMN + 1800
        assert When("2026-03-29 02:30") == SPRING - 1800
        assert Until("2026-03-29 02:30") == SPRING + 1800
        assert When("2026-10-25 01:59:30.5") == Until("2026-10-25 01:59:30.5") == AUTUMN - 3629.5
        assert {float(When("2026-07-01 12:00")), float(Until("2026-07-01T12:00"))} == {1782900000.0}


@pytest.mark.parametrize("change", [AUTUMN, SPRING])
def test_yesterday_is_the_day_before_by_the_calendar(monkeypatch: pytest.MonkeyPatch, change: float) -> None:
    """Also where that day has 23 hours or 25, a few minutes after midnight."""
    with berlin(monkeypatch, change):
        day = time.localtime(change)
        midnight = time.mktime((*day[:2], day[2] + 1, 0, 5, 0, 0, 0, -1))
    with berlin(monkeypatch, midnight):
        found = time.localtime(When("23:45"))
        assert (found[:3], found[3:5]) == (day[:3], (23, 45))
        assert When("23:45") == midnight - 1200


def test_until_comes_after_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an outage "until" is to come yet, and midnight is no end; a day that is wrong is refused."""
    now = time.time()
    path = jsonl(tmp_path / "events", [event(0.0)])
    since, until = (time.strftime("%H:%M", time.localtime(now + away)) for away in (-1800, 1800))
    done = run(tmp_path, "vipwarden", "events", path, "--since", since, "--until", until)
    assert (done.code, done.err) == (0, "")
    with berlin(monkeypatch, AUTUMN + 86400):
        assert When("03:10").next_day() == AUTUMN + 86400 + 4200
    done = run(tmp_path, "vipwarden", "events", path, "--since", "2026-01-31", "--until", "2026-01-30 23:00")
    assert done.code == 2
    assert "--until is before --since" in done.err
