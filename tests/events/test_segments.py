"""Where do events lie, and what does a crash or a full disk leave?"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.events.make import some
from vipwarden.events.read import read
from vipwarden.events.segments import BusyError, Segments, sound, surplus
from vipwarden.events.stored import lines, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator


def texts(folder: Path) -> list[int]:
    """Return the numbers that are recorded."""
    return [int(event.text) for event in read(str(folder))]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a place for segments."""
    yield tmp_path / "state" / "events"  # noqa: PT022


@given(st.dictionaries(st.integers(1, 50), st.integers(0, 100)), st.integers(0, 100), st.integers(0, 1000))
def test_what_goes_is_the_oldest_and_no_more_than_needed(sizes: dict[int, int], coming: int, most: int) -> None:
    """And what is left fits, unless nothing would be left."""
    gone = surplus(sizes, coming, most)
    assert gone == sorted(sizes)[: len(gone)]
    left = sum(sizes.values()) - sum(sizes[number] for number in gone)
    assert left + coming <= most or len(gone) == len(sizes)
    assert not gone or left + sizes[gone[-1]] + coming > most


@given(st.integers(0, 5), st.binary(max_size=400), st.integers(0, 400))
def test_what_is_torn_is_cut_off(count: int, garbage: bytes, cut: int) -> None:
    """Of an end that is anything, NULs of a lost block among it, whole events are left."""
    whole = some(count)
    torn = whole + garbage.replace(b"{", b"") + some(1)[:cut].rstrip(b"\n")
    end = sound(torn)
    assert end == len(whole) or (end > len(whole) and torn[:end].endswith(b"}\n"))
    assert sound(torn[:end]) == end


@given(st.binary(max_size=300), st.integers(1, 50))
def test_lines_are_the_same_whatever_the_pieces(data: bytes, size: int) -> None:
    """An empty line is none."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(lines(pieces)) == [text for text in data.split(b"\n") if text]


@given(st.lists(st.integers(1, 300), max_size=30), st.integers(200_000, 600_000))
def test_it_stays_within_its_bound(batches: list[int], most: int) -> None:
    """The youngest events are there, in their order, and no file is larger than its part or a batch."""
    with TemporaryDirectory() as place:
        folder = Path(place, "state", "events")
        segments = Segments(str(folder), most)
        begin = 0
        for batch in batches:
            segments.add(some(batch, begin))
            begin += batch
            assert sum(path.stat().st_size for path in folder.glob("*.jsonl")) <= most
        segments.close()
        found = texts(folder)
        assert found == list(range(begin - len(found), begin))
        assert len(found) >= min(begin, batches[-1] if batches else 0)
        assert segments.dropped == 0


def test_a_torn_end_is_mended_and_the_next_event_is_whole(folder: Path) -> None:
    """As kill -9 or a power cut leaves it."""
    first = Segments(str(folder))
    first.add(some(3))
    first.close()
    path = folder / f"{numbers(str(folder))[-1]:010d}.jsonl"
    with path.open("ab") as segment:
        segment.write(some(1, 3)[:50])
    assert texts(folder) == [0, 1, 2]
    second = Segments(str(folder))
    second.add(some(2, 4))
    second.close()
    assert texts(folder) == [0, 1, 2, 4, 5]
    assert len(numbers(str(folder))) == 1


def test_there_is_one_writer(folder: Path) -> None:
    """A second one is refused, and may come when the first is gone."""
    first = Segments(str(folder))
    with pytest.raises(BusyError, match="another recorder"):
        Segments(str(folder))
    first.close()
    Segments(str(folder)).close()


def test_a_copy_counts_once(folder: Path) -> None:
    """As after a crash between the disk and the spool."""
    segments = Segments(str(folder))
    data = some(2)
    segments.add(data)
    segments.add(data + some(1, 2))
    segments.close()
    assert texts(folder) == [0, 1, 2]


def test_a_full_disk_costs_the_oldest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted, and what comes is written."""
    segments = Segments(str(folder), 1 << 20)
    for begin in range(0, 2000, 100):
        segments.add(some(100, begin))
    had = numbers(str(folder))
    write = os.write

    def full(out: int, data: bytes) -> int:
        if numbers(str(folder))[0] <= had[1]:
            write(out, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(out, data)

    monkeypatch.setattr(os, "write", full)
    segments.add(some(100, 2000))
    segments.close()
    found = texts(folder)
    assert found == list(range(segments.dropped, 2100))
    assert segments.dropped > 0


def test_a_disk_that_takes_nothing_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And when it takes again, it goes on."""
    segments = Segments(str(folder))
    segments.add(some(1))

    def full(_out: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            segments.add(some(1, 1))
    segments.add(some(1, 2))
    segments.close()
    assert texts(folder) == [0, 2]
    assert segments.dropped == 0


def test_an_error_of_the_disk_drops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EIO is no want of space."""
    segments = Segments(str(folder))
    segments.add(some(1))

    def broken(_out: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="Input/output"):
            segments.add(some(1, 1))
    segments.close()
    assert texts(folder) == [0]


def test_files_of_other_names_are_no_segments(folder: Path) -> None:
    """As a copy of a record that somebody has laid there."""
    folder.mkdir(parents=True)
    for name in ("1.jsonl", "12345678901.jsonl", "lb2.jsonl"):
        (folder / name).write_bytes(some(1))
    segments = Segments(str(folder))
    segments.add(some(1, 1))
    segments.close()
    assert texts(folder) == [1]
