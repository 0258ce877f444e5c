"""How does keepalived get a verdict without a process? By a number in a file that it watches by inotify.

keepalived (track_file.c, process_update_track_file_status() and check_file.c) reads the number by strtol() whenever
a writer closes the file, and takes an empty or missing file for 0. So a new file is written aside and renamed; from
then on it is overwritten in place, always by the same number of bytes: there is never an empty or longer file between
two values, and a full disk cannot refuse them.
"""

from __future__ import annotations

import posix

from vipwarden.state import files


def text(value: int) -> bytes:
    """Return the content of the file for a value from -254 to 253: always five bytes."""
    return b"%-4d\n" % value


def write(path: str, value: int) -> None:
    """Put a value into a file, which is made where it is missing or no plain file; raises OSError."""
    data = text(value)
    try:
        if posix.lstat(path).st_size == len(data):
            files.overwrite(path, data)
            return
    except OSError:
        pass  # not there, or not ours: make it anew
    files.write(path, data)


def fail(path: str, value: int) -> bool:
    """Take a healthy value away by all means; return whether the file holds this value or is gone.

    Raises nothing: nobody could act on it where even the removal fails.
    """
    try:
        files.overwrite(path, text(value))
    except FileNotFoundError:
        return True
    except OSError:
        try:
            posix.unlink(path)
        except OSError:
            return False
    return True
