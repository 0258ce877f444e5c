"""Where does a verdict go? Into the track file, the verdict file, the log and the record of events, in this order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agent import trackfile
from vipwarden.core.result import OK, Result, one_line
from vipwarden.core.syslog import ERROR, NOTICE, log
from vipwarden.state import files, paths, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.published import Published
    from agent.watch import Watch
    from vipwarden.core.result import State

_TTL = 6  # its place in the first line of a verdict
_NEWS = 200  # texts a second that are written although the state stays


class Publisher:
    """Writes below ``runtime``; ``say`` takes changes, and trouble once for each time that it begins.

    ``record`` takes changes as events.
    """

    def __init__(self, runtime: str, say: Callable[[str], None], record: Callable[..., None]) -> None:
        self.verdicts = paths.verdicts(runtime)
        self.tracks = paths.tracks(runtime)
        self._say = say
        self._record = record
        self._failing: set[str] = set()  # folders
        self._seen: tuple[int, ...] = ()  # the folder of the track files, when it was listed last
        self._second = self._news = 0

    def ready(self) -> None:
        """Make the folders where they are missing; raises OSError."""
        for folder in (self.verdicts, self.tracks):
            files.ready(folder)

    def track(self, published: Published, value: int) -> None:
        """Put a value into the track file; where that fails, take a healthy value away."""
        path = f"{self.tracks}/{published.file}"
        try:
            trackfile.write(path, value)
        except OSError as error:
            published.value = None
            gone = trackfile.fail(path, published.loss)
            self._trouble(self.tracks, error, "" if gone else f", and {path} still says what it said")
            self._restore(error)
        else:
            published.value = value
            self._failing.discard(self.tracks)

    def look_after(self, every: Iterable[Published]) -> None:
        """Have removed track files written again, by the next look at their checks; costs one stat() where none was."""
        try:
            stat = os.stat(self.tracks)  # noqa: PTH116
            seen: tuple[int, ...] = (stat.st_dev, stat.st_ino, stat.st_mtime_ns)
            if seen == self._seen:
                return
            there = set(os.listdir(self.tracks))  # noqa: PTH208
        except OSError:
            seen, there = (), set()
        self._seen = seen
        for published in every:
            if published.value is not None and published.file not in there:
                published.value = None

    def is_news(self, now: float) -> bool:
        """Return whether a text is written at once although the state stays.

        Where thousands of servers are lost together their states have to change in time; texts follow with the stamps.
        """
        if int(now) != self._second:
            self._second, self._news = int(now), 0
        self._news += 1
        return self._news <= _NEWS

    def publish(self, watch: Watch, result: Result, now: float, *, again: bool = False) -> None:
        """Write the verdict file; one that cannot be replaced and says another state is removed.

        ``again`` is for a result that was written before.
        """
        health, published, told = watch.health, watch.published, watch.told
        text = one_line(result.text)
        if health.count:
            text = verdict.against(health.count, health.needed, health.state, text)
        shown = Result(health.state or OK, text, result.metrics)
        if not again:
            published.duration = now - watch.schedule.begun
        instead = told.word(now), told.why(now)
        data = verdict.encode(watch.entry.check, shown, watch.since, published.duration, published.ttl, *instead)
        path = f"{self.verdicts}/{published.file}"
        try:
            try:
                files.write(path, data)
            except OSError:
                if published.state == health.state:
                    raise
                self.remove(self.verdicts, published.file)
                files.write(path, data)  # a full disk has room for it now
        except OSError as error:
            if published.state == health.state:
                self.stamp(published, now)  # the text is an old one, but the state is right: a full disk takes a stamp
            self._trouble(self.verdicts, error, "")
            self._restore(error)
        else:
            self._failing.discard(self.verdicts)
            published.wrote(now, health.state, verdict.stamp_width(data))

    def stamp(self, published: Published, now: float) -> bool:
        """Stamp the verdict anew in place; return False where it has to be written as a whole."""
        try:
            verdict.restamp(f"{self.verdicts}/{published.file}", published.width)
        except (OSError, ValueError):
            return False
        published.stamped = now
        return True

    def log(self, watch: Watch, before: State | None, text: str) -> None:
        """Log and record a change."""
        entry, health = watch.entry, watch.health
        line = f"{entry.name}: {'first run' if before is None else before} -> {health.state}: {one_line(text)}"
        self._log(line, NOTICE if health.is_healthy else ERROR, syslog=entry.syslog)
        old = "" if before is None else str(before)
        self._record("check", entry.name, of=entry.check, state=str(health.state), before=old, text=one_line(text))

    def shout(self, kind: str, name: str, state: str, text: str, *, is_good: bool, syslog: bool = True) -> None:
        """Log and record that keepalived is told something else than a verdict, or no longer."""
        self._log(f"{name}: {one_line(text)}", NOTICE if is_good else ERROR, syslog=syslog)
        self._record(kind, name, state=state, text=one_line(text))

    def _log(self, line: str, severity: int, *, syslog: bool) -> None:
        self._say(line)
        if syslog and "JOURNAL_STREAM" not in os.environ:  # the journal has our own lines already
            log("vipwarden", severity, line)

    def note(self, watch: Watch, text: str) -> None:
        """Log what changes no verdict."""
        self._say(f"{watch.entry.name}: {watch.health.state} {one_line(text)}")

    def remove(self, folder: str, file: str) -> None:
        """Remove a file that is no longer true."""
        try:
            os.unlink(f"{folder}/{file}")  # noqa: PTH108 - no path object for each of thousands
        except FileNotFoundError:
            pass
        except OSError as error:
            self._trouble(folder, error, f", and {file} is still there")

    def leave(self, every: Iterable[Published], grace: float) -> None:
        """Make verdicts valid for ``grace`` seconds more, in which a successor may come."""
        for published in every:
            path = f"{self.verdicts}/{published.file}"
            try:
                head, line, rest = files.read(path, verdict.MOST_BYTES).partition(b"\n")
                words = head.split(b" ")
                if published.state is not None and words[_TTL:][:1] == [b"%.2f" % published.ttl]:
                    words[_TTL] = b"%.2f" % (published.ttl + grace)
                    files.write(path, b" ".join(words) + line + rest)
            except FileNotFoundError:
                pass  # a check that has no verdict yet
            except OSError as error:  # this one is valid for its own TTL only, as after a kill
                self._trouble(self.verdicts, error, "")

    def _restore(self, error: OSError) -> None:
        if error.errno == 2:  # somebody removed the folder
            try:
                self.ready()
            except OSError:
                pass  # was logged already

    def _trouble(self, folder: str, error: OSError, more: str) -> None:
        if folder not in self._failing:
            self._failing.add(folder)
            self._say(f"cannot write in {folder}: {error.strerror or error}{more}")
