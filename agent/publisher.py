"""Where does a verdict go? Into the track file, the verdict file and the log, in this order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agent import trackfile
from vipwarden.core.result import OK, Result, one_line
from vipwarden.core.syslog import ERROR, NOTICE, log
from vipwarden.state import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.watch import Watch

_LEAST_PERIOD = 1.0  # seconds between two stamps of a verdict that does not change
WHOLE = 5.0  # seconds between two writings of its text and metrics


def period(interval: float) -> float:
    """Return the age in seconds from which a verdict is stamped anew: at each run, or at one in a second."""
    return max(interval, _LEAST_PERIOD) - interval / 2


def promise(interval: float) -> float:
    """Return for how many seconds a verdict speaks: the next stamp may be late by an interval and a half."""
    return max(interval, _LEAST_PERIOD) + 1.5 * interval


class Publisher:
    """Writes below ``runtime``; ``say`` is told of changes, and of trouble once for each time that it begins."""

    def __init__(self, runtime: str, say: Callable[[str], None]) -> None:
        self.verdicts = f"{runtime}/verdict"
        self.tracks = f"{runtime}/track"
        self._say = say
        self._failing: set[str] = set()
        self._folder: tuple[int, ...] = ()  # that of the track files, as it was seen last

    def ready(self) -> None:
        """Make the folders where they are missing; raises OSError."""
        for folder in (self.verdicts, self.tracks):
            verdict.ready(folder)

    def track(self, watch: Watch, value: int) -> None:
        """Put a value into the track file; where that fails, take away what it says of a healthy check."""
        path = f"{self.tracks}/{watch.file}"
        try:
            trackfile.write(path, value)
        except OSError as error:
            watch.value = None
            gone = trackfile.fail(path, watch.loss)
            self._trouble(self.tracks, error, "" if gone else f", and {path} still says what it said")
            self._restore(error)
        else:
            watch.value = value
            self._failing.discard(self.tracks)

    def look_after(self, watches: Iterable[Watch]) -> None:
        """Have track files written again that somebody has removed; it costs nothing where nobody has.

        It is the next look at a check that writes it: until then nobody knows what is true.
        """
        try:
            seen = os.stat(self.tracks)  # noqa: PTH116
            folder: tuple[int, ...] = (seen.st_dev, seen.st_ino, seen.st_mtime_ns)
            if folder == self._folder:
                return
            there = set(os.listdir(self.tracks))  # noqa: PTH208
        except OSError:
            folder, there = (), set()
        self._folder = folder
        for watch in watches:
            if watch.value is not None and watch.file not in there:
                watch.value = None

    def publish(self, watch: Watch, result: Result, duration: float, now: float) -> None:
        """Write the verdict file; one that cannot be written must not stand for a healthy check any longer."""
        entry, health = watch.entry, watch.health
        text = one_line(result.text)
        if health.count:
            text = f"{health.count} of {health.wanted} results against {health.state}: {text}"
        said = Result(health.state or OK, text, result.metrics)
        try:
            data = verdict.encode(entry.check, said, watch.since, duration, watch.promise)
            verdict.write(self.verdicts, watch.file, data)
        except OSError as error:
            if watch.told == health.state:
                self.stamp(watch, now)  # the text is an old one, but the state is right: a full disk takes a stamp
            elif not health.is_healthy:
                self.remove(self.verdicts, watch.file)
            self._trouble(self.verdicts, error, "")
            self._restore(error)
        else:
            self._failing.discard(self.verdicts)
            watch.stamped = watch.written = now
            watch.width = verdict.stamp_width(data)
            watch.told = health.state

    def stamp(self, watch: Watch, now: float) -> bool:
        """Say that the verdict still holds; return False where it has to be published as a whole."""
        try:
            verdict.restamp(f"{self.verdicts}/{watch.file}", watch.width)
        except (OSError, ValueError):
            return False
        watch.stamped = now
        return True

    def tell(self, watch: Watch, before: object, text: str) -> None:
        """Tell of a change."""
        state = watch.health.state
        line = f"{watch.entry.name}: {before if before is not None else 'first run'} -> {state}: {one_line(text)}"
        self._say(line)
        if watch.entry.syslog and "JOURNAL_STREAM" not in os.environ:  # what is said is in the journal already
            log("vipwarden", NOTICE if watch.health.is_healthy else ERROR, line)

    def remove(self, folder: str, file: str) -> None:
        """Remove a file that must not speak any longer."""
        try:
            os.unlink(f"{folder}/{file}")  # noqa: PTH108 - no path object for each of thousands
        except FileNotFoundError:
            pass
        except OSError as error:
            self._trouble(folder, error, f", and {file} is still there")

    def leave(self, watches: Iterable[Watch], grace: float) -> None:
        """Let verdicts speak for so many seconds more, which a successor has to look at them itself."""
        for watch in watches:
            path = f"{self.verdicts}/{watch.file}"
            try:
                with open(path, "rb") as source:  # noqa: PTH123 - no path object for each of thousands
                    head, line, rest = source.read().partition(b"\n")
                told, _, promise = head.rpartition(b" ")
                if watch.told is not None and promise == b"%.2f" % watch.promise:
                    verdict.write(self.verdicts, watch.file, b"%b %.2f" % (told, watch.promise + grace) + line + rest)
            except OSError:
                pass  # it ends to speak as if nobody had left in good order

    def _restore(self, error: OSError) -> None:
        if error.errno == 2:  # somebody removed the folder
            try:
                self.ready()
            except OSError:
                pass  # told already

    def _trouble(self, folder: str, error: OSError, more: str) -> None:
        if folder not in self._failing:
            self._failing.add(folder)
            self._say(f"cannot write in {folder}: {error.strerror or error}{more}")
