"""Is a verdict stamped before its time is over, and written as a whole when it changes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from agent.published import NOTHING, STAMP, WHOLE, WHOLE_PERIOD, Published
from agent.publisher import Publisher
from vipwarden.core.result import OK

if TYPE_CHECKING:
    from pathlib import Path

INTERVALS = st.floats(0.1, 3600)


@given(INTERVALS)
def test_a_verdict_is_valid_until_the_next_stamp(interval: float) -> None:
    """Also where that comes an interval and a half late; and for two and a half intervals at least."""
    files = Published("web", interval, 0)
    longest = files.period + interval  # the first run after the period stamps
    assert files.ttl >= longest + interval / 2 - 1e-9
    assert files.ttl >= 2.5 * interval - 1e-9


@given(INTERVALS, st.floats(0, 1e6), st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=30))
def test_a_change_is_written_at_once_and_else_so_often_as_needed(
    interval: float, now: float, runs: list[tuple[float, bool]]
) -> None:
    """The first verdict as a whole; the text is never older than its period and one more stamp."""
    files = Published("web", interval, 0)
    assert files.wants(now, changed=False) == WHOLE
    files.wrote(now, OK, 4)
    for seconds, changed in runs:
        now += seconds
        wanted = files.wants(now, changed=changed)
        assert wanted == WHOLE or not changed
        if wanted == NOTHING:
            assert now - files.stamped < files.period
        elif wanted == STAMP:
            assert now - files.written < WHOLE_PERIOD
            files.stamped = now
        else:
            files.wrote(now, OK, 4)


def test_a_storm_changes_states_and_not_all_texts(tmp_path: Path) -> None:
    """Where thousands of servers are lost together, what only speaks against a verdict is written for some."""
    publisher = Publisher(str(tmp_path), print, lambda *_: None)
    assert [publisher.is_news(7.5) for _ in range(10_000)].count(True) == 200
    assert publisher.is_news(8.0)
