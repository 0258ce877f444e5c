"""What becomes of a verdict when the path to the real server cannot be built?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.drive import Inside
from tests.agent.scripted import states, value
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Result
from vipwarden.net.stream import NetError
from vipwarden.state import verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vipwarden.config.entry import Entry
    from vipwarden.core.result import State
    from vipwarden.net.net import Net

ENTRY = 'web: {check: port, host: 198.51.100.1, port: 80, via: "dr:192.0.2.10", interval: 0.1'


class Lost:
    """A path that is gone, or stands."""

    real = "198.51.100.1"

    def __init__(self, trouble: str | None) -> None:
        self._trouble = trouble

    def prepare(self, *_: object) -> None:
        """Do nothing to a socket."""

    def trouble(self, _vip: str, *, failed: bool) -> str | None:
        """Say what was asked for, of an attempt that failed."""
        assert failed
        return self._trouble


class Asked:
    """A check whose runs have a state each; None where the path could not be built, a text where it broke meanwhile."""

    def __init__(self, *runs: State | str | None) -> None:
        self.runs = list(runs)
        self.count = 0

    async def __call__(self, net: Net, **_values: object) -> Result:
        """Give the next result."""
        net.begin(1)
        run = self.runs[min(self.count, len(self.runs) - 1)]
        self.count += 1
        if run is None:
            net.no_path = True
            return NetError("local", "no path: modprobe ip_vs").result("web")
        net.used = Lost(run if isinstance(run, str) else None), "192.0.2.10"
        return Result(CRITICAL if isinstance(run, str) else run, f"run {self.count}")

    def on(self) -> Callable[[list[Entry]], None]:
        """Put it in the place of the check of an entry."""

        def change(entries: list[Entry]) -> None:
            entries[0].function = self

        return change


def play(folder: Path, check: Asked, more: str = "") -> Inside:
    """Run an agent until each of the runs was, and some more."""
    inside = Inside(folder, f"{ENTRY}{more}}}")
    inside.run_until(lambda: check.count > len(check.runs) + 2, check.on())
    return inside


@pytest.mark.parametrize(
    ("before", "track", "lost"),
    [(OK, "1", None), (OK, "1", ""), (OK, "1", "the kernel drops replies"), (CRITICAL, "0", None)],
)
def test_a_path_that_is_lost_changes_no_verdict(tmp_path: Path, before: State, track: str, lost: str | None) -> None:
    """Neither a good one nor a bad one; the log says once what helps."""
    inside = play(tmp_path, Asked(before, lost))
    assert states(inside) == {"web": str(before)}
    assert value(inside, "web") == track
    told = [line for line in inside.said if "as before, as nobody could be asked" in line]
    assert len(told) == 1
    assert lost is not None or "modprobe ip_vs" in told[0]
    (seen,) = [one for one in verdict.read_all(f"{inside.folder}/verdict") if one.check != "agent"]
    assert "as before, as nobody could be asked" in seen.result.text


def test_a_server_that_fails_on_a_path_that_stands_has_failed(tmp_path: Path) -> None:
    """Nothing is held for it."""
    inside = play(tmp_path, Asked(OK, CRITICAL))
    assert states(inside) == {"web": "CRITICAL"}


def test_a_path_that_was_never_there_is_unknown(tmp_path: Path) -> None:
    """And so not healthy: there is no verdict to be kept."""
    inside = play(tmp_path, Asked(None))
    assert states(inside) == {"web": str(UNKNOWN)}
    assert value(inside, "web") == "0"


def test_a_path_that_is_lost_fails_where_that_is_wanted(tmp_path: Path) -> None:
    """By via_unknown: fail."""
    inside = play(tmp_path, Asked(OK, None), ", via_unknown: fail")
    assert states(inside) == {"web": str(UNKNOWN)}
    assert value(inside, "web") == "0"


def test_the_verdict_follows_again_when_the_path_is_back(tmp_path: Path) -> None:
    """The agent's own verdict says as long how many have none."""
    inside = play(tmp_path, Asked(OK, None, None, CRITICAL))
    assert states(inside) == {"web": "CRITICAL"}
