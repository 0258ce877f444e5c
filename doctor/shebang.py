"""Can the kernel start this file? By its first line, as the kernel's binfmt_script reads it."""

from __future__ import annotations

from dataclasses import dataclass
from stat import S_ISREG
from typing import TYPE_CHECKING

from doctor.host import SEARCHED
from doctor.program import is_executable
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from doctor.host import Host
    from doctor.program import Program

_LINE = 255  # bytes that the kernel reads of it
_TEXT = frozenset(range(32, 127)) | {9, 10, 13}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why it cannot be started, and what helps."""

    kind: str
    text: str
    fix: str

    NONE_NAMED = "none named"
    MISSING = "missing"
    ENV = "env"


def trouble(host: Host, program: Program) -> Trouble | None:
    """Return why the kernel does not start the program, or None where it does (or where that cannot be told)."""
    head = host.read(program.real, _LINE)
    if not head or b"\0" in head:
        empty = head == b"" and "is empty"
        return Trouble(Trouble.NONE_NAMED, f"{program.real} {empty}", "Write the script.") if empty else None
    if not head.startswith(b"#!"):
        if not set(head) <= _TEXT:
            return None
        return Trouble(Trouble.NONE_NAMED, f"{program.real} does not begin with #!", "Begin it with #!/bin/sh")
    words = head[2:].split(b"\n")[0].decode("utf-8", "replace").strip(" \t").split(None, 1)
    interpreter = head[2:].split(b"\n")[0].strip(b" \t").split(b" ")[0].split(b"\t")[0].decode("utf-8", "replace")
    if interpreter.endswith("\r"):
        text = f"{program.real} has lines that end as on Windows: there is no interpreter {one_line(interpreter)}\\r"
        return Trouble(Trouble.MISSING, text, f"sed -i 's/\\r$//' {program.real}")
    if not _runs(host, interpreter, program):
        text = f"{program.real} names an interpreter that cannot be run: {one_line(interpreter) or 'none'}"
        return Trouble(Trouble.MISSING, text, "Install it, or correct the first line of the script.")
    if interpreter.rpartition("/")[2] == "env" and len(words) > 1:
        return _env(host, words[1].split(), program)
    return None


def _env(host: Host, words: list[str], program: Program) -> Trouble | None:
    """Look for what ``#!/usr/bin/env [-S] [NAME=VALUE] PROGRAM`` starts."""
    wanted = [word for word in words if not word.startswith("-") and "=" not in word]
    if not wanted or any(_runs(host, path, program) for path in _places(wanted[0])):
        return None
    text = f"{program.real} is started by env, which finds no {one_line(wanted[0])} in {':'.join(SEARCHED)}"
    return Trouble(Trouble.ENV, text, "Install it, or name the interpreter by its whole path in the first line.")


def _places(name: str) -> list[str]:
    return [name] if "/" in name else [f"{folder}/{name}" for folder in SEARCHED]


def _runs(host: Host, path: str, program: Program) -> bool:
    real = host.real(path) if path.startswith("/") else None
    seen = None if real is None else host.lstat(real)
    return seen is not None and S_ISREG(seen.st_mode) and is_executable(seen, program.uid, program.gid)
