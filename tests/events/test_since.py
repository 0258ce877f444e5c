"""Is all read that may be of a time, and little else?"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.events.make import EPOCH, event
from vipwarden.events.order import corrected, ordered
from vipwarden.events.read import read
from vipwarden.events.segments import Segments
from vipwarden.events.since import begin
from vipwarden.events.stored import paths

if TYPE_CHECKING:
    from pathlib import Path

BOOTS = st.lists(
    st.tuples(
        st.integers(1, 60),  # events
        st.sampled_from((1.0, 60.0, 3600.0)),  # seconds between two
        st.sampled_from((0.0, 0.0, 3600.0, -3600.0)),  # a step of the clock in the middle
    ),
    min_size=1,
    max_size=4,
)


@given(BOOTS, st.floats(0, 1))
def test_nothing_of_the_time_is_left_out(boots: list[tuple[int, float, float]], part: float) -> None:
    """Whatever steps and boots there were."""
    with TemporaryDirectory() as folder:
        segments = Segments(f"{folder}/state/events", 1 << 20)
        at, ahead, events = 0.0, 0.0, []
        for number, (count, apart, step) in enumerate(boots):
            for place in range(count):
                at += apart
                ahead += step if place == count // 2 else 0.0
                events.append(event(at, ahead=ahead + 1e6, bid=f"b{number}", text="x" * 500))
        for it in events:
            segments.add(it.as_line())
        segments.close()
        whole = corrected(ordered(events))
        times = sorted(it.time for it in whole)
        since = times[int(part * (len(times) - 1))]
        wanted = [it.n for it in whole if it.time >= since]
        found = corrected(ordered(read(segments.folder, since)))
        assert [it.n for it in found if it.time >= since] == wanted


def test_of_a_large_record_the_end_alone_is_read(tmp_path: Path) -> None:
    """A day of an event a second, of which the last minutes are asked for."""
    segments = Segments(str(tmp_path / "state" / "events"), 64 << 20)
    for hour in range(24):
        segments.add(b"".join(event(hour * 3600.0 + second, text="x" * 100).as_line() for second in range(3600)))
    segments.close()
    whole = paths(segments.folder)
    for since in (EPOCH + 24 * 3600 - 300, EPOCH + 12 * 3600 + 7.5):
        parts = begin(whole, since)
        first = next(iter(read(segments.folder, since)))
        assert first.time <= since - 60
        assert since - first.time < 120 + 0.001 * 86400 + 2 * 65536 / 300 + 60
        assert parts[0][1] or len(parts) < len(whole)
