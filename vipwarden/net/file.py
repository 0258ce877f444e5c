"""How is a file read whose mount may hang? By a child process that can be abandoned.

A process that waits for a file system which does not answer often cannot be killed. Then the child stays, and its
parent leaves in time. A thread in that state would keep the whole process from ending, and keepalived waits for the end
of its script. A child costs as much as half a run, so a file that is_near() is read without a child.
"""

from __future__ import annotations

import marshal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_FLAGS = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC  # a FIFO in its place must not block
_NO_ANSWER = 5  # EIO
_TYPE, _LINK = 0o170000, 0o120000  # S_IFMT, S_IFLNK
_IN_MEMORY = (b"tmpfs", b"devtmpfs", b"ramfs")
_ODD = frozenset(("", ".", ".."))  # no step on a way down
_ESCAPED = frozenset(" \t\n\\")  # in the names of mountinfo


def look(path: str, most: int) -> tuple[int, bytes]:
    """Return the mode of a file and its beginning, at most ``most`` + 1 bytes; raises OSError."""
    source = posix.open(path, _FLAGS)
    try:
        mode = posix.fstat(source).st_mode
        data = b""
        while len(data) <= most and (more := posix.read(source, most + 1 - len(data))):
            data += more
        return mode, data
    finally:
        posix.close(source)


def is_near(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Return whether a file lies on the root file system, from which this command was loaded, or in memory.

    ``mounts`` (proc(5)) lists what is mounted, without touching it. A path through a symbolic link is not near. A file
    that is missing is near where it would be: that it is missing is known at once.
    """
    steps = path.split("/")
    if path[:1] != "/" or _ODD.intersection(steps[1:]) or _ESCAPED.intersection(path):
        return False
    place = ""
    try:
        far = _far(mounts)
    except (OSError, ValueError):
        return False
    try:
        for step in steps[1:]:
            place += "/" + step
            if place in far or posix.lstat(place).st_mode & _TYPE == _LINK:
                return False
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _far(mounts: str) -> set[str]:
    """Return the mount points of file systems that may hang; raises OSError and ValueError."""
    source = posix.open(mounts, _FLAGS)
    try:
        data = b"".join(iter(lambda: posix.read(source, 65536), b""))  # the kernel gives a page at a time
    finally:
        posix.close(source)
    points, root = set(), b""
    for line in data.splitlines():
        words, _, kind = line.partition(b" - ")
        _, _, device, _, point, _ = words.split(b" ", 5)
        if point == b"/":
            root = device
        elif device != root and kind.partition(b" ")[0] not in _IN_MEMORY:
            points.add(point.decode("utf-8", "surrogateescape"))
    if not root:
        raise ValueError("no root")
    return points


def be_child(work: Callable[[], object], sink: int) -> NoReturn:
    """Be the child: do the work, write its result to a pipe, and never return."""
    try:
        posix.closerange(0, sink)  # a reader of the outputs must not wait for this child
        posix.closerange(sink + 1, sink + 1024)
        try:
            result: Any = (0, work())
        except OSError as error:
            result = (error.errno or _NO_ANSWER, (error.strerror, error.filename))
        answer = marshal.dumps(result)
        while answer:
            answer = answer[posix.write(sink, answer) :]
    finally:
        posix._exit(0)


def result_of(answer: bytes) -> object:
    """Return the result of a child; raises its OSError, and EIO where it died."""
    code, result = marshal.loads(answer) if answer else (_NO_ANSWER, None)  # noqa: S302 - from our own child
    if code:
        text, path = result or ("", None)
        raise OSError(code, text or posix.strerror(code), path)
    return result
