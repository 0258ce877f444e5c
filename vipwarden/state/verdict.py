"""What did a check say last, and when? Whoever runs a check publishes its verdict here.

A verdict is a small text file NAME in the runtime folder, written aside and renamed. The first line is made for
``read`` of a shell: ``vipwarden-1 STATE STAMP SINCE DURATION CHECK``, with the state as a number, the stamp in
seconds since boot by CLOCK_BOOTTIME (it never steps back, and goes on while the machine sleeps; /proc/uptime shows
it, but under lxcfs), the time since when the state holds in seconds of the epoch, and the duration of the run in
seconds. The second line is the check's text, and each further one a metric: name, value, unit, warning, critical,
minimum and maximum between tabs. Who promises a next verdict says after CHECK for how many seconds this one speaks at
most.
"""

from __future__ import annotations

import posix
from time import CLOCK_BOOTTIME, clock_gettime, time

from vipwarden.core.result import Metric, Result, State, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAGIC = "vipwarden-1"
_MOST_BYTES = 65536
# a FIFO in the place of either file must not hold anyone up, nor a link lead elsewhere
_READ = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
_WRITE = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:=,@+-")


class Verdict:
    """The last result of one check: ``stamp`` tells its age by ``now()``, ``since`` the time of its last change.

    Whether it still counts is for vipwarden/state/standing.py to say.
    """

    __slots__ = ("check", "duration", "name", "promise", "read", "result", "since", "stamp")

    def __init__(
        self, name: str, check: str, result: Result, since: float, stamp: float, duration: float, promise: float = 0
    ) -> None:
        self.name = name
        self.check = check
        self.result = result
        self.since = since
        self.stamp = stamp
        self.duration = duration
        self.promise = promise  # seconds for which it speaks; 0 where nobody promised a next one
        self.read = now()

    @property
    def age(self) -> float:
        """Seconds from the end of the check to the reading; negative where the stamp lies in the future then.

        No honest one does.
        """
        return self.read - self.stamp

    def is_fresh(self, seconds: float) -> bool:
        """Return whether it is at most that old, and not dated into the future."""
        return 0 <= self.age <= seconds


def now() -> float:
    """Return the clock of the stamps: seconds since boot, as the kernel has them in /proc/uptime."""
    return clock_gettime(CLOCK_BOOTTIME)


def folder(environ: Mapping[bytes, bytes] = posix.environ) -> str:
    """Return where this user's verdicts go: $VIPWARDEN_RUNTIME_DIR, /run/vipwarden for root, else the own folder.

    A user who has no runtime folder gets one in /tmp that carries the user's number and is closed to others.
    """
    given = environ.get(b"VIPWARDEN_RUNTIME_DIR")
    if given:
        return given.decode(errors="surrogateescape") + "/verdict"
    user = posix.geteuid()
    if user == 0:
        return "/run/vipwarden/verdict"
    own = environ.get(b"XDG_RUNTIME_DIR")
    if own:
        return own.decode(errors="surrogateescape") + "/vipwarden/verdict"
    return f"/tmp/vipwarden-{user}/verdict"  # noqa: S108 - ready() refuses it where it is somebody else's


def ready(path: str) -> None:
    """Make the folder where it is missing; raises OSError, also where it or its parent is another user's."""
    for step in (path.rpartition("/")[0], path):
        try:
            stat = posix.lstat(step)  # not stat(): in /tmp another user may lay a link to a folder of ours
        except FileNotFoundError:
            try:
                posix.mkdir(step, 0o700)
                # keepalived runs its scripts with umask 0177, which would leave a folder without the x bit
                posix.chmod(step, 0o700 if step.startswith("/tmp/") else 0o755)  # noqa: S108
            except FileExistsError:
                pass  # another run was faster
            stat = posix.lstat(step)
        if stat.st_uid not in (0, posix.geteuid()):
            raise PermissionError(1, f"{step} belongs to another user")


def owners(path: str) -> tuple[int, ...]:
    """Return whose files in a folder count: root's, this user's, and those of who was given the folder; or nobody's.

    That is so where anybody may have laid the folder, or one above it, into a folder that is open to all, as /tmp is.
    """
    mine = (0, posix.geteuid())
    try:
        above = posix.stat("/")
        for place, letter in enumerate(path + "/"):
            if letter == "/" and place:
                found = posix.lstat(path[:place])
                if above.st_mode & 0o002 and found.st_uid not in mine:
                    return ()
                above = posix.stat(path[:place])
    except OSError:
        return ()
    return () if above.st_mode & 0o002 else (*mine, above.st_uid)


def file_name(name: str) -> str:
    """Return the one file name of a verdict, at most 200 bytes: what is unusual in a file name is written %XX."""
    raw = name.encode("utf-8", "surrogatepass")
    pieces = [chr(byte) if chr(byte) in _SAFE else f"%{byte:02X}" for byte in raw] or ["%"]
    if pieces[0] == ".":
        pieces[0] = "%2E"
    text = "".join(pieces)
    if len(text) > 200:
        try:
            from _md5 import md5  # type: ignore[import-not-found]  # a millisecond sooner than hashlib
        except ImportError:
            from hashlib import md5

        text = f"{''.join(pieces[:55])}~{md5(raw, usedforsecurity=False).hexdigest()}"
    return text


