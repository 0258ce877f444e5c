"""What does a condition of a script ask, and does it hold where all is well?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convert.probes import UNKNOWN, counted, page, probe, status_of
from convert.wanted import LeftError

if TYPE_CHECKING:
    from convert.wanted import Asked

_ZERO = re.compile(
    r"(?:\[\[?|test)\s+\"?(?P<value>.+?)\"?\s+(?P<op>-eq|-ne|-lt|-gt|-ge|=|==|!=)\s+\"?(?P<n>\d+|open)\"?\s*\]?\]?"
)
_NONE = {("-eq", 0), ("=", 0), ("==", 0), ("-lt", 1)}
_SOME = {("-ne", 0), ("!=", 0), ("-gt", 0), ("-ge", 1)}


def asked(condition: str, last: Asked | None) -> tuple[Asked, bool]:
    """Return what a condition asks, ``last`` for the exit code of the last command, and whether it holds when healthy.

    Raises LeftError.
    """
    negated = condition.startswith("! ")
    condition = condition.removeprefix("! ").strip()
    match = _ZERO.fullmatch(condition)
    if match is None:
        return probe(condition), not negated
    operator, number = match["op"], match["n"]
    equals = operator in ("-eq", "=", "==")
    if match["value"] == "$?" and last is not None and number == "0":
        return last, equals is not negated
    command = re.fullmatch(r"\$\((.*)\)|`(.*)`", match["value"].strip().strip('"'))
    if command is None:
        raise LeftError(f"{UNKNOWN}: {condition[:60]}")
    text = command[1] or command[2]
    if number == "open":
        return probe(f"{text} | grep open"), (operator in ("=", "==")) is not negated
    if int(number) >= 100 and operator in ("-eq", "-ne", "=", "==", "!="):
        return page(status_of(text), str(int(number))), equals is not negated
    if (operator, int(number)) not in _NONE | _SOME:
        raise LeftError(f"{UNKNOWN}: {condition[:60]}")
    return counted(text), ((operator, int(number)) in _SOME) is not negated
