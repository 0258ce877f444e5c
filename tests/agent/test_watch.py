"""Does a watch keep its verdict over a reload and a restart, and know who depends on it?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.value import HOLD, NONE
from agent.watch import Watch, guarded, linked
from tests.agent.drive import entries
from vipwarden.core.result import CRITICAL, OK, Result
from vipwarden.state.clock import boot
from vipwarden.state.verdict import Verdict

PORT = "{check: port, host: 127.0.0.1, port: 1"
TEXT = f"a: {PORT}}}, b: {PORT}, only_if: a}}, every: {{all_of: [a, b]}}, top: {{any_of: [every]}}"


def test_watches_are_linked_both_ways() -> None:
    """Those that one depends on, and those that depend on it."""
    watches = linked(entries(TEXT), {})
    a, b, every, top = (watches[name] for name in ("a", "b", "every", "top"))
    assert (a.links.users, a.links.waiting, a.links.members, a.links.needs) == ([every], [b], [], [])
    assert (b.links.needs, b.links.users) == ([a], [every])
    assert (every.links.members, every.links.users) == ([a, b], [top])
    assert top.links.members == [every]


def test_a_reload_keeps_the_watch_of_an_unchanged_entry() -> None:
    """What has changed begins with the verdict of its name; what is new with none."""
    before = linked(entries(TEXT), {})
    for watch in before.values():
        watch.health.state, watch.result, watch.since = OK, Result(OK, "fine"), 7.0
    text = TEXT.replace("only_if: a", "interval: 9") + f", more: {PORT}}}"
    after = linked(entries(text), before)
    assert after["a"] is before["a"]
    assert after["b"] is not before["b"]
    assert (after["b"].health.state, after["b"].since, after["b"].result) == (OK, 7.0, before["b"].result)
    assert after["b"].schedule.interval == 9
    assert after["more"].health.state is None
    assert after["a"].links.waiting == []


@given(age=st.floats(0, 100), ttl=st.floats(0, 50), grace=st.floats(0, 50))
def test_only_a_valid_verdict_is_taken_over(age: float, ttl: float, grace: float) -> None:
    """For its TTL and the grace, which a clean end has added to the TTL; a verdict of a command has no TTL."""
    (entry,) = entries(f"web: {PORT}}}")
    watch = Watch(entry)
    last = Verdict("web", "port", Result(OK, "fine"), 5.0, boot(), 0.1, ttl)
    last.read = last.stamp + age
    watch.take_over(last, grace)
    assert watch.health.is_healthy is (ttl > 0 and last.age <= min(ttl, watch.published.ttl) + grace)
    assert watch.value == watch.health.is_healthy
    watch.take_over(None, grace)


def test_the_watchdog_knows_the_limit_and_the_loss_of_each() -> None:
    """As configured: a number, hold, or none."""
    more = ("", ", weight: 'ok=5, critical=-7'", ", on_agent_loss: hold", ", track: false", ", agent_loss_after: 60")
    found = [guarded(entry) for entry in entries(", ".join(f"c{n}: {PORT}{keys}}}" for n, keys in enumerate(more)))]
    assert [(check.file, check.loss) for check in found] == [
        ("c0", "0"), ("c1", "-7"), ("c2", HOLD), ("c3", NONE), ("c4", "0"),
    ]  # fmt: skip
    assert [check.limit for check in found] == [12.5, 12.5, 12.5, 12.5, 60]
    watch = Watch(entries(f"web: {PORT}, weight: 'ok=5, critical=-7'}}")[0])
    assert watch.value == -7
    watch.health.state = CRITICAL
    assert watch.value == -7
    watch.health.state = OK
    assert watch.value == 5
