"""Is a check that flaps held down, and one that is steady believed again? By simulation of random histories."""

from __future__ import annotations

from math import log2

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.damper import Damper
from vipwarden.config.dampen import FLAP, Dampen

HALF_LIFE = 60.0
TICK = 1.0  # seconds between two looks


@st.composite
def rules(draw: st.DrawFn) -> Dampen:
    """Return a rule that is taken."""
    half_life = draw(st.floats(0.5, 1000))
    reuse = draw(st.floats(10, 5000))
    suppress = reuse * draw(st.floats(1.01, 20))
    lives = draw(st.floats(0.1, 12))
    longest = half_life * (log2(suppress / reuse) + lives)
    return Dampen(f"half_life={half_life:.3f}, suppress={suppress:.3f}, reuse={reuse:.3f}, longest={longest:.3f}")


@settings(max_examples=1000)
@given(rules(), st.lists(st.tuples(st.floats(-5, 300), st.booleans()), max_size=40))
def test_the_penalty_is_bounded_and_a_steady_check_is_believed_in_time(
    rule: Dampen, history: list[tuple[float, bool]]
) -> None:
    """The penalty is never negative and never above the ceiling, also if a clock were to go back.

    A check is only held down from a flap on that takes the penalty above suppress, and ``longest`` seconds after its
    last flap it is believed, whatever was before.
    """
    it, now, latest = Damper(rule), 1000.0, 1000.0
    for pause, flaps in history:
        now += pause
        latest = max(latest, now)
        before, penalty = it.look(now), it.penalty(now)
        assert 0 <= penalty <= rule.ceiling
        assert before is (before and penalty > rule.reuse)
        if flaps:
            it.flap(now)
            assert it.penalty(now) == min(penalty + FLAP, rule.ceiling)
            assert it.is_suppressed is (before or it.penalty(now) > rule.suppress)
        else:
            assert it.look(now) is before
    assert not it.look(latest + 1.0001 * rule.longest + 0.001)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(0.1, 60), st.floats(0.1, 60)), min_size=1, max_size=200))
def test_a_check_that_flaps_for_ever_is_told_healthy_no_more_often_than_the_rule_allows(
    history: list[tuple[float, float]],
) -> None:
    """What is told goes up at most once for each flap that the decay pays for.

    In a time t it can decay by no more than the ceiling for each half-life, and each return to healthy needs the decay
    from above suppress to reuse; before that there are as many as fit below suppress. And what is told is never better
    than the verdict.
    """
    rule = Dampen(f"half_life={HALF_LIFE}")
    it, now, ups, was_up = Damper(rule), 0.0, 0, True
    for up, down in history:
        for seconds, healthy in ((up, True), (down, False)):
            if not healthy:
                it.flap(now)
            end = now + seconds
            while now < end:
                told = healthy and not it.look(now)
                assert healthy or not told
                ups += told and not was_up
                was_up = told
                now = min(end, now + TICK)
    least = HALF_LIFE * log2(2000 / 750)  # seconds from suppress to reuse
    free = 2  # flaps that fit below suppress
    assert ups <= (free + 1) * (now / least + 1)


def test_three_flaps_within_a_half_life_hold_it_down() -> None:
    """Of the defaults: the second flap of a moment is just not above 2000."""
    it = Damper(Dampen("half_life=60"))
    held = []
    for now in (0, 0, 10):
        it.flap(now)
        held.append(it.is_suppressed)
    assert held == [False, False, True]
    assert it.look(10 + 80)  # 2782 has become 1104
    assert not it.look(10 + 115)


def test_a_check_that_flaps_each_half_a_half_life_is_never_believed_again() -> None:
    """Just before each flap its penalty is still 2414."""
    it, now = Damper(Dampen("half_life=60")), 0.0
    for _ in range(1000):
        it.flap(now)
        now += 30
    assert it.look(now)
    assert not it.look(now + 120)


def test_what_was_held_down_before_goes_on_within_the_bounds_of_the_rule() -> None:
    """A penalty of another rule, or of a file that says anything."""
    it = Damper(Dampen("half_life=60"))
    it.resume(1e9, 5)
    assert (it.penalty(5), it.is_suppressed) == (12000, True)
    assert not it.look(5 + 240)
    it.resume(-3, 300)
    assert (it.penalty(300), it.is_suppressed) == (0, False)
