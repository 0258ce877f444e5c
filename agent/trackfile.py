"""How is a verdict handed to keepalived without a process? By a number in a file that it watches by inotify.

keepalived (track_file.c, process_update_track_file_status() and check_file.c) reads the number by strtol() whenever
a writer closes the file, and takes a file that is empty or not there for 0. So a file is made aside and renamed, and
from then on overwritten in place: always the same few bytes, so that there is never an empty or longer file between
two values, and a full disk cannot refuse them.
"""

from __future__ import annotations

import posix

SWITCH_OFF, SWITCH_ON = 0, 1  # of the fail-closed form, "weight 0 reverse": 0 and no file are a fault
FAULT = -254  # and below, with weight 1: a fault of the VRRP instance, or a real server that is down
_IN_PLACE = posix.O_WRONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
NEW = _IN_PLACE | posix.O_CREAT | posix.O_TRUNC


def text(value: int) -> bytes:
    """Return what stands in the file for a value of -254 to 253: always five bytes."""
    return b"%-4d\n" % value


def overwrite(path: str, value: int) -> None:
    """Put a value into a file that is there; raises OSError."""
    out = posix.open(path, _IN_PLACE)
    try:
        if posix.write(out, text(value)) != 5:
            raise OSError(28, "no space left for the value")
    finally:
        posix.close(out)


def write(path: str, value: int) -> None:
    """Put a value into a file, which is made where it is missing or no plain file; raises OSError."""
    try:
        if posix.lstat(path).st_size == 5:
            overwrite(path, value)
            return
    except OSError:
        pass  # not there, or not ours: make it anew
    folder, _, name = path.rpartition("/")
    aside = f"{folder}/.{posix.getpid()}.{name}"
    out = posix.open(aside, NEW, 0o644)
    try:
        try:
            if posix.write(out, text(value)) != 5:
                raise OSError(28, "no space left for the value")
            posix.fchmod(out, 0o644)  # keepalived's umask, or the operator's, may be narrower
        finally:
            posix.close(out)
        posix.rename(aside, path)
    except OSError:
        posix.unlink(aside)
        raise


def fail(path: str, value: int) -> bool:
    """Take a healthy value away by all means; return whether the file says so, or is gone.

    Raises nothing: where even its removal fails there is nobody else to ask.
    """
    try:
        overwrite(path, value)
    except FileNotFoundError:
        return True
    except OSError:
        try:
            posix.unlink(path)
        except OSError:
            return False
    return True
