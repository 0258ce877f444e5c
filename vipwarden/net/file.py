"""How is something read that may lie on a mount that hangs? By a child that can be left behind.

A process that waits for a file system that does not answer may not even be killed. That is the child's fate then; its
parent leaves in time. A thread in that state would keep the whole process from ending, and with it the verdict:
keepalived waits for the end of its script.
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
