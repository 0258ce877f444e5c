"""Is all read that may be of a time, and little else?"""

from __future__ import annotations

import os
from math import inf
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.events.make import EPOCH, event
from vipwarden.events.merge import merged
from vipwarden.events.order import corrected, ordered
from vipwarden.events.read import read
from vipwarden.events.segments import Segments
from vipwarden.events.since import window
from vipwarden.events.stored import paths, sizes

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


@given(BOOTS, st.floats(0, 1), st.floats(0, 1) | st.none())
def test_nothing_of_the_time_is_left_out(
    boots: list[tuple[int, float, float]], part: float, share: float | None
) -> None:
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
        until = inf if share is None else since + share * (times[-1] - since)
        wanted = {it.n: it.time for it in whole if since <= it.time <= until}
        found, _ = merged([read(segments.folder, since, until)])
        known = {it.n: it.time for it in found if since - 1 <= it.time <= until + 1}
        assert wanted.keys() <= known.keys()
        assert all(abs(known[number] - time) < 1 for number, time in wanted.items())


def test_of_a_large_record_the_end_alone_is_read(tmp_path: Path) -> None:
    """A day of an event a second, of which the last minutes are asked for."""
    segments = Segments(str(tmp_path / "state" / "events"), 64 << 20)
    for hour in range(24):
        segments.add(b"".join(event(hour * 3600.0 + second, text="x" * 100).as_line() for second in range(3600)))
    segments.close()
    whole = paths(segments.folder)
    for since in (EPOCH + 24 * 3600 - 300, EPOCH + 12 * 3600 + 7.5):
        parts, _ = window(whole, since)
        first = next(iter(read(segments.folder, since)))
        assert first.time <= since - 60
        assert since - first.time < 120 + 0.001 * 86400 + 2 * 65536 / 300 + 60
        assert parts[0].at or len(parts) < len(whole)


def test_of_a_large_record_the_middle_alone_is_read(tmp_path: Path) -> None:
    """With the last event of the boot, by which clocks that were stepped later are right."""
    segments = Segments(str(tmp_path / "state" / "events"), 64 << 20)
    for hour in range(24):
        ahead = 3600.0 if hour > 20 else 0.0
        batch = (event(hour * 3600.0 + it, text="x" * 100, ahead=ahead).as_line() for it in range(3600))
        segments.add(b"".join(batch))
    segments.close()
    noon = EPOCH + 3600 + 12 * 3600
    found, _ = merged([read(segments.folder, noon, noon + 60)])
    assert [it.boot for it in found if noon <= it.time <= noon + 60] == [12 * 3600 + float(it) for it in range(61)]
    assert len(found) < 3000


def test_of_too_much_the_last_is_read(tmp_path: Path) -> None:
    """And that is said; of a pipe as well, whose size nobody knows."""
    path = tmp_path / "events"
    path.write_bytes(b"".join(event(float(it)).as_line() for it in range(2000)))
    said: list[str] = []
    found = read(str(path), most=100_000, cut=lambda: said.append("cut"))
    assert [it.boot for it in found] == [float(it) for it in range(2000)][-len(found) :]
    assert 100 < len(found) < 1000
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    writer.start()
    assert [it.n for it in read(str(pipe), most=100_000, cut=lambda: said.append("cut"))][-5:] == [
        it.n for it in found[-5:]
    ]
    writer.join(60)
    assert said == ["cut", "cut"]
    chosen = read(str(path), EPOCH + 500, EPOCH + 510, whole=True, most=300_000, cut=lambda: said.append("cut"))
    assert {it.boot for it in chosen} >= {float(it) for it in range(500, 511)}
    assert said == ["cut", "cut"]


def test_of_a_record_with_many_boots_the_end_alone_is_read(tmp_path: Path) -> None:
    """A node that is started anew each hour: no segment is of one boot."""
    segments = Segments(str(tmp_path / "state" / "events"), 64 << 20)
    for hour in range(96):
        batch = (event(hour * 3600.0 + it, bid=f"b{hour}", text="x" * 500).as_line() for it in range(0, 3600, 4))
        segments.add(b"".join(batch))
    segments.close()
    whole = paths(segments.folder)
    noon = EPOCH + 72 * 3600
    parts, _ = window(whole, noon, noon + 600)
    read_bytes = sum((part.end or 0) - part.at for part in parts)
    assert len(whole) > 10
    assert read_bytes < 0.2 * sum(sizes(segments.folder).values())
    found = {it.wall for it in read(segments.folder, noon, noon + 600)}
    assert found >= {noon + it for it in range(0, 600, 4)}
