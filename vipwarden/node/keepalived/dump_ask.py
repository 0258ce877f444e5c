"""How is a whole dump read while keepalived writes it, and while others ask for dumps too?

keepalived makes a new file for each dump, names it, and then fills it (fopen_safe() in lib/utils.c), one after the
other. So data is asked for first and opened once it is a new file; then json or stats: once that is new and whole,
data is whole too. In /tmp anybody may lay files: only regular files of root or of keepalived's user, with one name,
are read.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.dump import DumpError
from vipwarden.node.keepalived.dump_parse import parse_data, parse_json, parse_stats
from vipwarden.node.keepalived.process import ADVICE, CannotAskError, option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet
    from typing import TypeVar

    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.keepalived.dump import Instance, Script
    from vipwarden.node.keepalived.process import Keepalived

    Parsed = TypeVar("Parsed")

_MOST_BYTES = 32 << 20  # the largest possible configuration, 255 instances on each of a hundred interfaces
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05  # seconds between two looks


@dataclass(slots=True)
class Dump:
    """The instances and scripts of keepalived; ``source`` of the counters is json or stats."""

    instances: list[Instance]
    scripts: list[Script]
    source: str


class Places:
    """The possible paths of each dump."""

    def __init__(self, keepalived: Keepalived, conf: Block | None) -> None:
        """Derive them from configuration, command line and environment, as lib/utils.c and global_data.c do."""
        folder = keepalived.environment("TMPDIR")
        folder = folder.rstrip("/") if folder.startswith("/") else "/tmp"  # noqa: S108 - keepalived's own choice
        values = dict.fromkeys(("state_dump_file", "stats_dump_file", "json_dump_file"), "")
        instance = space = ""
        if conf is not None:
            for block in conf.named("global_defs"):
                values.update({key: value for key in values if (value := block.value(key))})
            instance, space = conf.value("instance"), conf.value("net_namespace")
        space = option(keepalived.words, "s", "namespace") or space
        own = "_".join(word for word in (space, instance) if word)
        self.data, self.stats, self.json = (
            [keepalived.seen(path) for path in _paths(folder, f"keepalived.{kind}", values[f"{key}_dump_file"], own)]
            for kind, key in (("data", "state"), ("stats", "stats"), ("json", "json"))
        )


def _paths(folder: str, name: str, given: str, own: str) -> list[str]:
    """Return the default and the given path, with and without data_use_instance, the default first."""
    path = os.path.join(folder, given + name if given.endswith("/") else given or name)  # noqa: PTH118
    paths = [f"{folder}/{name}", path]
    if own:
        for plain in tuple(paths):
            stem, dot, suffix = plain.rpartition(".")
            paths.append(f"{stem}.{own}.{suffix}" if dot and "/" not in suffix else f"{plain}.{own}")
    return list(dict.fromkeys(paths))


def ask(keepalived: Keepalived, places: Places, timeout: float) -> Dump:
    """Ask a keepalived for its dumps and wait for them; raises DumpError, CannotAskError and NoProcessError."""
    until = monotonic() + timeout
    with _Wait(places.data, keepalived, until) as data:
        keepalived.send("DATA")
        data.open()
        source = "json" if "JSON" in keepalived.numbers() else "stats"
        with _Wait(places.json if source == "json" else places.stats, keepalived, until) as second:
            keepalived.send(source.upper())
            second.open()
            by_json = second.whole(parse_json) if source == "json" else []
            instances, scripts = parse_data(data.read())  # whole by now, as all that was there before
            by_name = {instance.name: instance for instance in instances}
            if source == "stats":
                counters = second.whole(lambda dump: _all_of(by_name.keys(), parse_stats(dump)))
                for instance in instances:
                    instance.counters = counters[instance.name]
    for instance in by_json:
        instance.group = by_name[instance.name].group if instance.name in by_name else ""
    return Dump(by_json or instances, scripts, source)


def _all_of(names: AbstractSet[str], counters: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    if not names <= counters.keys():
        raise DumpError("not all is there")
    return counters


class _Wait:
    """Notes the files at some paths before a dump is asked for, then waits for a new file."""

    def __init__(self, paths: Sequence[str], keepalived: Keepalived, until: float) -> None:
        self.paths = paths
        self.path = ""
        self.keepalived = keepalived
        self.until = until
        self.before = {path: _identity(path) for path in paths}
        self.why = f"none of {' '.join(paths)} is new" if len(paths) > 1 else f"{paths[0]} is not new"
        self.pause = _FIRST_PAUSE
        self.file = -1

    def __enter__(self) -> _Wait:
        return self

    def __exit__(self, *_: object) -> None:
        if self.file >= 0:
            os.close(self.file)

    def open(self) -> None:
        """Wait for the file; raises DumpError and CannotAskError."""
        while True:
            for path in self.paths:
                now = _identity(path)
                if now is not None and now != self.before[path]:
                    self.path, self.file = path, self._open(path)
                    if self.file >= 0:
                        return
                    self.before[path] = now
            self._rest()

    def whole(self, parse: Callable[[bytes], Parsed]) -> Parsed:
        """Read the file until it can be parsed; raises DumpError."""
        while True:
            dump = self.read()
            try:
                return parse(dump)
            except DumpError as error:
                self.why = f"of {self.path} {error}"
            self._rest()

    def read(self) -> bytes:
        """Return what the file holds now; raises DumpError."""
        parts: list[bytes] = []
        size = 0
        while more := os.pread(self.file, 1 << 20, size):
            parts.append(more)
            size += len(more)
            if size > _MOST_BYTES:
                raise DumpError(f"{self.path} has more than {_MOST_BYTES >> 20} MiB")
        return b"".join(parts)

    def _open(self, path: str) -> int:
        """Return a descriptor, -1 where the file is gone again or not to be trusted."""
        try:
            file = os.open(path, _FLAGS)
        except PermissionError:
            raise CannotAskError(
                f"keepalived (PID {self.keepalived.pid}) was asked, but {path} may not be read by user {os.geteuid()}: "
                f"{ADVICE}"
            ) from None
        except OSError as error:  # ELOOP: a link
            self.why = f"{path} cannot be opened ({error.strerror})"
            return -1
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode) and status.st_uid in (0, self.keepalived.uid) and status.st_nlink <= 1:
            return file
        os.close(file)
        self.why = f"{path} is no file of keepalived's: it belongs to user {status.st_uid}"
        return -1

    def _rest(self) -> None:
        if monotonic() + self.pause > self.until:
            text = f"keepalived (PID {self.keepalived.pid}) was asked for a dump, but {self.why}"
            if self.keepalived.is_open:
                raise DumpError(text)
            hidden = f"whether it has a /tmp of its own may not be seen by user {os.geteuid()}"
            raise CannotAskError(f"{text}, and {hidden}: {ADVICE}")
        sleep(self.pause)
        self.pause = min(2 * self.pause, _LONGEST_PAUSE)


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns
