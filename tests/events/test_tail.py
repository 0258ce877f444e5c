"""What does a reader see that goes on with what comes?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.events.make import some
from vipwarden.events.segments import Segments
from vipwarden.events.stored import numbers, path_of
from vipwarden.events.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a place for segments."""
    yield tmp_path / "state" / "events"  # noqa: PT022


def test_a_tail_sees_what_comes_in_whichever_segment(folder: Path) -> None:
    """And nothing of before."""
    segments = Segments(str(folder), 1 << 20)
    segments.add(some(3))
    tail = Tail(str(folder))
    seen = []
    for begin in range(3, 1003, 100):
        segments.add(some(100, begin))
        seen += [int(event.text) for event in tail.more()]
    segments.close()
    assert len(numbers(str(folder))) > 1
    assert seen == list(range(3, 1003))
    assert tail.more() == []


@pytest.mark.parametrize("before", [1, 40])
def test_a_tail_goes_on_in_a_record_that_was_begun_anew(folder: Path, before: int) -> None:
    """Somebody has removed it: the next recorder begins with the first number again, or in a file of the same name."""
    segments = Segments(str(folder), 1 << 20)
    for begin in range(before):
        segments.add(some(100, 100 * begin))
    tail = Tail(str(folder))
    segments.close()
    shutil.rmtree(folder)
    assert tail.more() == []
    segments = Segments(str(folder), 1 << 20)
    segments.add(some(2))
    assert [it.text for it in tail.more()] == ["0", "1"]
    segments.add(some(1, 2))
    assert [it.text for it in tail.more()] == ["2"]
    segments.close()


def test_a_tail_waits_for_the_end_of_a_line(folder: Path) -> None:
    """A write that failed is cut off again: what comes after it is whole."""
    segments = Segments(str(folder))
    segments.add(some(1))
    path = Path(path_of(str(folder), 1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    tail = Tail(str(folder))
    assert tail.more() == []
    os.truncate(path, len(whole))
    segments.add(some(2, 1))
    assert [it.text for it in tail.more()] == ["1", "2"]
    segments.close()


@pytest.mark.parametrize("place", ["0-0", "1-0", "1-7", "1-99999999999999999", "99999999999999999999-0"])
def test_a_place_that_is_far_away_costs_no_more_than_is_asked_for(folder: Path, place: str) -> None:
    """Whoever names it: the last events are read."""
    segments = Segments(str(folder))
    segments.add(some(1000))
    segments.close()
    found = [int(it.text) for it in Tail(str(folder), place).more(10_000)]
    assert 10 < len(found) < 100
    assert found == list(range(1000))[-len(found) :]


def test_a_reader_that_was_late_learns_that_it_missed_something(folder: Path) -> None:
    """It was stopped, and meanwhile its segment has made room; or more has come than it wants."""
    segments = Segments(str(folder), 1 << 20)
    segments.add(some(1))
    late, early = Tail(str(folder)), Tail(str(folder))
    for begin in range(1, 8001, 100):
        segments.add(some(100, begin))
        assert [int(it.text) for it in early.more()] == [*range(begin, begin + 100)]
        assert not early.missed
    assert numbers(str(folder))[0] > 1

    def more(most: int = 1 << 20) -> tuple[list[int], bool]:
        return [int(it.text) for it in late.more(most)], late.missed

    found, missed = more()
    assert missed
    assert found == [*range(found[0], 8001)]
    assert more() == ([], False)
    segments.add(some(100, 8001))
    found, missed = more(10_000)
    assert missed
    assert found == [*range(found[0], 8101)]
    segments.close()
