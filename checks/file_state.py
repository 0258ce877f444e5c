"""Is a file as fresh, as large and as it should be?

Nagios file_fresh!FILE!WARNING!CRITICAL: -f FILE -w WARNING -c CRITICAL
NRPE backup: -f /var/backups/latest -w 90000 -c 180000
"""

from __future__ import annotations

import posix
from time import time

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, State, one_line
from vipwarden.core.size import Size  # noqa: TC001 - the option is built by it
from vipwarden.core.values import Seconds
from vipwarden.net.stream import NetError
from vipwarden.node.process.wanted import User  # noqa: TC001 - the option is built by it
from vipwarden.protocol.http.options import Regex  # noqa: TC001 - the option is built by it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

LATER = ("vipwarden.net.file",)
OWN_LETTERS = {"f": "file", "o": "owner"}
_MOST_SEARCHED = 1 << 20
_TYPE, _REGULAR = 0o170000, 0o100000  # S_IFMT, S_IFREG
_UNITS = (("d", 172_800, 86_400), ("h", 7200, 3600), ("s", 0, 1))  # each from so many seconds on


class FilePath(str):
    """The absolute path of a file."""

    __slots__ = ()

    def __new__(cls, text: str) -> FilePath:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text.startswith("/") or "\0" in text:
            raise ValueError("an absolute path is wanted")
        return str.__new__(cls, text)


async def file_state(
    net: Net,
    *,
    file: FilePath,
    warning: Range | None = None,
    critical: Range | None = None,
    size_warning: Size | None = None,
    size_critical: Size | None = None,
    owner: User | None = None,
    regex: Regex | None = None,
    absent: Regex | None = None,
    missing: State = CRITICAL,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Is a file as fresh, as large and as it should be?

    The age is the time since the content was last changed (mtime), by the clock of this node; a range such as 300 is
    0:300, so that a time in the future is outside of it. Symbolic links are followed. A folder has an age and an owner.
    A file on a mount that does not answer is UNKNOWN at the deadline.

    file: absolute path of the file
    warning: range for the age in seconds
    critical: range for the age in seconds
    size_warning: range for the size in bytes; suffixes K, M and G
    size_critical: range for the size in bytes; suffixes K, M and G
    owner: user who must own the file, by name or number
    regex: Python regular expression that must match in the first 1 MiB of the file
    absent: Python regular expression that must not match there
    missing: state where there is no such file
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    try:
        if owner is not None:
            await owner.find(net)
        mode, uid, size, changed, faults = await net.at(file, lambda: _look(file, regex, absent))
    except (FileNotFoundError, NotADirectoryError):
        return Result(missing, f"there is no {file}")
    except NetError as error:
        return error.result(file)
    except OSError as error:
        return Result(UNKNOWN, f"cannot look at {file}: {error.strerror}")
    metrics = [Metric("age", time() - changed, "s", warn=warning, crit=critical)]
    texts = [_age(metrics[0].value) + _outside(metrics[0])]
    if mode & _TYPE == _REGULAR:
        metrics.append(Metric("size", size, "B", warn=size_warning, crit=size_critical, minimum=0))
        texts.append(f"{size} B{_outside(metrics[1])}")
    elif size_warning or size_critical or regex or absent:
        faults = ["is no regular file"]
    if owner is not None and uid != owner.uid:
        faults.append(f"belongs to the user {uid}, not to {owner.name}")
    state = max(CRITICAL if faults else OK, *(metric.state for metric in metrics))
    return Result(state, one_line(f"{file}: {', '.join((*texts, *faults))}"), metrics)


def _look(file: str, regex: Regex | None, absent: Regex | None) -> tuple[int, int, int, float, list[str]]:
    """Return mode, owner, size, time of the last change and what is wrong with the content; raises OSError."""
    status = posix.stat(file)
    faults = []
    if (regex or absent) and status.st_mode & _TYPE == _REGULAR:
        from vipwarden.net.file import look

        content = look(file, _MOST_SEARCHED)[1][:_MOST_SEARCHED]
        if regex and not regex.compile().search(content):
            faults.append(f"regex missed in {len(content)} B")
        if absent and (match := absent.compile().search(content)):
            faults.append(f"--absent matched {one_line(match[0].decode('utf-8', 'replace'), 60)!r}")
    return status.st_mode, status.st_uid, status.st_size, status.st_mtime, faults


def _age(seconds: float) -> str:
    name, factor = next((name, factor) for name, least, factor in _UNITS if abs(seconds) >= least)
    text = f"{abs(seconds) / factor:.{int(factor > 1)}f} {name}"
    return f"{text} old" if seconds >= 0 else f"dated {text} in the future"


def _outside(metric: Metric) -> str:
    """Return the range that the value is outside of, or ""."""
    return f" (range {metric.crit if metric.state == CRITICAL else metric.warn})" if metric.state else ""
