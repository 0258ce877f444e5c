"""How fast do counters grow, and for how long is something so?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.render.rates import Lasting, Rates


def test_the_first_look_knows_no_rates() -> None:
    """And says so by a time of 0."""
    growth = Rates().take(100, {"web": (1000, 5)})
    assert growth.seconds == 0
    assert growth.of("web") == [None, None]


def test_the_second_look_knows_what_has_grown_since() -> None:
    """For each counter on its own."""
    rates = Rates()
    rates.take(100, {"web": (1000, 5)})
    growth = rates.take(105, {"web": (1050, 5)})
    assert growth.seconds == 5
    assert growth.of("web") == [10, 0]


def test_a_counter_that_is_new_or_was_set_back_has_no_rate() -> None:
    """As when a real server was taken out and added again."""
    rates = Rates()
    rates.take(100, {"web": (1000, 5)})
    growth = rates.take(105, {"web": (3, 6), "new": (7, 7)})
    assert growth.of("web") == [None, 0.2]
    assert growth.of("new") == [None, None]
    assert growth.of("never") == []


def test_many_who_look_at_once_do_not_take_the_rates_from_each_other() -> None:
    """Ten looks a second, and the rate is that of the last seconds for all of them."""
    rates = Rates()
    for tenth in range(200):
        growth = rates.take(100 + tenth / 10, {"web": (tenth * 7,)})
        if tenth > 20:
            assert 2 <= growth.seconds < 4.2
            assert growth.of("web") == [pytest.approx(70)]


def test_what_was_read_long_ago_is_no_base_for_a_rate() -> None:
    """After a night without a look the first one is a first one."""
    rates = Rates()
    rates.take(100, {"web": (0,)})
    assert rates.take(40_000, {"web": (50,)}).seconds == 0
    assert rates.take(40_005, {"web": (100,)}).of("web") == [10]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 400), st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 2**64))), st.booleans()
        )
    )
)
def test_no_rate_is_ever_negative(looks: list[tuple[float, dict[str, tuple[int]], bool]]) -> None:
    """Whatever the counters and the times between."""
    rates, when = Rates(), 0.0
    for wait, counters, _ in looks:
        when += wait
        growth = rates.take(when, dict(counters))
        assert all(rate is None or rate >= 0 for name in "abc" for rate in growth.of(name))


def test_what_is_so_lasts_until_it_is_no_more_so() -> None:
    """And begins anew after that."""
    lasting = Lasting()
    assert lasting.take(10, ["a"]) == {"a": 0}
    assert lasting.take(14, ["a", "b"]) == {"a": 4, "b": 0}
    assert lasting.take(15, []) == {}
    assert lasting.take(20, ["a"]) == {"a": 0}
