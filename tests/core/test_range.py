"""Does a range alert on just the values that its operator meant?"""

from __future__ import annotations

import math
from itertools import pairwise

import nagiosplugin
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vipwarden.core.result import CRITICAL, OK, WARNING, Range, judge, plain

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TENTHS = st.integers(-100, 100).map(lambda number: number / 10)  # so that ends and values meet


@st.composite
def written(draw: st.DrawFn, numbers: st.SearchStrategy[float] = FINITE) -> tuple[str, float, float, bool]:
    """Draw a range in one of its notations, with its start, its end and whether it alerts inside."""
    inside = draw(st.booleans())
    low, high = sorted((draw(numbers), draw(numbers)))
    at = "@" * inside
    notation = draw(st.sampled_from(("low:high", "low:", "~:high", "~:", "high", ":high")))
    if notation in ("high", ":high"):
        low, high = 0.0, abs(high)
    text = notation.replace("low", repr(low)).replace("high", repr(high))
    start = -math.inf if "~" in notation else low
    return at + text, start, math.inf if notation.endswith(":") else high, inside


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("10", [0, 5, 10], [-0.1, 10.1]),
        ("10:", [10, 1e300], [9.9, -1]),
        ("~:10", [-1e300, 10], [10.1]),
        ("10:20", [10, 20], [9, 21]),
        ("@10:20", [9, 21], [10, 20]),
        ("@10", [-1, 11], [0, 10]),
        (":10", [0, 10], [-1, 11]),
        ("-5:5", [-5, 0, 5], [-5.1, 5.1]),
        ("-20:-10", [-20, -10], [-21, -9]),
        ("0", [0], [0.001, -0.001]),
        ("0:", [0, 1], [-1]),
        ("~:", [-1e300, 0, 1e300], []),
        ("@~:", [], [-1e300, 0, 1e300]),
        ("1e-3", [0, 0.001], [0.0011]),
        ("0.5:.75", [0.5, 0.75], [0.49, 0.76]),
        (" 10 ", [10], [11]),
    ],
)
def test_the_notation_of_the_guidelines(text: str, good: list[float], bad: list[float]) -> None:
    """Both ends are inclusive, a bare number starts at zero, and @ turns it round."""
    limit = Range(text)
    assert [limit.alerts(value) for value in good] == [False] * len(good)
    assert [limit.alerts(value) for value in bad] == [True] * len(bad)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "@", ":", "@:", "~", "x", "1:2:3", "20:10", "5:-5", "-10", "1,5", "1_000", "nan", "inf", "nan:",
        "~:inf", "-inf:", "1e999", "@@1", "10:~", "1: 2", "0x10", "1..2", "\u0663", "1\n2", "--1", "~~:1", "10%",
        "5s", "\udcff",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    """Also an empty text: a variable that was never set must not switch a threshold off."""
    with pytest.raises(ValueError, match=r"range|number"):
        Range(text)


@given(st.text() | st.text("@~:0123456789.-+eE "))
def test_a_text_is_a_range_or_a_value_error(text: str) -> None:
    """No text brings another exception about, and what is taken can be written and read again."""
    try:
        limit = Range(text)
    except ValueError:
        return
    assert limit.start <= limit.end
    assert Range(str(limit)) == limit


@given(written(), FINITE | st.integers())
def test_alerts_as_the_guidelines_define_it(case: tuple[str, float, float, bool], value: float) -> None:
    """The model: outside of the ends alerts, with @ the ends and what lies between."""
    text, start, end, inside = case
    outside = value < start or value > end
    assert Range(text).alerts(value) is (outside != inside)


@given(written(TENTHS), TENTHS)
def test_agrees_with_nagiosplugin(case: tuple[str, float, float, bool], value: float) -> None:
    """Two implementations from one text, where that of nagiosplugin takes it."""
    text = case[0]
    assert Range(text).alerts(value) is not nagiosplugin.Range(text).match(value)


@given(written())
def test_what_is_written_reads_back_as_the_same_range(case: tuple[str, float, float, bool]) -> None:
    """To the last bit, whatever the numbers; equal ranges are equal as keys as well."""
    limit = Range(case[0])
    again = Range(str(limit))
    assert (again.start, again.end, again.inside) == (limit.start, limit.end, limit.inside) == case[1:]
    assert again == limit
    assert hash(again) == hash(limit)
    assert limit != str(limit)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("0:10", "10"),
        ("10:", "10:"),
        ("~:10", "~:10"),
        ("~:", "~:"),
        ("@0:10.0", "@10"),
        ("-0:", "0:"),
        ("1e3:2e3", "1000:2000"),
        ("0.0001", "0.0001"),
        ("0:0", "0"),
    ],
)
def test_is_written_in_its_shortest_form(text: str, short: str) -> None:
    """That is what perfdata shows."""
    assert str(Range(text)) == short


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("text", ["10", "~:", "@10:20", "@~:"])
def test_what_is_no_finite_number_always_alerts(value: float, text: str) -> None:
    """A measurement that went wrong is never fine, not even in a range without ends."""
    assert Range(text).alerts(value)


@given(TENTHS | st.just(math.nan), *[st.none() | written(TENTHS).map(lambda case: Range(case[0]))] * 2)
def test_critical_comes_before_warning(value: float, warning: Range | None, critical: Range | None) -> None:
    """A threshold that is not set says nothing."""
    if critical is not None and critical.alerts(value):
        assert judge(value, warning, critical) is CRITICAL
    elif warning is not None and warning.alerts(value):
        assert judge(value, warning, critical) is WARNING
    else:
        assert judge(value, warning, critical) is OK


@given(FINITE | st.integers(-(10**25), 10**25))
def test_plain_never_writes_an_exponent_and_stays_close(value: float) -> None:
    """Within half a unit of the ninth decimal below a million, of the third above."""
    text = plain(value)
    assert not text.strip("-0123456789.")
    assert not text.startswith("-0") or text.startswith("-0.")
    assert text == "0" or not text.endswith(".0")
    tolerance = 0.5e-9 if abs(value) < 1e6 else 0.5e-3
    assert abs(float(text) - value) <= tolerance * 1.001 + abs(value) * 1e-15


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-07, "0.0000001"),
        (-1e-12, "0"),
        (1e21, "1" + "0" * 21),
        (-2.5, "-2.5"),
        (True, "1"),
        (1234567.8912, "1234567.891"),
        (100.0, "100"),
    ],
)
def test_plain_writes_what_perfdata_wants(value: float, text: str) -> None:
    """No 1e-07, no True and no needless fraction."""
    assert plain(value) == text


@given(st.lists(TENTHS, min_size=2, unique=True))
def test_plain_keeps_the_order(values: list[float]) -> None:
    """Two numbers that differ by a tenth never swap places."""
    assume(len(set(values)) > 1)
    assert all(float(plain(low)) < float(plain(high)) for low, high in pairwise(sorted(values)))
