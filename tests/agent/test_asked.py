"""Are peers asked beside the loop, and are their answers taken for no more than they say?"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from agent import asked
from agent.asked import Asked, Seen
from agent.away import Away

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.asked import Ask

BAD, GOOD, OLD = Seen(False, 0, 5), Seen(True, 0, 5), Seen(True, 1000, 5)


def opinions(*peers: Ask, until: Callable[[bool | None], bool], own: float = 9) -> Sequence[bool | None]:
    """Return the opinions on a check that fails now, one after the other, until one is as wanted."""
    found: list[bool | None] = []

    async def look() -> None:
        it = Asked(Away(asyncio.get_running_loop()))
        it.go_over(peers)
        since = time.monotonic()
        end = since + 60
        while not found or not until(found[-1]):
            found.append(it.opinion("web", since, own))
            assert time.monotonic() < end, found[-1]
            await asyncio.sleep(0.01)

    asyncio.run(look())
    return found


def fails() -> dict[str, Seen]:
    """Be a peer that does not answer."""
    raise OSError(111, "refused")


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        ([lambda: {"web": BAD}], True),
        ([lambda: {"web": BAD}, lambda: {"web": BAD}], True),
        ([lambda: {"web": BAD}, lambda: {"web": GOOD}], False),
        ([lambda: {"web": BAD}, fails], False),
        ([fails], False),
        ([dict], False),
        ([lambda: None], False),
        ([], False),
        ([lambda: {"web": Seen(False, 0, 9.0004)}], False),  # this node itself
        ([lambda: {"web": Seen(False, 0, 9.0004)}, lambda: {"web": BAD}], True),
    ],
)
def test_a_failure_is_shared_where_all_others_say_so(peers: list[Ask], expected: bool) -> None:
    """One that has the check, has no such check, or does not answer is enough against it; so is nobody else."""
    assert opinions(*peers, until=lambda it: it is not None)[-1] is expected


def test_a_healthy_verdict_from_before_the_failure_says_nothing() -> None:
    """The peer is asked again, until it has looked since."""
    answers = [{"web": OLD}, {"web": OLD}, {"web": BAD}]
    found = opinions(lambda: answers.pop(0) if len(answers) > 1 else answers[0], until=lambda it: it is not None)
    assert found[-1] is True
    assert set(found) == {None, True}


def test_a_peer_that_hangs_is_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file on a dead mount: one thread waits, and nobody else."""
    monkeypatch.setattr(asked, "_PATIENCE", 0.3)
    stop, begun = threading.Event(), []

    def hangs() -> dict[str, Seen]:
        begun.append(1)
        stop.wait(60)
        return {}

    try:
        assert opinions(hangs, until=lambda it: it is not None)[-1] is False
    finally:
        stop.set()
    assert begun == [1]


def test_an_answer_that_grows_old_counts_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single request that fails does no harm; silence is as without peers."""
    monkeypatch.setattr(asked, "_EVERY", 0.05)
    monkeypatch.setattr(asked, "_FRESH", 0.5)
    answers: list[Ask] = [lambda: {"web": BAD}, fails, lambda: {"web": BAD}]

    def ask() -> Mapping[str, Seen]:
        return answers.pop(0)() if answers else fails()

    found = opinions(ask, until=lambda it: it is False)
    assert True in found
    assert found.index(False) > found.index(True)
    assert set(found[found.index(True) :]) == {True, False}
