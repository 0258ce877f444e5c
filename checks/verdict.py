"""What did the agent of this node find?

Nagios verdict_of!NAME: -n NAME
Nagios verdicts: --all
NRPE verdicts: --all
"""

from __future__ import annotations

import posix

from vipwarden.core.options import Folder  # noqa: TC001 - the option is built by it
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Result, State, one_line
from vipwarden.core.values import Seconds
from vipwarden.net.stream import NetError
from vipwarden.state import files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vipwarden.net.net import Net
    from vipwarden.state.verdict import Verdict

    Line: TypeAlias = tuple[str, int, bool, str]

LATER = ("vipwarden.net.file", "vipwarden.state.standing")
OWN_LETTERS = {"n": "verdict"}
_MOST_NAMED = 5  # verdicts that the text of --all names
_OWN = "verdict"  # what this check published itself is no news


async def verdict(
    net: Net,
    *,
    verdict: str | None = None,
    all: bool = False,  # noqa: A002 - the option's name
    valid: Seconds | None = None,
    runtime_dir: Folder | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """What did the agent of this node find?

    It runs no check: it reads the last verdict, with what was measured. A verdict that is missing or older than its
    TTL is UNKNOWN, as its agent is gone or hangs. A verdict of a chk_ or check_ command has no TTL and counts for a
    minute. With all the worst verdict counts, and the metrics say how many there are of each state.

    verdict: name of the check, as vipwarden status shows it
    all: all verdicts of the node, but those that are past
    valid: seconds for which a verdict counts, in place of its TTL
    runtime_dir: runtime folder of the agent, default $VIPWARDEN_RUNTIME_DIR, else /run/vipwarden
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    if (verdict is None) is not all:
        return Result(UNKNOWN, "say which verdict: either its name, or all")
    if all and valid is not None:
        return Result(UNKNOWN, "valid is for one verdict: all have their own TTL")
    given = posix.environ.get(b"VIPWARDEN_RUNTIME_DIR", b"").decode(errors="surrogateescape")
    folder = runtime_dir or given or paths.ROOT
    try:
        if verdict is None:
            return _worst(folder, await net.at(folder, lambda: _table(folder)))
        data = await net.at(folder, lambda: _data(folder, verdict))
    except NetError as error:
        return error.result(folder)
    except FileNotFoundError:
        return Result(UNKNOWN, f"{one_line(verdict or '')} has no verdict in {folder}: see vipwarden status")
    except OSError as error:
        return Result(UNKNOWN, f"cannot read the verdict in {folder}: {error.strerror}")
    return _one(folder, verdict, data, valid)


def _data(folder: str, name: str) -> bytes:
    from vipwarden.state.verdict import MOST_BYTES

    place = paths.verdicts(folder)
    return files.read(f"{place}/{paths.file_name(name)}", MOST_BYTES, files.owners(place))


def _one(folder: str, name: str, data: bytes, valid: float | None) -> Result:
    from vipwarden.state.standing import GONE, LEFT, PAST, standing
    from vipwarden.state.verdict import decode

    last: Verdict | None = None
    try:
        last = decode(name, data)
    except ValueError:
        pass
    now = standing(last, valid or 0)
    if last is None or now.word == GONE:
        return Result(UNKNOWN, f"the verdict {one_line(name)} in {folder} is torn")
    age = f"asked {last.age:.1f} s ago by {last.check}"
    if now.word in (PAST, LEFT):
        return Result(UNKNOWN, f"no verdict for {int(last.age)} s; it was {now.state}: {now.text}", notes=[age])
    return Result(now.state, now.text, last.result.metrics if now.is_valid else (), notes=[age])


def _table(folder: str) -> list[Line]:
    from vipwarden.state.table import rows

    if not posix.access(paths.verdicts(folder), posix.R_OK):
        raise PermissionError(13, "it is not there, or not to be read")
    return [(row.name, int(row.state), row.counts, row.text) for row in rows(folder) if row.check != _OWN]


def _worst(folder: str, table: list[Line]) -> Result:
    """Return the worst of the verdicts that count: the table has the worst first."""
    lines = [(name, State(state), text) for name, state, counts, text in table if counts]
    if not lines:
        return Result(UNKNOWN, f"there is no verdict in {folder}: is an agent running?")
    counts = {state: sum(it == state for _, it, _ in lines) for state in (OK, WARNING, CRITICAL, UNKNOWN)}
    bad = [f"{name} is {state}: {text}" for name, state, text in lines if state != OK]
    of = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    text = of
    if bad:
        text += f": {'; '.join(bad[:_MOST_NAMED])}{'; ...' if len(bad) > _MOST_NAMED else ''}"
    metrics = [Metric(str(state).lower(), count, minimum=0, maximum=len(lines)) for state, count in counts.items()]
    return Result(lines[0][1], one_line(text), metrics, notes=bad)
