"""Is each error of a connection judged as it should be, and is the time of a run shared out?"""

from __future__ import annotations

from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.result import CRITICAL, UNKNOWN
from vipwarden.net.stream import Clock, NetError

KINDS = ("closed", "filtered", "unreachable", "unresolved", "reset", "expired", "tls", "local", "stuck")


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_was_asked_is_critical(kind: str) -> None:
    """What this node could not do is UNKNOWN, and a deadline is told as one."""
    result = NetError(kind, "no answer").result("192.0.2.1")
    assert result.state == (UNKNOWN if kind in ("unresolved", "local", "stuck") else CRITICAL)
    assert result.expired is (kind in ("filtered", "expired", "stuck"))
    assert result.text == "192.0.2.1: no answer"


@given(st.floats(1, 1000), st.integers(1, 50))
def test_equal_parts_never_outlast_the_run(timeout: float, parts: int) -> None:
    """Each step gets its part of what is left; the last one ends with the run."""
    clock = Clock()
    clock.begin(timeout)
    for index in range(parts):
        clock.share(parts - index)
        assert 0 <= clock.timeout <= timeout
        assert clock.deadline <= clock.end + 1e-6
    assert clock.deadline == pytest.approx(clock.end, abs=0.001)


def test_a_run_without_time_has_no_part_to_give() -> None:
    """The next step ends at once."""
    clock = Clock()
    clock.begin(0.001)
    clock.end = monotonic() - 1
    clock.share(3)
    assert clock.timeout == 0
    assert clock.remaining() <= 0
