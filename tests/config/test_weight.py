"""Does a weight give each verdict the number that its text says?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.config.weight import HIGHEST, LOWEST, Weight
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric

SCALED = Weight("time 0.05:1 = 50:10, critical=0")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("ok=50, warning=20, critical=0", [50, 20, 0, 0]),
        ("ok=50, critical=-254", [50, -254, -254, -254]),
        ("critical=-10, unknown=-20", [-10, -10, -10, -20]),
        ("WARNING=1,critical=0", [1, 1, 0, 0]),
    ],
)
def test_a_missing_state_has_the_number_of_the_next_worse_one(text: str, numbers: list[int]) -> None:
    """And UNKNOWN that of CRITICAL, unless it has its own."""
    weight = Weight(text)
    assert [weight.value(state, False, ()) for state in (OK, WARNING, CRITICAL, UNKNOWN)] == numbers
    assert weight.loss == numbers[-1]


@pytest.mark.parametrize(("seconds", "number"), [(0, 50), (0.05, 50), (0.525, 30), (1, 10), (9, 10), (-1, 50)])
def test_a_metric_is_scaled_between_its_limits(seconds: float, number: int) -> None:
    """Values beyond them count as the limits."""
    metrics = [Metric("size", 7), Metric("time", seconds, "s")]
    assert SCALED.value(OK, True, metrics) == number
    assert SCALED.value(CRITICAL, False, metrics) == 0


@pytest.mark.parametrize("metrics", [(), [Metric("size", 1)], [Metric("time", float("nan"))]])
def test_without_its_metric_a_healthy_state_counts_as_unknown(metrics: list[Metric]) -> None:
    """A check that measured nothing proves no speed."""
    assert SCALED.value(OK, True, metrics) == SCALED.loss == 0


@given(
    st.lists(st.integers(LOWEST, HIGHEST), min_size=3, max_size=3).map(lambda given: sorted(given, reverse=True)),
    st.floats(0, 1),
)
def test_no_worse_state_is_ever_preferred(numbers: list[int], place: float) -> None:
    """Whatever the operator allows, and wherever the metric stands."""
    ok, warning, critical = numbers
    weight = Weight(f"x 0:1 = {ok}:{warning}, critical={critical}")
    healthy = weight.value(OK, True, [Metric("x", place)])
    assert LOWEST <= critical <= healthy <= ok <= HIGHEST
    assert weight.value(CRITICAL, False, ()) == critical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "a weight is a number for each state"),
        ("ok=1", "critical is missing"),
        ("critical=x", "'x' is no whole number"),
        ("critical=-255", "'-255' is no whole number"),
        ("critical=0, critical=1", "critical is given twice"),
        ("ok=1, critical=2", "a worse state has a higher number"),
        ("a 0:1 = 2:1, b 0:1 = 2:1, critical=0", "only one metric"),
        ("a 1:0 = 2:1, critical=0", "from low to high"),
        ("a 0:nan = 2:1, critical=0", "'nan' is not a number"),
        ("a 1 = 2:1, critical=0", "a weight is a number for each state"),
    ],
)
def test_a_wrong_weight_is_refused_with_its_reason(text: str, reason: str) -> None:
    """With what is wanted."""
    with pytest.raises(ValueError, match=reason):
        Weight(text)
