"""What did the clients notice of a fault, and was it more with ours than with the tutorial's?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# what two runs of one and the same side may differ by: three requests, where adverts come twice a second
_SLACK = 3
_ENOUGH = 0.7  # of the requests: with fewer a second without an answer may be the guest's own


class Clients(NamedTuple):
    """What the clients saw: requests, failed ones, seconds from the first failed to the first good one after all."""

    asked: int
    failed: int
    outage: float
    over: bool
    pages: set[str]


def clients(text: str, since: float = 0, until: float = float("inf")) -> Clients:
    """Return what client.py wrote of requests that began between two monotonic times."""
    lines = sorted(
        (float(when), float(took), what)
        for when, took, what in (line.split() for line in text.splitlines(keepends=True) if line.endswith("\n"))
    )
    asked = [line for line in lines if since <= line[0] < until]
    bad = [index for index, (_, _, what) in enumerate(asked) if not what.startswith("ok:")]
    pages = {what[3:] for _, _, what in asked if what.startswith("ok:")}
    if not bad:
        return Clients(len(asked), 0, 0.0, over=True, pages=pages)
    over = bad[-1] + 1 < len(asked)
    when, took, _ = asked[bad[-1]]
    end = asked[bad[-1] + 1][0] if over else when + took
    return Clients(len(asked), len(bad), end - asked[bad[0]][0], over, pages)


def starved(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the scenarios in which the clients of a side made too few of their requests: the machine was busy."""
    few = (row for row in rows if "failed" in row and _numbers(row)[1] < _ENOUGH * float(str(row["wanted"])))
    return list(dict.fromkeys(str(row["scenario"]) for row in few))


def more_with_ours(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the scenarios in which clients lost more requests with ours than with the tutorial's.

    Both sides are asked as often and for as long, so that the numbers can be compared, but where one is starved().
    """
    lost: dict[str, dict[str, int]] = {}
    for row in rows:
        if "failed" in row:
            lost.setdefault(str(row["scenario"]), {})[str(row["side"])] = _numbers(row)[0]
    poor = starved(rows)
    pairs = {name: sides for name, sides in lost.items() if len(sides) == 2 and name not in poor}
    return [name for name, sides in pairs.items() if sides["ours"] > sides["tutorial"] + _SLACK]


def _numbers(row: Mapping[str, object]) -> tuple[int, int]:
    failed, _, asked = str(row["failed"]).partition("/")
    return int(failed), int(asked)
