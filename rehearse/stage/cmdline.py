"""How does a stand-in get the command line of another program, of which keepalived compares every byte?

Where it lies in the memory of a process, and how long it is, the kernel notes at the start (proc(5), arg_start). So a
Python is started with arguments that are as long as those that are wanted, and then writes these in their place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTIONS = ("-IS", "-")
_TAKEN = sum(len(it) + 1 for it in ("", *_OPTIONS))
_BEGIN, _END = 45, 46  # fields of /proc/self/stat after the name: arg_start and arg_end


def joined(command: Sequence[str]) -> bytes:
    """Return a command line as /proc/PID/cmdline has it."""
    return b"".join(it.encode("utf-8", "replace") + b"\0" for it in command)


def is_possible(command: Sequence[str]) -> bool:
    """Return whether a Python with no arguments has not more already."""
    return len(joined(command)) >= _TAKEN


def words(command: Sequence[str]) -> list[str]:
    """Return the arguments of a Python that can show this command line; its program is its input."""
    return ["x" * (len(joined(command)) - _TAKEN), *_OPTIONS]


def program(code: str, given: dict[str, Any]) -> bytes:
    """Return that input: it serves what is given."""
    lines = f"import sys, json; sys.path.insert(0, {code!r}); from rehearse.stage.service import serve"
    return f"{lines}; serve(json.loads({json.dumps(given)!r}))\n".encode()


def show(command: Sequence[str]) -> None:
    """Have this command line from now on; raises OSError."""
    text = joined(command)
    fields = Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    begin = int(fields[_BEGIN])
    if int(fields[_END]) - begin != len(text):
        raise OSError("another length of the command line")
    with open("/proc/self/mem", "r+b", buffering=0) as memory:  # noqa: PTH123 - without a buffer
        memory.seek(begin)
        memory.write(text)
