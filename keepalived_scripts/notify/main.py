"""What does keepalived call at an event? The program for notify, notify_master and the like, and for the FIFO."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.accept import Next, accept, go_on, started
from keepalived_scripts.notify.event import Event, EventError, from_words
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File, UsageError
from vipwarden.core.result import one_line
from vipwarden.core.values import Seconds
from vipwarden.node.keepalived.vrrp_state import STATES
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Sequence


def notify(
    *word: str | None,
    state: str | None = None,
    instance: str | None = None,
    group: str | None = None,
    fifo: File | None = None,
    keepalived_conf: File = "/etc/keepalived/keepalived.conf",
    compare: Seconds = Seconds(5),
    config: File | None = None,
    check_config: bool = False,
) -> int:
    """Record, log and forward keepalived's events.

    As notify script:         notify "/usr/libexec/keepalived/notify"
    As notify_master script:  notify_master "/usr/libexec/keepalived/notify --state MASTER --instance V1"
    As reader of the FIFO:    vrrp_notify_fifo_script "/usr/libexec/keepalived/notify --fifo"

    word: your own arguments, which hooks get first, and then keepalived's
    state: MASTER, BACKUP, FAULT, STOP or DELETED, for scripts to which keepalived does not pass it
    instance: name of the vrrp_instance; needs --state
    group: name of the vrrp_sync_group; needs --state
    fifo: path of the FIFO to read until SIGTERM
    keepalived_conf: keepalived configuration whose VIPs show whether an event of the FIFO was lost
    compare: seconds between two comparisons with the VIPs that the kernel holds
    config: configuration file; default /etc/vipwarden/vipwarden.yaml, if it exists
    check_config: check the configuration, report errors and exit
    """
    if check_config:
        return _check(config)
    if fifo is not None:
        from keepalived_scripts.notify.fifo import Reader

        if word:
            raise UsageError(f"{word[0]!r}: --fifo takes no arguments")
        Reader(fifo, config, keepalived_conf, compare).run()
        return 0
    event = _event([text or "" for text in word], state, instance, group)
    event.order = started()
    todo = accept(event)
    if todo is not Next.NOTHING:
        go_on(config, [event] if todo is Next.AT_ONCE else ())
    if todo is Next.AT_ONCE:
        sys.stderr.write(f"notify: {event} cannot be spooled in {paths.vrrp()}; its hooks run at once\n")
        return 1
    return 0


line = CommandLine("notify", notify, first=True)


def main(arguments: Sequence[str]) -> int:
    """Run notify; return 0 for success, 1 for a failure and 2 for a wrong command line."""
    os.umask(0o022)  # keepalived's is 0177
    try:
        return line.call(arguments)
    except (UsageError, EventError) as error:
        return _failed(f"{error}; see notify --help", line.refused)
    except OSError as error:
        return _failed(f"{' '.join(arguments)}: {error}", 1)


def _event(words: Sequence[str], state: str | None, instance: str | None, group: str | None) -> Event:
    named = [(kind, name) for kind, name in (("INSTANCE", instance), ("GROUP", group)) if name is not None]
    if state is None and not named:
        return from_words(words)
    if state is None or len(named) != 1:
        raise UsageError("--state needs --instance or --group, and they need --state")
    if state not in STATES:
        raise UsageError(f"--state {state!r}: one of {', '.join(STATES)} is wanted")
    return Event(*named[0], state, words=words)


def _check(config: str | None) -> int:
    from keepalived_scripts.notify.settings import load, problems
    from vipwarden.config.document import ConfigError

    try:
        texts = list(problems(load(config)))
    except ConfigError as error:
        return _failed(str(error), 2)
    sys.stderr.writelines(f"notify: {one_line(text)}\n" for text in texts)
    if not texts:
        sys.stdout.write("nothing wrong\n")
    return 2 if texts else 0


def _failed(text: str, code: int) -> int:
    """Report an error, to the journal as well: keepalived discards the output of scripts."""
    try:
        sys.stderr.write(f"notify: {text}\n")
    except (OSError, AttributeError):
        pass  # there is no terminal
    journal.log(journal.ERROR, text)
    return code


def entry() -> None:
    """Run the command and leave with its code."""
    sys.exit(main(sys.argv[1:]))
