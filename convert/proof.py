"""Do keepalived and the agent accept a configuration before it is put in place?"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.settings import plan
from vipwarden.config.document import ConfigError
from vipwarden.node.keepalived.lines import ConfError, lines
from vipwarden.node.keepalived.tested import test as asked
from vipwarden.node.keepalived.version import programs
from vipwarden.state import files, paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convert.conversion import Change, Conversion

_SECONDS = 30
_INSECURE = 6  # scripts without enable_script_security, which is the operator's to set where there were some
_PLACE = re.compile(r"^\(.*?Line \d+\) ?|^\([^)]*\): |Line \d+")
_CHATTER = re.compile(
    r"(WARNING - (default user|script)|SECURITY VIOLATION|Opening file|Using ConfigFile|Configuration file|Starting"
    r"|Running on|Command line|Configured)\b"
)


class ProofError(Exception):
    """The new configuration is refused; the text says by whom, and why."""


def prove(conversion: Conversion, config_id: str | None) -> None:
    """Have the new configuration tested, in a file beside the old one; raises ProofError and OSError."""
    changes = {change.path: change for change in conversion.changes}
    for change in conversion.changes:
        if change.path != conversion.conf and not _is_conf(conversion, change):
            _prove_checks(change)
    with suppress(OSError):  # keepalived from 2.3 on refuses track files whose folder is missing (track_file.c)
        files.ready(paths.tracks(paths.ROOT))
    aside = _aside(conversion.conf)
    whole = _whole(conversion, changes, config_id)
    try:
        after = _test(aside, whole, config_id)
        if after[0]:
            before = _test(aside, changes[conversion.conf].before if conversion.conf in changes else None, config_id)
            new = [line for line in after[1] if line not in before[1]]
            if new or (not before[0] and after[0] != _INSECURE):
                raise ProofError("keepalived -t refuses the new configuration:\n" + "\n".join(new or after[1]))
    finally:
        try:
            os.unlink(aside)  # noqa: PTH108
        except FileNotFoundError:
            pass


def _is_conf(conversion: Conversion, change: Change) -> bool:
    """Return whether a file is a part of keepalived.conf."""
    return any(change.path == path for path, _ in conversion.files)


def _prove_checks(change: Change) -> None:
    try:
        plan(change.path, change.after.decode("utf-8", "surrogateescape"))
    except ConfigError as error:
        raise ProofError(f"the agent refuses the new checks:\n{error}") from None


def _aside(path: str) -> str:
    """Return a name beside a file that no include matches."""
    folder, _, name = path.rpartition("/")
    return f"{folder or '.'}/.{name}.vipwarden-{os.getpid()}"


def _whole(conversion: Conversion, changes: Mapping[str, Change], config_id: str | None) -> bytes:
    """Return the new configuration as one file: as it is, or with includes put in where these change as well."""
    inner = [path for path, _ in conversion.files if path in changes and path != conversion.conf]
    if not inner and conversion.conf in changes:
        return changes[conversion.conf].after
    texts = {path: change.after.decode("utf-8", "replace") for path, change in changes.items()}
    try:
        found = lines(conversion.conf, config_id=config_id, texts=texts)
        return "".join(f"{line.text}\n" for line in found).encode()
    except ConfError as error:
        raise ProofError(str(error)) from None


def _test(path: str, data: bytes | None, config_id: str | None) -> tuple[int, list[str]]:
    """Return the exit code of ``keepalived -t`` and what it says, without places; raises ProofError and OSError."""
    if data is None:
        return 1, []
    installed = programs()
    if not installed:
        raise ProofError("there is no keepalived that could test the new configuration")
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(place, "wb") as file:  # noqa: PTH123
        file.write(data)
    tested = asked(installed[0], path, config_id, _SECONDS)
    if tested.code is None:
        why = "says more than can be read" if tested.is_cut else f"does not end within {_SECONDS} s"
        raise ProofError(f"keepalived -t {why}")
    said = (_PLACE.sub("", line.replace(path, "FILE")).strip() for line in tested.text.splitlines())
    return tested.code, [line for line in said if line and not _CHATTER.match(line)]
