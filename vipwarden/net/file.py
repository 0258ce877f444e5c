"""How is something read that may lie on a mount that hangs? By a child that can be left behind.

A process that waits for a file system that does not answer may not even be killed. That is the child's fate then; its
parent leaves in time. A thread in that state would keep the whole process from ending, and with it the verdict:
keepalived waits for the end of its script. A child costs as much as half a run, so what is_near() is read at once.
"""

from __future__ import annotations

import marshal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_FLAGS = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC  # a FIFO in its place must not hold us up
_NO_ANSWER = 5  # EIO
_TYPE, _LINK = 0o170000, 0o120000  # S_IFMT, S_IFLNK
_IN_MEMORY = (b"tmpfs", b"devtmpfs", b"ramfs")
_ODD = frozenset(("", ".", ".."))  # no step on a way down
_ESCAPED = frozenset(" \t\n\\")  # in the names of mountinfo


def look(path: str, most: int) -> tuple[int, bytes]:
    """Return the mode of a file and its beginning, at most ``most`` bytes and one; raises OSError."""
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
    """Return whether a file lies on the root file system, which this command comes from, or in memory.

    What is mounted on the way is told by ``mounts`` (proc(5)), without touching it. A link may lead anywhere.
    """
    steps = path.split("/")
    if path[:1] != "/" or _ODD.intersection(steps[1:]) or _ESCAPED.intersection(path):
        return False
    place = ""
    try:
        far = _far(mounts)
        for step in steps[1:]:
            place += "/" + step
            if place in far or posix.lstat(place).st_mode & _TYPE == _LINK:
                return False
    except (OSError, ValueError):
        return False
    return True


def _far(mounts: str) -> set[str]:
    """Return where file systems are mounted that may not answer; raises OSError and ValueError."""
    source = posix.open(mounts, _FLAGS)
    try:
        data = b"".join(iter(lambda: posix.read(source, 65536), b""))  # the kernel gives a page at a time
    finally:
        posix.close(source)
    found, root = set(), b""
    for line in data.splitlines():
        words, _, kind = line.partition(b" - ")
        _, _, device, _, point, _ = words.split(b" ", 5)
        if point == b"/":
            root = device
        elif device != root and kind.partition(b" ")[0] not in _IN_MEMORY:
            found.add(point.decode("utf-8", "surrogateescape"))
    if not root:
        raise ValueError("no root")
    return found


def tell(work: Callable[[], object], sink: int) -> NoReturn:
    """Be the child: do the work, tell through a pipe what came of it, and never return."""
    try:
        posix.closerange(0, sink)  # whoever waits for the end of our outputs must not wait for this child
        posix.closerange(sink + 1, sink + 1024)
        try:
            found: Any = (0, work())
        except OSError as error:
            found = (error.errno or _NO_ANSWER, None)
        answer = marshal.dumps(found)
        while answer:
            answer = answer[posix.write(sink, answer) :]
    finally:
        posix._exit(0)


def heard(answer: bytes) -> object:
    """Return what a child found; raises OSError, also where it died."""
    code, found = marshal.loads(answer) if answer else (_NO_ANSWER, None)  # noqa: S302 - from our own child
    if code:
        raise OSError(code, posix.strerror(code))
    return found
