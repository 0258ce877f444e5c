"""How are numbers, times and states written?"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from exporter.render.words import amount, count, moment, short, size, span, speed, things, zone
from tests.exporter.render.reading import outcomes

if TYPE_CHECKING:
    from tests.exporter.render.reading import Shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.2 s"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (200000, "2 d"), (-1, "?")]
)
def test_times_are_in_their_largest_unit(seconds: float, text: str) -> None:
    """Rounded down."""
    assert span(seconds) == text


def test_numbers_are_written_for_people() -> None:
    """Grouped, with decimal prefixes, and a dash for what is no number."""
    assert count(1234567) == "1\u202f234\u202f567"
    assert [size(value) for value in (0, 999, 1500, 123456, 5e15)] == ["0 B", "999 B", "1.5 kB", "123 kB", "5.0 PB"]
    assert [amount(text) for text in ("12", "", None, "-1", "x")] == ["12", "-", "-", "-", "-"]
    assert amount("1500", size) == "1.5 kB"
    assert [count(value) for value in (9_999_999, 10_000_000, 2e9, 3.14e12)] == [
        "9\u202f999\u202f999",
        "10.0 M",
        "2.0 G",
        "3.1 T",
    ]
    assert [speed(value) for value in (None, 0.0, 0.25, 12.5, 12345)] == ["-", "0/s", "0.2/s", "12/s", "12\u202f345/s"]
    assert speed(1500, size) == "1.5 kB/s"
    assert [things(number, "thing") for number in (0, 1, 2)] == ["0 things", "1 thing", "2 things"]
    assert moment(1e30) == "?"
    numbers = (0, 999, 9_999, 10_000, 54_321, 999_499, 1_234_567, 12_345_678, 9.4e17)
    wanted = ["0", "999", "9\u202f999", "10 k", "54 k", "999 k", "1.2 M", "12 M", "940 P"]
    assert [short(value) for value in numbers] == wanted


@pytest.mark.parametrize(("name", "wanted"), [("UTC0", "UTC"), ("AAA-5:30", "UTC+05:30"), ("AAA3:30", "UTC-03:30")])
def test_times_are_told_with_their_zone(show: Shown, monkeypatch: pytest.MonkeyPatch, name: str, wanted: str) -> None:
    """The reader's browser may be in another one."""
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        assert zone(0) == (wanted.removeprefix("UTC") or "UTC")
        page = show(outcomes())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert re.search(rf"Read at \d\d:\d\d:\d\d {re.escape(wanted.removeprefix('UTC') or 'UTC')} ", page.text)
    moments = [attributes.get("datetime") for tag, attributes in page.tags if tag == "time"]
    assert [datetime.fromisoformat(it).tzname() for it in moments if it] == [wanted]
