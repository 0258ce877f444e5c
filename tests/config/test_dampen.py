"""Which rules of dampening are taken, and which can never work?"""

from __future__ import annotations

import pytest

from vipwarden.config.dampen import Dampen


def test_the_defaults_are_those_of_routers() -> None:
    """And the longest time is four half-lives."""
    rule = Dampen("half_life=60")
    assert (rule.suppress, rule.reuse, rule.longest, rule.ceiling) == (2000, 750, 240, 12000)


def test_each_number_may_be_given() -> None:
    """In any order."""
    rule = Dampen("reuse=500, suppress=1500,longest=100, half_life=50")
    assert (rule.half_life, rule.suppress, rule.reuse, rule.longest, rule.ceiling) == (50, 1500, 500, 100, 2000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60", "half_life=60 is wanted"),
        ("suppress=3000", "half_life=60 is wanted"),
        ("half_life=60, halflife=3", "half_life=60 is wanted"),
        ("half_life=60, half_life=3", "half_life is given twice"),
        ("half_life=0", "half_life is a number above 0"),
        ("half_life=nan", "'nan' is not a number"),
        ("half_life=60, suppress=inf", "'inf' is not a number|suppress is a number above 0"),
        ("half_life=60, reuse=2000", "has to be below suppress"),
        ("half_life=60, longest=60", "has to be above 84.9 s, or no penalty ever reaches suppress"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_reason(text: str, reason: str) -> None:
    """Also one by which nothing would ever be held down, as routers accept it."""
    with pytest.raises(ValueError, match=reason):
        Dampen(text)
