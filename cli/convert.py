"""What becomes of keepalived.conf with the checks of vipwarden? The conversion as a part of the command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from convert.conversion import convert as converted
from convert.conversion import unchanged
from convert.proof import ProofError, prove
from convert.work import Way
from convert.write import write as written
from vipwarden.config.document import PATH, ConfigError
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File, Folder  # noqa: TC001 - options() looks them up
from vipwarden.core.result import one_line
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convert.conversion import Conversion

_CONF = "/etc/keepalived/keepalived.conf"
_ASSUMED = Version("2.2.7")


def convert(
    configuration: str = _CONF,
    *,
    config: File = PATH,
    ldirectord: File | None = None,
    oneshot: bool = False,
    commands: bool = False,
    quiesce: bool = False,
    write: bool = False,
    keepalived_version: Version | None = None,
    folder: Folder = "/usr/libexec/keepalived",
    config_id: str | None = None,
) -> int:
    """Turn the scripts and checkers of keepalived.conf into checks of vipwarden.

    It prints a unified diff of keepalived.conf and vipwarden.yaml, and to standard error what it leaves alone, with the
    reason. Exit codes: 0 done, 1 refused or not written, 2 an unreadable configuration or option.

    configuration: file to convert, by default /etc/keepalived/keepalived.conf
    config: configuration of the agent, to which the checks are added
    ldirectord: ldirectord.cf whose virtual servers are put at the end of keepalived.conf
    oneshot: chk_ commands that keepalived runs, in place of checks of the agent
    commands: also unknown scripts, which the agent then runs as they are
    quiesce: give failed real servers weight 0 by FILE_CHECK, as with inhibit_on_failure, in place of removing them
    write: replace the files, after keepalived -t and the agent accept them; the old ones are kept beside them
    keepalived_version: version in place of the installed one, such as 2.2.7
    folder: folder of the commands
    config_id: as keepalived's own option; by default the name of the node
    """
    version = keepalived_version or installed() or _ASSUMED
    way = Way(version, oneshot=oneshot, commands=commands, quiesce=quiesce, folder=folder.rstrip("/"))
    try:
        made = converted(configuration, config, way, config_id, ldirectord or "")
    except (ConfError, ConfigError) as error:
        return _say(str(error), 2)
    if not write:
        for change in made.changes:
            _print(change.diff())
        _report(made)
        return 0
    try:
        if made.changes:
            prove(made, config_id)
            for backup in written(made.changes, lambda: unchanged(made.changes)):
                sys.stdout.write(f"kept {backup}\n")
    except (ProofError, ConfError) as error:
        return _say(str(error), 1)
    except OSError as error:
        return _say(f"nothing is changed: {error.filename or configuration}: {error.strerror or error}", 1)
    for change in made.changes:
        sys.stdout.write(f"wrote {change.path}\n")
    if made.changes:
        agent = "" if oneshot else "start or reload vipwarden-agent, then "
        sys.stdout.write(f"now {agent}reload keepalived\n")
    _report(made)
    return 0


def _print(lines: Iterable[str]) -> None:
    """Write a diff byte by byte as the file has it, whatever the encoding of the terminal."""
    text = "".join(lines)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def _report(made: Conversion) -> None:
    """Say what is left alone, and what is not quite as before."""
    said = [f"{place}: left alone: {one_line(text)}" for place, text in made.left]
    said += [f"{place}: note: {one_line(text)}" for place, text in made.notes]
    said.append(f"{made.done} converted, {len(made.left)} left alone")
    sys.stderr.writelines(f"{line}\n" for line in said)


def _say(text: str, code: int) -> int:
    sys.stderr.write("\n".join(f"vipwarden convert: {one_line(line)}" for line in text.splitlines()) + "\n")
    return code


main = CommandLine("vipwarden convert", convert)
