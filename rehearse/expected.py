"""Is all as an earlier run said that it is?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.rows import Line

    Said = tuple[list[str], list[str], str]  # the owners during and after a fault, and the verdict


class ExpectedError(Exception):
    """The file of what was expected is none, or that of other nodes."""


class Expected(NamedTuple):
    """What an earlier run said, by fault and VIP."""

    said: dict[tuple[str, str], Said]
    has_pairs: bool


def expected(text: str, names: Sequence[str]) -> Expected:
    """Return what the JSON of an earlier run of these nodes says; raises ExpectedError."""
    try:
        whole = json.loads(text)
        nodes = [str(it) for it in whole.get("nodes", names)]
        said = {
            (str(it["fault"]), str(vip)): ([*map(str, it["during"])], [*map(str, it["after"])], str(it["verdict"]))
            for it in (*whole["faults"], *whole.get("pairs", ()))
            for vip in it["vips"]
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ExpectedError(f"it is not what rehearse --json writes ({type(error).__name__}: {error})") from None
    if nodes != [*names]:
        raise ExpectedError(f"it is of the nodes {', '.join(nodes)}, not of {', '.join(names)}")
    return Expected(said, "pairs" in whole)


def differences(found: Sequence[Line], pairs: Sequence[Line], expected: Expected) -> list[str]:
    """Return what is not as it was: owners and verdicts, not times; without pairs none in particular are expected."""
    own: dict[tuple[str, str], Said] = {
        (line.fault, vip): (line.during, line.after, line.verdict)
        for line in (*found, *(pairs if expected.has_pairs else ()))
        for vip in line.vips
    }
    said = []
    for key in sorted({*expected.said, *own}):
        fault, vip = key
        one, other = expected.said.get(key), own.get(key)
        if one is None or other is None:
            said.append(f"{fault}: {vip}: {'not expected' if one is None else 'expected, and does not come up'}")
        elif one != other:
            was, is_now = (
                f"{' and '.join(it[0]) or 'nobody'}, then {' and '.join(it[1]) or 'nobody'}, {it[2]}"
                for it in (one, other)
            )
            said.append(f"{fault}: {vip}: expected {was}; it is {is_now}")
    return [one_line(it, 300) for it in said]