def name_of(text: str) -> str:
    """Undo file_name(), as far as it could keep the name."""
    head, *rest = text.split("%")
    raw = b"".join(bytes.fromhex(part[:2]) + part[2:].encode("utf-8", "surrogateescape") for part in rest)
    return head + raw.decode("utf-8", "replace")


def publish(path: str, name: str, check: str, result: Result, duration: float) -> Verdict | None:
    """Write a verdict and return the one before it, or None; raises OSError, and then the old one stands.

    A new name sweeps away what is left over of others.
    """
    before = read(f"{path}/{file_name(name)}")
    if before is None:
        from vipwarden.state.standing import sweep

        sweep(path)
    same = before is not None and before.result.state == result.state
    since = before.since if before is not None and same else time()
    write(path, file_name(name), encode(check, result, since, duration))
    return before


def encode(check: str, result: Result, since: float, duration: float, promise: float = 0) -> bytes:
    """Return what stands in the file of a verdict of this moment; ``promise`` is for how many seconds it speaks."""
    stamp = int(now() * 100) / 100  # cut, not rounded, to what /proc/uptime can tell: never in the future
    head = f"{_MAGIC} {int(result.state)} {stamp:.2f} {since:.3f} {duration:.6f} {check}"
    lines = [f"{head} {promise:.2f}" if promise else head, one_line(result.text)]
    lines += ["\t".join(_cells(metric)) for metric in result.metrics]
    data = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    return data[: data.rfind(b"\n", 0, _MOST_BYTES) + 1]  # the metrics that a reader takes


def restamp(path: str, width: int) -> None:
    """Give a verdict that still holds the stamp of this moment, in place.

    ``width`` is that of the stamp in the file. Raises OSError, and ValueError where the stamp is wider by now and the
    verdict has to be written anew.
    """
    stamp = b"%.2f" % (int(now() * 100) / 100)
    if len(stamp) != width:
        raise ValueError("the stamp is of another width")
    out = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    try:
        posix.pwrite(out, stamp, len(_MAGIC) + 3)
    finally:
        posix.close(out)


def stamp_width(data: bytes) -> int:
    """Return the width of the stamp in what encode() made."""
    return data.index(b" ", len(_MAGIC) + 3) - len(_MAGIC) - 3


def write(path: str, file: str, data: bytes) -> None:
    """Write a file of the folder aside and rename it; raises OSError."""
    aside = f"{path}/.{posix.getpid()}.{file}"
    out = posix.open(aside, _WRITE, 0o644)
    try:
        try:
            if posix.write(out, data) != len(data):
                raise OSError(28, "no space left for the verdict")
            posix.fchmod(out, 0o644)
        finally:
            posix.close(out)
        posix.rename(aside, f"{path}/{file}")
    except BaseException:  # a signal among them
        posix.unlink(aside)
        raise


def read(path: str, by: tuple[int, ...] | None = None) -> Verdict | None:
    """Return the verdict in a file, or None where there is no whole one; hostile content is no whole one.

    The file has to belong to one of ``by``, by default to root or this user.
    """
    try:
        source = posix.open(path, _READ)
    except OSError:
        return None
    try:
        if posix.fstat(source).st_uid not in ((0, posix.geteuid()) if by is None else by):
            return None
        data = posix.read(source, _MOST_BYTES)
    except OSError:
        return None
    finally:
        posix.close(source)
    try:
        return _verdict(name_of(path.rpartition("/")[2]), data.decode("utf-8", "replace"))
    except ValueError:
        return None


def read_all(path: str) -> list[Verdict]:
    """Return every whole verdict in a folder, by name; a folder that is not there, or not to be trusted, holds none."""
    by = owners(path)
    try:
        names = sorted(posix.listdir(path)) if by else ()
    except OSError:
        return []
    found = (read(f"{path}/{name}", by) for name in names if not name.startswith("."))
    return [verdict for verdict in found if verdict is not None]


def _verdict(name: str, text: str) -> Verdict:
    if not text.endswith("\n"):
        raise ValueError("torn")
    head, said, *rest = text[:-1].split("\n")
    magic, state, stamp, since, duration, check, *promise = head.split(" ")
    if magic != _MAGIC or len(promise) > 1:
        raise ValueError("not a verdict")
    metrics = [_metric(line.split("\t")) for line in rest]
    numbers = [float(number) for number in (stamp, since, duration, *(promise or "0"))]
    if any(number - number != 0 for number in numbers):
        raise ValueError("not a time")
    result = Result(State(int(state)), one_line(said), metrics)
    return Verdict(name, one_line(check), result, *numbers[1::-1], *numbers[2:])


def _cells(metric: Metric) -> Iterator[str]:
    yield one_line(metric.name, 200)
    yield str(float(metric.value))
    yield one_line(metric.uom, 200)
    for limit in (metric.warn, metric.crit, metric.minimum, metric.maximum):
        yield "" if limit is None else str(limit)


def _metric(cells: list[str]) -> Metric:
    name, value, uom, warn, crit, minimum, maximum = cells
    from vipwarden.core.result import Range

    return Metric(
        one_line(name, 200),
        float(value),
        one_line(uom, 200),
        warn=Range(warn) if warn else None,
        crit=Range(crit) if crit else None,
        minimum=float(minimum) if minimum else None,
        maximum=float(maximum) if maximum else None,
    )
